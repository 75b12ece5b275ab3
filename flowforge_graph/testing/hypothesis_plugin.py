"""What Hypothesis calls when it is imported: our values become known to ``st.from_type``.

It is called in every process that imports Hypothesis where this package is installed. So it loads the values and
nothing else; their strategies are loaded when one of them is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

# Each public value by its room, with the module of its strategy, its function and the function's arguments.
STRATEGIES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "model": {
        "Claim": ("executions", "claims"),
        "CommandRun": ("workflows", "command_runs"),
        "Completion": ("executions", "completions"),
        "CompletionResult": ("executions", "completion_results"),
        "DependencyEdge": ("triggers", "dependency_edges"),
        "DependencyGraph": ("answers", "dependency_graphs"),
        "DependencyLink": ("answers", "dependency_links"),
        "DependencyTrigger": ("triggers", "triggers", "dependency"),
        "DependencyValidation": ("answers", "dependency_validations"),
        "Deployment": ("deployments", "deployments"),
        "DeploymentDrift": ("deployments", "deployment_drifts"),
        "DeploymentRepair": ("deployments", "deployment_repairs"),
        "Event": ("events", "events"),
        "EventPage": ("events", "event_pages"),
        "EventTrigger": ("triggers", "triggers", "event"),
        "Execution": ("executions", "executions"),
        "ExternalEnd": ("external_runs", "external_ends"),
        "Health": ("answers", "healths"),
        "ManualTrigger": ("triggers", "triggers", "manual"),
        "NewToken": ("tokens", "new_tokens"),
        "PrefectRun": ("workflows", "prefect_runs"),
        "PruneResult": ("answers", "prune_results"),
        "PythonRun": ("workflows", "python_runs"),
        "RecordedEnd": ("external_runs", "recorded_ends"),
        "ScheduleDifference": ("deployments", "schedule_differences"),
        "ScheduleDrop": ("answers", "schedule_drops"),
        "ScheduledTrigger": ("triggers", "triggers", "scheduled"),
        "TickResult": ("answers", "tick_results"),
        "Token": ("tokens", "tokens"),
        "TriggerSummary": ("answers", "trigger_summaries"),
        "Verdict": ("executions", "verdicts"),
        "Workflow": ("workflows", "workflows"),
        "WorkflowDeletion": ("answers", "workflow_deletions"),
    },
    "schedules": {"SchedulePreview": ("schedules", "schedule_previews")},
    "rendering": {
        "DiagramView": ("diagrams", "diagram_views"),
        "ImageLimits": ("diagrams", "image_limits"),
        "WorkflowNote": ("diagrams", "workflow_notes"),
    },
    "client": {
        "CompletionNotice": ("notices", "completion_notices"),
        "SkippedNotice": ("notices", "skipped_notices"),
        "TriggeredNotice": ("notices", "triggered_notices"),
    },
}


def register() -> None:
    """Let ``st.from_type`` know every public value."""
    from hypothesis import strategies as st

    for room, values in STRATEGIES.items():
        for name, place in values.items():
            kind = getattr(import_module(f"flowforge_graph.{room}"), name)
            st.register_type_strategy(kind, _strategies_of(kind, *place))


def _strategies_of(kind: type[Any], module: str, function: str, *arguments: str) -> Callable[[type[Any]], Any]:
    def strategy_of(asked: type[Any]) -> Any:
        # Hypothesis asks every strategy of a subtype too: values can be hashed, but nobody who draws Hashable or object
        # in a test of something else wants ours.
        if asked is not kind:
            return NotImplemented
        return getattr(import_module(f"flowforge_graph.testing.strategies.{module}"), function)(*arguments)

    return strategy_of
