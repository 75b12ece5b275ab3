"""The engine: use cases over the store and the live graph. It knows executors by protocol only."""

from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.engine.clock import SystemClock
from flowforge_graph.engine.protocols import (
    Clock,
    ExecutionEnd,
    ExecutionHost,
    Executor,
    HoldingExecutor,
    Renewal,
)
from flowforge_graph.engine.settings import Settings
from flowforge_graph.engine.trigger_engine import TriggerEngine

__all__ = [
    "Clock",
    "DefinitionChanges",
    "ExecutionEnd",
    "ExecutionHost",
    "Executor",
    "HoldingExecutor",
    "Renewal",
    "Settings",
    "StoredDefinitions",
    "SystemClock",
    "TriggerEngine",
]
