"""What is stored, as plain rows: read past the engine, so that nothing of it stands between database and eye."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

LIVE = ("pending", "running")
ENDED = ("completed", "failed", "cancelled")


class WorkflowRow(NamedTuple):
    """A row of ``workflows``."""

    id: str
    name: str


class TriggerRow(NamedTuple):
    """A row of ``workflow_triggers``; instants are Unix seconds."""

    id: str
    workflow_id: str
    trigger_type: str
    enabled: int
    trigger_name: str | None
    cron_expression: str | None
    timezone: str | None
    misfire_policy: str | None
    schedule_owner: str | None
    depends_on_workflow_id: str | None
    dependency_condition: str | None
    delay_minutes: int | None
    event_type: str | None
    planned_until: int | None
    next_run_at: int | None


class ExecutionRow(NamedTuple):
    """A row of ``executions``; instants are Unix seconds."""

    id: str
    seq: int
    workflow_id: str
    workflow_name: str
    status: str
    trigger_type: str
    trigger_id: str | None
    trigger_name: str | None
    dependency_condition: str | None
    delay_minutes: int
    upstream_execution_id: str | None
    upstream_workflow_id: str | None
    caused_by_execution_id: str | None
    root_execution_id: str
    hop: int
    cascade_size: int
    fire_time: int | None
    event_key: str | None
    parameters: str
    attempt: int
    dispatch_failures: int
    claim_token: str | None
    claim_renewals: int
    cancel_requested_at: int | None
    reason: str | None
    created_at: int
    run_after: int
    available_at: int
    ended_at: int | None

    @property
    def has_ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ENDED

    @property
    def cause(self) -> tuple[str, str] | None:
        """What started it, None for a manual start."""
        return cause_of(self)

    @property
    def claim(self) -> tuple[str, int] | None:
        """The token and renewals of a claim that is believed."""
        return None if self.claim_token is None or self.has_ended else (self.claim_token, self.claim_renewals)


class VerdictRow(NamedTuple):
    """A row of ``verdicts``."""

    upstream_execution_id: str
    trigger_id: str
    trigger_name: str | None
    workflow_id: str
    workflow_name: str
    condition: str
    delay_minutes: int
    outcome: str
    reason: str | None
    execution_id: str | None
    run_after: int | None


class TombstoneRow(NamedTuple):
    """A row of ``tombstones``."""

    execution_id: str
    workflow_id: str
    status: str


class DropRow(NamedTuple):
    """A row of ``schedule_drops``."""

    trigger_id: str
    first_fire_time: int
    last_fire_time: int
    fires: int
    reason: str


def cause_of(execution: Any) -> tuple[str, str] | None:
    """(trigger, what it answered to) of an execution row or value, None for a manual start."""
    if execution.trigger_type == "dependency":
        return (execution.trigger_id, f"> {execution.upstream_execution_id}")
    if execution.trigger_type == "scheduled":
        return (execution.trigger_id, f"@ {execution.fire_time}")
    if execution.trigger_type == "event":
        return (execution.trigger_id, f"! {execution.event_key}")
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredRows:
    """Everything that is stored at one instant. ``triggers`` are in creation order, by id as the others."""

    workflows: Mapping[str, WorkflowRow] = field(default_factory=dict)
    triggers: Mapping[str, TriggerRow] = field(default_factory=dict)
    executions: Mapping[str, ExecutionRow] = field(default_factory=dict)
    verdicts: Mapping[str, tuple[VerdictRow, ...]] = field(default_factory=dict)
    tombstones: Mapping[str, TombstoneRow] = field(default_factory=dict)
    drops: tuple[DropRow, ...] = ()

    def dependencies(self) -> list[TriggerRow]:
        """The dependency triggers, in creation order."""
        return [trigger for trigger in self.triggers.values() if trigger.trigger_type == "dependency"]

    def cascade(self, root_execution_id: str) -> list[ExecutionRow]:
        """All executions of one cascade."""
        return [e for e in self.executions.values() if e.root_execution_id == root_execution_id]


Row = TypeVar("Row", bound=tuple[Any, ...])

_TABLES: tuple[tuple[type[Any], str], ...] = (
    (WorkflowRow, "FROM workflows ORDER BY id"),
    (TriggerRow, "FROM workflow_triggers ORDER BY seq"),
    (ExecutionRow, "FROM executions ORDER BY seq"),
    (VerdictRow, "FROM verdicts ORDER BY upstream_execution_id, position"),
    (TombstoneRow, "FROM tombstones"),
    (DropRow, "FROM schedule_drops ORDER BY seq"),
)
_COLUMNS = {"fires": '"count"'}
_QUERIES = {
    kind: f"SELECT {', '.join(_COLUMNS.get(name, name) for name in kind._fields)} {rest}" for kind, rest in _TABLES
}


def read_rows(connection: Any) -> StoredRows:
    """All rows, by a DBAPI connection. Costs about 10 µs a table and 1 µs a row."""
    verdicts: dict[str, list[VerdictRow]] = {}
    for verdict in _all(connection, VerdictRow):
        verdicts.setdefault(verdict.upstream_execution_id, []).append(verdict)
    return StoredRows(
        workflows=_by_id(_all(connection, WorkflowRow)),
        triggers=_by_id(_all(connection, TriggerRow)),
        executions=_by_id(_all(connection, ExecutionRow)),
        verdicts={execution_id: tuple(found) for execution_id, found in verdicts.items()},
        tombstones=_by_id(_all(connection, TombstoneRow)),
        drops=tuple(_all(connection, DropRow)),
    )


def _all(connection: Any, kind: type[Row]) -> list[Row]:
    make: Any = kind
    return [make._make(row) for row in connection.execute(_QUERIES[kind])]


def _by_id(rows: Iterable[Row]) -> dict[str, Row]:
    return {row[0]: row for row in rows}
