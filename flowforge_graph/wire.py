"""What a JSON reader sees, on the command line and over REST: camelCase, instants as Unix seconds. Value → dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flowforge_graph.model import (
    AnyTrigger,
    CommandRun,
    CompletionResult,
    Execution,
    PrefectRun,
    PythonRun,
    Run,
    ScheduledTrigger,
    Token,
    Verdict,
    Workflow,
    WorkflowDeletion,
)

Document = dict[str, Any]


def unix_seconds(instant: datetime | None) -> int | None:
    """Whole Unix seconds of an aware datetime; None stays None."""
    return None if instant is None else int(instant.timestamp())


def trigger_document(trigger: AnyTrigger, workflow_names: Mapping[str, str]) -> Document:
    """The trigger shape T of contract section 5: every field for every kind, null where a kind has none.

    Args:
        trigger: a stored trigger.
        workflow_names: the names of workflows by id; an upstream that is not in it gets the name null.
    """
    upstream = getattr(trigger, "depends_on_workflow_id", None)
    return {
        "id": trigger.id,
        "workflowId": trigger.workflow_id,
        "triggerType": trigger.trigger_type,
        "enabled": trigger.enabled,
        "triggerName": trigger.trigger_name,
        "cronExpression": getattr(trigger, "cron_expression", None),
        "timezone": getattr(trigger, "timezone", None),
        "nextRunAt": unix_seconds(getattr(trigger, "next_run_at", None)),
        "lastRunAt": unix_seconds(getattr(trigger, "last_run_at", None)),
        "dependsOnWorkflowId": upstream,
        "dependsOnWorkflowName": None if upstream is None else workflow_names.get(upstream),
        "dependencyCondition": getattr(trigger, "dependency_condition", None),
        "delayMinutes": getattr(trigger, "delay_minutes", None),
        "eventType": getattr(trigger, "event_type", None),
        "eventConfig": getattr(trigger, "event_config", None),
        "createdAt": unix_seconds(trigger.created_at),
        "updatedAt": unix_seconds(trigger.updated_at),
    }


def run_document(run: Run | None) -> Document | None:
    """What a workflow runs, in the words of the file: exactly one of ``command``, ``python``, ``prefect``."""
    match run:
        case CommandRun(command=command, timeout_seconds=timeout):
            return {"command": list(command), **({"timeoutSeconds": timeout} if timeout else {})}
        case PythonRun(python=python):
            return {"python": python}
        case PrefectRun(prefect=prefect):
            return {"prefect": prefect}
    return None


def workflow_document(workflow: Workflow, triggers: Sequence[AnyTrigger]) -> Document:
    """The workflow shape W: ``triggerCount`` and ``nextRunAt`` are of the given triggers into this workflow."""
    fire_times = [t.next_run_at for t in triggers if isinstance(t, ScheduledTrigger) and t.enabled and t.next_run_at]
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "tags": list(workflow.tags),
        "run": run_document(workflow.run),
        "source": workflow.source,
        "nextRunAt": unix_seconds(min(fire_times, default=None)),
        "triggerCount": len(triggers),
        "createdAt": unix_seconds(workflow.created_at),
        "updatedAt": unix_seconds(workflow.updated_at),
    }


def execution_document(execution: Execution) -> Document:
    """The execution shape E, without its captured output, which may be long."""
    return {
        "id": execution.id,
        "workflowId": execution.workflow_id,
        "workflowName": execution.workflow_name,
        "status": execution.status,
        "triggerType": execution.trigger_type,
        "triggerId": execution.trigger_id,
        "triggerName": execution.trigger_name,
        "dependencyCondition": execution.dependency_condition,
        "delayMinutes": execution.delay_minutes,
        "upstreamExecutionId": execution.upstream_execution_id,
        "upstreamWorkflowId": execution.upstream_workflow_id,
        "causedByExecutionId": execution.caused_by_execution_id,
        "rootExecutionId": execution.root_execution_id,
        "hop": execution.hop,
        "fireTime": unix_seconds(execution.fire_time),
        "eventKey": execution.event_key,
        "parameters": execution.parameters,
        "attempt": execution.attempt,
        "externalId": execution.external_id,
        "reason": execution.reason,
        "error": execution.error,
        "createdAt": unix_seconds(execution.created_at),
        "runAfter": unix_seconds(execution.run_after),
        "availableAt": unix_seconds(execution.available_at),
        "startedAt": unix_seconds(execution.started_at),
        "endedAt": unix_seconds(execution.ended_at),
        "cancelRequestedAt": unix_seconds(execution.cancel_requested_at),
        "durationMs": execution.duration_ms,
    }


def verdict_document(verdict: Verdict) -> Document:
    """One verdict: what one trigger answered to one completion."""
    return {
        "upstreamExecutionId": verdict.upstream_execution_id,
        "triggerId": verdict.trigger_id,
        "triggerName": verdict.trigger_name,
        "workflowId": verdict.workflow_id,
        "workflowName": verdict.workflow_name,
        "condition": verdict.condition,
        "delayMinutes": verdict.delay_minutes,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "executionId": verdict.execution_id,
        "runAfter": unix_seconds(verdict.run_after),
    }


_TRIGGERED_KEYS = ("triggerId", "workflowId", "workflowName", "executionId", "condition", "delayMinutes", "runAfter")
_SKIPPED_KEYS = ("triggerId", "workflowId", "workflowName", "reason")


def completion_document(result: CompletionResult) -> Document:
    """The answer to a completion, as clients of FlowForge know it."""
    triggered = [_only(_TRIGGERED_KEYS, verdict_document(verdict)) for verdict in result.triggered]
    skipped = [_only(_SKIPPED_KEYS, verdict_document(verdict)) for verdict in result.skipped]
    return {
        "message": completion_sentence(result),
        "triggeredCount": len(triggered),
        "skippedCount": len(skipped),
        "triggered": triggered,
        "skipped": skipped,
    }


def completion_sentence(result: CompletionResult) -> str:
    """One sentence on what a completion did."""
    return (
        f"execution '{result.execution_id}' of '{result.workflow_id}' {result.status}:"
        f" {len(result.triggered)} triggered, {len(result.skipped)} skipped"
    )


def history_document(executions: Sequence[Execution]) -> Document:
    """What a trigger started, newest first; ``triggeredAt`` is ISO 8601, ``duration`` in milliseconds."""
    return {
        "history": [
            {
                "executionId": execution.id,
                "status": execution.status,
                "triggeredAt": execution.created_at.isoformat(),
                "duration": execution.duration_ms,
            }
            for execution in executions
        ]
    }


def deletion_document(deletion: WorkflowDeletion) -> Document:
    """What went with a deleted workflow."""
    return {
        "success": True,
        "workflowId": deletion.workflow_id,
        "deletedTriggerIds": list(deletion.deleted_trigger_ids),
        "cancelledExecutionIds": list(deletion.cancelled_execution_ids),
    }


def token_document(token: Token, *, now: datetime) -> Document:
    """An API token, without its text; ``state`` is ``active``, ``expired`` or ``revoked`` at the instant ``now``."""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "state": token.state_at(now),
        "createdAt": unix_seconds(token.created_at),
        "expiresAt": unix_seconds(token.expires_at),
        "revokedAt": unix_seconds(token.revoked_at),
        "lastUsedAt": unix_seconds(token.last_used_at),
    }


def _only(keys: Sequence[str], document: Document) -> Document:
    return {key: document[key] for key in keys}
