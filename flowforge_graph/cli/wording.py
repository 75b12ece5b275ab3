"""Triggers, executions and verdicts in English: why something ran, and why something did not. Pure."""

from __future__ import annotations

from typing import Final

from flowforge_graph.cli.text import count, instant
from flowforge_graph.model import AnyTrigger, Execution, Verdict

_END_REASONS: Final = {
    "lost": "its process was lost, as often as attempts are allowed",
    "dispatch_failed": "it could not be started",
    "cancel_requested": "somebody cancelled it",
    "engine_stopped": "the process that ran it was stopped",
    "workflow_deleted": "its workflow was deleted while it waited",
    "trigger_deleted": "its trigger was deleted while it waited",
    "trigger_disabled": "its trigger was disabled while it waited",
    "trigger_moved": "its trigger was moved to another upstream while it waited",
}


def trigger_rule(trigger: AnyTrigger) -> str:
    """What starts the trigger's workflow: ``on_success of bronze, after 5 minutes``."""
    match trigger.trigger_type:
        case "scheduled":
            owner = " of Prefect's" if trigger.schedule_owner == "prefect" else ""
            rule = f"schedule '{trigger.cron_expression}' {trigger.timezone}{owner}"
        case "dependency":
            rule = _dependency(trigger.dependency_condition, trigger.depends_on_workflow_id, trigger.delay_minutes)
        case "event":
            rule = f"event '{trigger.event_type}'"
        case "manual":
            rule = "by hand"
    name = f" ('{trigger.trigger_name}')" if trigger.trigger_name else ""
    return f"{rule}{name}{'' if trigger.enabled else ', disabled'}"


def why_started(execution: Execution) -> str:
    """What started an execution, with the copy of names and rules that it keeps itself."""
    name = f" ('{execution.trigger_name}')" if execution.trigger_name else ""
    match execution.trigger_type:
        case "scheduled":
            return f"schedule{name}, due {instant(execution.fire_time)}"
        case "dependency":
            upstream = execution.upstream_workflow_id or "an upstream"
            return _dependency(execution.dependency_condition or "", upstream, execution.delay_minutes) + name
        case "event":
            return f"event{name}" + (f", key '{execution.event_key}'" if execution.event_key else "")
        case "manual":
            cause = execution.caused_by_execution_id
            return f"by hand{name}" + (f", caused by execution {cause}" if cause else "")


def why_skipped(verdict: Verdict, upstream: Execution) -> str:
    """Why a trigger started nothing when ``upstream`` ended."""
    match verdict.reason:
        case "condition_not_met":
            return f"{verdict.condition} of {upstream.workflow_id}, which {upstream.status}"
        case "trigger_disabled":
            return f"its trigger on {upstream.workflow_id} is disabled"
        case "upstream_cancelled":
            return f"{upstream.workflow_id} was cancelled"
        case "workflow_missing":
            return "the workflow was deleted"
        case "cascade_limit":
            return "the cascade has reached its limit of executions"
        case _:
            return f"its trigger on {upstream.workflow_id} could not be evaluated"


def why_ended(execution: Execution) -> str | None:
    """Why an execution ended without its own doing; None where it ended by itself."""
    if execution.reason is None:
        return None
    return _END_REASONS.get(execution.reason, execution.reason)


def _dependency(condition: str, upstream: str, delay_minutes: int) -> str:
    delay = f", {count(delay_minutes, 'minute')} later" if delay_minutes else ""
    return f"{condition} of {upstream}{delay}"
