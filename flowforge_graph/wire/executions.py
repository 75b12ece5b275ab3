"""Executions, completions and verdicts, as documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field

from flowforge_graph.model import CompletionResult, Execution, RecordedEnd, Verdict
from flowforge_graph.model.completions import Outcome, ReasonCode
from flowforge_graph.model.executions import EndStatus, ExecutionStatus
from flowforge_graph.model.triggers import Condition, TriggerType
from flowforge_graph.wire.documents import Document, UnixSeconds, made, taken, unix_seconds

Milliseconds = Annotated[int, Field(description="milliseconds")]


class ExecutionDocument(Document):
    """One run of one workflow, without its captured output, which may be long."""

    model_config = ConfigDict(
        title="Execution",
        json_schema_extra={
            "examples": [
                {
                    "id": "0d3f6a52-7f0d-5c6e-9d61-6f3e8a0f2b11",
                    "workflowId": "customer_silver",
                    "workflowName": "Customer silver",
                    "status": "pending",
                    "triggerType": "dependency",
                    "triggerId": "b6f7a1d0-6c1e-4f0a-9a53-0f5d8f1c2f4e",
                    "triggerName": "After customer ingestion",
                    "dependencyCondition": "on_success",
                    "delayMinutes": 5,
                    "upstreamExecutionId": "exec_1",
                    "upstreamWorkflowId": "customer_ingestion",
                    "causedByExecutionId": None,
                    "rootExecutionId": "exec_1",
                    "hop": 1,
                    "fireTime": None,
                    "eventKey": None,
                    "parameters": {},
                    "attempt": 0,
                    "externalId": None,
                    "reason": None,
                    "error": None,
                    "createdAt": 1_705_726_800,
                    "runAfter": 1_705_727_100,
                    "availableAt": 1_705_727_100,
                    "startedAt": None,
                    "endedAt": None,
                    "cancelRequestedAt": None,
                    "durationMs": None,
                }
            ]
        },
    )

    id: str
    workflow_id: str
    workflow_name: str
    status: ExecutionStatus
    trigger_type: TriggerType
    trigger_id: str | None
    trigger_name: str | None
    dependency_condition: Condition | None
    delay_minutes: int
    upstream_execution_id: str | None
    upstream_workflow_id: str | None
    caused_by_execution_id: str | None
    root_execution_id: str
    hop: int = Field(description="edges from the root of the cascade")
    fire_time: UnixSeconds | None
    event_key: str | None
    parameters: dict[str, Any]
    attempt: int
    external_id: str | None
    reason: str | None
    error: str | None
    created_at: UnixSeconds
    run_after: UnixSeconds
    available_at: UnixSeconds | None
    started_at: UnixSeconds | None
    ended_at: UnixSeconds | None
    cancel_requested_at: UnixSeconds | None
    duration_ms: Milliseconds | None

    @classmethod
    def of(cls, execution: Execution) -> Self:
        """The document of an execution."""
        return taken(cls, execution, **_instants_of(execution))


class WholeExecutionDocument(ExecutionDocument):
    """One run of one workflow, with its captured output."""

    model_config = ConfigDict(title="WholeExecution", json_schema_extra={"examples": []})

    output: str | None
    conflicting_status: EndStatus | None = Field(
        description="another end that the engine which ran it told of later: the first one stands"
    )

    @classmethod
    def of(cls, execution: Execution, end: RecordedEnd | None = None) -> Self:
        """The document of an execution; ``end``: of the run that it was on another engine."""
        conflicting = None if end is None else end.conflicting_status
        return taken(cls, execution, conflicting_status=conflicting, **_instants_of(execution))


def _instants_of(execution: Execution) -> dict[str, int | None]:
    return {name: unix_seconds(getattr(execution, name)) for name in _INSTANTS}


_INSTANTS: Final = (
    "fire_time",
    "created_at",
    "run_after",
    "available_at",
    "started_at",
    "ended_at",
    "cancel_requested_at",
)


class VerdictDocument(Document):
    """What one trigger answered to one completion."""

    model_config = ConfigDict(title="Verdict")

    upstream_execution_id: str
    trigger_id: str
    trigger_name: str | None
    workflow_id: str
    workflow_name: str
    condition: Condition
    delay_minutes: int
    outcome: Outcome
    reason: ReasonCode | None = Field(description="why it was skipped; null where it was triggered")
    execution_id: str | None
    run_after: UnixSeconds | None

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """The document of a verdict."""
        return taken(cls, verdict, run_after=unix_seconds(verdict.run_after))


class TriggeredDocument(Document):
    """A downstream execution that a completion started."""

    model_config = ConfigDict(title="Triggered")

    trigger_id: str
    workflow_id: str
    workflow_name: str
    execution_id: str | None
    condition: Condition
    delay_minutes: int
    run_after: UnixSeconds | None

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """The document of a verdict that triggered."""
        return taken(cls, verdict, run_after=unix_seconds(verdict.run_after))


class SkippedDocument(Document):
    """A trigger that did not start anything, and why."""

    model_config = ConfigDict(title="Skipped")

    trigger_id: str
    workflow_id: str
    workflow_name: str
    reason: ReasonCode | None

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """The document of a verdict that skipped."""
        return taken(cls, verdict)


class CompletionDocument(Document):
    """The answer to a completion, as clients of FlowForge know it."""

    model_config = ConfigDict(
        title="Completion",
        json_schema_extra={
            "examples": [
                {
                    "message": "execution 'exec_1' of 'customer_ingestion' completed: 1 triggered, 1 skipped",
                    "triggeredCount": 1,
                    "skippedCount": 1,
                    "triggered": [
                        {
                            "triggerId": "b6f7a1d0-6c1e-4f0a-9a53-0f5d8f1c2f4e",
                            "workflowId": "customer_silver",
                            "workflowName": "Customer silver",
                            "executionId": "0d3f6a52-7f0d-5c6e-9d61-6f3e8a0f2b11",
                            "condition": "on_success",
                            "delayMinutes": 5,
                            "runAfter": 1_705_727_100,
                        }
                    ],
                    "skipped": [
                        {
                            "triggerId": "5b0a39b6-70b5-4d8b-8c58-3f1cd6d93b1c",
                            "workflowId": "alerts",
                            "workflowName": "Alerts",
                            "reason": "condition_not_met",
                        }
                    ],
                }
            ]
        },
    )

    message: str
    triggered_count: int
    skipped_count: int
    triggered: list[TriggeredDocument]
    skipped: list[SkippedDocument]

    @classmethod
    def of(cls, result: CompletionResult) -> Self:
        """The document of a completion's result."""
        triggered = [TriggeredDocument.of(verdict) for verdict in result.triggered]
        skipped = [SkippedDocument.of(verdict) for verdict in result.skipped]
        return made(
            cls,
            message=completion_sentence(result),
            triggered_count=len(triggered),
            skipped_count=len(skipped),
            triggered=triggered,
            skipped=skipped,
        )


def completion_sentence(result: CompletionResult) -> str:
    """One sentence on what a completion did."""
    return (
        f"execution '{result.execution_id}' of '{result.workflow_id}' {result.status}:"
        f" {len(result.triggered)} triggered, {len(result.skipped)} skipped"
    )


class HistoryEntryDocument(Document):
    """One execution that a trigger started."""

    model_config = ConfigDict(title="HistoryEntry")

    execution_id: str
    status: ExecutionStatus
    triggered_at: str = Field(description="ISO 8601", examples=["2026-01-20T07:00:00+00:00"])
    duration: Milliseconds | None


class HistoryDocument(Document):
    """What a trigger started, newest first."""

    model_config = ConfigDict(title="History")

    history: list[HistoryEntryDocument]

    @classmethod
    def of(cls, executions: Sequence[Execution]) -> Self:
        """The document of the executions of one trigger."""
        return made(
            cls,
            history=[
                made(
                    HistoryEntryDocument,
                    execution_id=execution.id,
                    status=execution.status,
                    triggered_at=execution.created_at.isoformat(),
                    duration=execution.duration_ms,
                )
                for execution in executions
            ],
        )
