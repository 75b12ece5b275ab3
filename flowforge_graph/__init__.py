"""FlowForge's trigger engine: what starts each workflow, kept free of cycles, each cause started exactly once.

The public names live here and are imported when they are first used: who only wants the cron helpers pays for no
database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowforge_graph.engine import (
        SystemClock,
        TriggerEngine,
    )
    from flowforge_graph.errors import (
        CompletionConflict,
        CycleError,
        DatabaseError,
        DatabaseNewer,
        DatabaseUnreachable,
        DispatchError,
        DuplicateTrigger,
        ExecutionConflict,
        ExecutionNotFound,
        FlowforgeGraphError,
        InvalidDefinition,
        InvalidExecution,
        InvalidSchedule,
        InvalidTime,
        InvalidTrigger,
        InvalidWorkflow,
        LeaseLost,
        PermanentDispatchError,
        TableConflict,
        TriggerNotFound,
        WorkflowConflict,
        WorkflowNotFound,
    )
    from flowforge_graph.executors.local import (
        LocalExecutor,
    )
    from flowforge_graph.graph import (
        DependencyEdge,
        GraphIsReadOnly,
        TriggerGraph,
    )
    from flowforge_graph.model import (
        Claim,
        CommandRun,
        Completion,
        CompletionResult,
        DependencyGraph,
        DependencyLink,
        DependencyTrigger,
        DependencyValidation,
        EventTrigger,
        Execution,
        ManualTrigger,
        PrefectRun,
        PruneResult,
        PythonRun,
        ScheduleDrop,
        ScheduledTrigger,
        TickResult,
        Trigger,
        Verdict,
        Workflow,
        WorkflowDeletion,
        parse_trigger,
    )
    from flowforge_graph.schedules import (
        SchedulePreview,
        calculate_next_run,
        calculate_next_runs,
        format_cron_description,
        get_next_run_timestamp,
        validate_cron_expression,
    )

__all__ = [
    "Claim",
    "CommandRun",
    "Completion",
    "CompletionConflict",
    "CompletionResult",
    "CycleError",
    "DatabaseError",
    "DatabaseNewer",
    "DatabaseUnreachable",
    "DependencyEdge",
    "DependencyGraph",
    "DependencyLink",
    "DependencyTrigger",
    "DependencyValidation",
    "DispatchError",
    "DuplicateTrigger",
    "EventTrigger",
    "Execution",
    "ExecutionConflict",
    "ExecutionNotFound",
    "FlowforgeGraphError",
    "GraphIsReadOnly",
    "InvalidDefinition",
    "InvalidExecution",
    "InvalidSchedule",
    "InvalidTime",
    "InvalidTrigger",
    "InvalidWorkflow",
    "LeaseLost",
    "LocalExecutor",
    "ManualTrigger",
    "PermanentDispatchError",
    "PrefectRun",
    "PruneResult",
    "PythonRun",
    "ScheduleDrop",
    "SchedulePreview",
    "ScheduledTrigger",
    "SystemClock",
    "TableConflict",
    "TickResult",
    "Trigger",
    "TriggerEngine",
    "TriggerGraph",
    "TriggerNotFound",
    "Verdict",
    "Workflow",
    "WorkflowConflict",
    "WorkflowDeletion",
    "WorkflowNotFound",
    "calculate_next_run",
    "calculate_next_runs",
    "format_cron_description",
    "get_next_run_timestamp",
    "parse_trigger",
    "validate_cron_expression",
]

_HOME_OF = {
    "Claim": "flowforge_graph.model",
    "CommandRun": "flowforge_graph.model",
    "Completion": "flowforge_graph.model",
    "CompletionConflict": "flowforge_graph.errors",
    "CompletionResult": "flowforge_graph.model",
    "CycleError": "flowforge_graph.errors",
    "DatabaseError": "flowforge_graph.errors",
    "DatabaseNewer": "flowforge_graph.errors",
    "DatabaseUnreachable": "flowforge_graph.errors",
    "DependencyEdge": "flowforge_graph.graph",
    "DependencyGraph": "flowforge_graph.model",
    "DependencyLink": "flowforge_graph.model",
    "DependencyTrigger": "flowforge_graph.model",
    "DependencyValidation": "flowforge_graph.model",
    "DispatchError": "flowforge_graph.errors",
    "DuplicateTrigger": "flowforge_graph.errors",
    "EventTrigger": "flowforge_graph.model",
    "Execution": "flowforge_graph.model",
    "ExecutionConflict": "flowforge_graph.errors",
    "ExecutionNotFound": "flowforge_graph.errors",
    "FlowforgeGraphError": "flowforge_graph.errors",
    "GraphIsReadOnly": "flowforge_graph.graph",
    "InvalidDefinition": "flowforge_graph.errors",
    "InvalidExecution": "flowforge_graph.errors",
    "InvalidSchedule": "flowforge_graph.errors",
    "InvalidTime": "flowforge_graph.errors",
    "InvalidTrigger": "flowforge_graph.errors",
    "InvalidWorkflow": "flowforge_graph.errors",
    "LeaseLost": "flowforge_graph.errors",
    "LocalExecutor": "flowforge_graph.executors.local",
    "ManualTrigger": "flowforge_graph.model",
    "PermanentDispatchError": "flowforge_graph.errors",
    "PrefectRun": "flowforge_graph.model",
    "PruneResult": "flowforge_graph.model",
    "PythonRun": "flowforge_graph.model",
    "ScheduleDrop": "flowforge_graph.model",
    "SchedulePreview": "flowforge_graph.schedules",
    "ScheduledTrigger": "flowforge_graph.model",
    "SystemClock": "flowforge_graph.engine",
    "TableConflict": "flowforge_graph.errors",
    "TickResult": "flowforge_graph.model",
    "Trigger": "flowforge_graph.model",
    "TriggerEngine": "flowforge_graph.engine",
    "TriggerGraph": "flowforge_graph.graph",
    "TriggerNotFound": "flowforge_graph.errors",
    "Verdict": "flowforge_graph.model",
    "Workflow": "flowforge_graph.model",
    "WorkflowConflict": "flowforge_graph.errors",
    "WorkflowDeletion": "flowforge_graph.model",
    "WorkflowNotFound": "flowforge_graph.errors",
    "calculate_next_run": "flowforge_graph.schedules",
    "calculate_next_runs": "flowforge_graph.schedules",
    "format_cron_description": "flowforge_graph.schedules",
    "get_next_run_timestamp": "flowforge_graph.schedules",
    "parse_trigger": "flowforge_graph.model",
    "validate_cron_expression": "flowforge_graph.schedules",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]
