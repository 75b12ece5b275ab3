"""Executions and the claims on them."""

from __future__ import annotations

from typing import Final, Literal, get_args

from pydantic import Field

from flowforge_graph.model.json_values import JsonObject
from flowforge_graph.model.triggers import TriggerType
from flowforge_graph.model.values import Instant, Value
from flowforge_graph.model.workflows import Workflow

ExecutionStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
EndStatus = Literal["completed", "failed", "cancelled"]

STATUSES: Final[tuple[str, ...]] = get_args(ExecutionStatus)
END_STATUSES: Final[tuple[str, ...]] = get_args(EndStatus)

# Why an execution ended without the executor's say (``Execution.reason``).
LOST: Final = "lost"
DISPATCH_FAILED: Final = "dispatch_failed"
CANCEL_REQUESTED: Final = "cancel_requested"
WORKFLOW_DELETED: Final = "workflow_deleted"
TRIGGER_DELETED: Final = "trigger_deleted"
TRIGGER_DISABLED: Final = "trigger_disabled"
TRIGGER_MOVED: Final = "trigger_moved"

# A failed execution with one of these is a dead letter: no attempt is left, and nobody looks at it again by itself.
DEAD_LETTER_REASONS: Final = frozenset({DISPATCH_FAILED, LOST})


class Execution(Value):
    """One run of one workflow, with its own copy of every name and rule that started it.

    ``seq`` orders executions (0 before it is stored). ``run_after`` is the instant the rule named (the recorded
    completion plus the delay, or the fire time), ``available_at`` the instant from which a dispatcher may start it
    (later after a failed dispatch).
    ``attempt`` counts starts. ``reason`` says why it ended without the executor's say.
    """

    seq: int = 0
    id: str
    workflow_id: str
    workflow_name: str
    status: ExecutionStatus = "pending"
    trigger_type: TriggerType = "manual"
    trigger_id: str | None = None
    trigger_name: str | None = None
    dependency_condition: str | None = None
    delay_minutes: int = 0
    upstream_execution_id: str | None = None
    upstream_workflow_id: str | None = None
    caused_by_execution_id: str | None = None
    root_execution_id: str
    hop: int = 0
    fire_time: Instant | None = None
    event_key: str | None = None
    join_key: str | None = None
    parameters: JsonObject = Field(default_factory=dict)
    attempt: int = 0
    dispatch_failures: int = 0
    external_id: str | None = None
    reason: str | None = None
    error: str | None = None
    output: str | None = None
    cancel_requested_at: Instant | None = None
    created_at: Instant
    run_after: Instant
    available_at: Instant
    started_at: Instant | None = None
    ended_at: Instant | None = None
    duration_ms: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in END_STATUSES

    def __hash__(self) -> int:
        return hash(self.id)


class Claim(Value):
    """The right to start one execution: hand it to the executor, renew it, and complete with it.

    ``token`` fences: a claim whose token is no longer stored can neither renew, nor mark running, nor complete.
    ``workflow`` is what to run. ``cancel_requested`` tells the holder that somebody asked for a cancel.
    """

    execution: Execution
    workflow: Workflow
    token: str
    renewals: int = 0
    cancel_requested: bool = False

    @property
    def execution_id(self) -> str:
        """The id of the claimed execution: the idempotency key towards the executor."""
        return self.execution.id

    def __hash__(self) -> int:
        return hash(self.token)
