"""For flows: tell FlowForge's API that an execution ended. No engine, no database, no web framework.

A flow's environment pays for this room and those below it only.
"""

from flowforge_graph.client.calls import API_TOKEN_VARIABLE, API_URL_VARIABLE
from flowforge_graph.client.notices import CompletionNotice, SkippedNotice, TriggeredNotice
from flowforge_graph.client.notifying import notify_completion

__all__ = [
    "API_TOKEN_VARIABLE",
    "API_URL_VARIABLE",
    "CompletionNotice",
    "SkippedNotice",
    "TriggeredNotice",
    "notify_completion",
]
