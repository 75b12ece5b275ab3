"""For flows: tell FlowForge's API that an execution ended. No engine, no database, no web framework.

A flow's environment pays for this room and those below it only. What connects to a server is loaded with
``notify_completion``: who only wants the values pays for none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowforge_graph.client.calls import API_TOKEN_VARIABLE, API_URL_VARIABLE
from flowforge_graph.client.notices import CompletionNotice, SkippedNotice, TriggeredNotice

if TYPE_CHECKING:
    from flowforge_graph.client.notifying import notify_completion

__all__ = [
    "API_TOKEN_VARIABLE",
    "API_URL_VARIABLE",
    "CompletionNotice",
    "SkippedNotice",
    "TriggeredNotice",
    "notify_completion",
]


def __getattr__(name: str) -> Any:
    if name != "notify_completion":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flowforge_graph.client.notifying import notify_completion

    globals()[name] = notify_completion
    return notify_completion
