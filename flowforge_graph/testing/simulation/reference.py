"""The reference: what the contract says must come out, in plain Python over rows, sharing no code with the engine.

Each function answers one question of the contract's section 2 for the rows of one instant. Slow and obvious on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from flowforge_graph.testing.chains import chain_between
from flowforge_graph.testing.simulation.rows import ExecutionRow, StoredRows, TriggerRow, VerdictRow

ACCEPTS: Final = {
    "on_success": ("completed",),
    "on_failure": ("failed",),
    "on_completion": ("completed", "failed"),
}

# Schedules whose fire times are arithmetic: seconds between two, and how far the zone's wall clock is ahead of UTC.
RHYTHMS: Final[Mapping[tuple[str, str], tuple[int, int]]] = {
    ("* * * * *", "UTC"): (60, 0),
    ("*/5 * * * *", "UTC"): (300, 0),
    ("*/20 * * * *", "UTC"): (1_200, 0),
    ("0 * * * *", "Asia/Kolkata"): (3_600, 19_800),
    ("0 */6 * * *", "UTC"): (21_600, 0),
    ("0 0 * * *", "Asia/Tokyo"): (86_400, 32_400),
}
MISSED_AFTER_SECONDS: Final = 60
MOST_FIRES_PER_TICK: Final = 100


# Rules 4, 6 and 7: completions


class Asked(Protocol):
    """A dependency trigger, as a value or as a row."""

    @property
    def enabled(self) -> bool | int:
        """Whether it may start anything."""

    @property
    def dependency_condition(self) -> str | None:
        """What it accepts."""


def reason_to_skip(trigger: Asked, status: str, room: int) -> str | None:
    """Why a dependency trigger starts nothing for an upstream that ended so; None: it starts one."""
    if not trigger.enabled:
        return "trigger_disabled"
    if status == "cancelled":
        return "upstream_cancelled"
    if status not in ACCEPTS[str(trigger.dependency_condition)]:
        return "condition_not_met"
    return None if room > 0 else "cascade_limit"


def expected_verdicts(rows: StoredRows, ended: ExecutionRow, *, room: int) -> list[VerdictRow]:
    """One verdict per direct dependency trigger, in creation order; ``execution_id`` is left out.

    ``room`` is how many more executions the cascade may have.
    """
    verdicts = []
    for trigger in rows.dependencies():
        if trigger.depends_on_workflow_id == ended.workflow_id:
            verdict = _verdict(rows, trigger, ended, room)
            room -= verdict.outcome == "triggered"
            verdicts.append(verdict)
    return verdicts


def _verdict(rows: StoredRows, trigger: TriggerRow, ended: ExecutionRow, room: int) -> VerdictRow:
    reason = reason_to_skip(trigger, ended.status, room)
    assert ended.ended_at is not None
    delay_minutes = trigger.delay_minutes or 0
    return VerdictRow(
        upstream_execution_id=ended.id,
        trigger_id=trigger.id,
        trigger_name=trigger.trigger_name,
        workflow_id=trigger.workflow_id,
        workflow_name=rows.workflows[trigger.workflow_id].name,
        condition=str(trigger.dependency_condition),
        delay_minutes=delay_minutes,
        outcome="skipped" if reason else "triggered",
        reason=reason,
        execution_id=None,
        run_after=None if reason else ended.ended_at + 60 * delay_minutes,
    )


class Start(NamedTuple):
    """What a trigger-born execution must be like when it is stored."""

    trigger_type: str
    trigger_id: str | None
    trigger_name: str | None
    workflow_id: str
    workflow_name: str
    cause: tuple[str, str] | None
    root: str | None
    hop: int
    delay_minutes: int
    run_after: int
    parameters: str | None


def start_of(execution: ExecutionRow) -> Start:
    """A stored execution seen as a start. One that is its own root has none in common with another."""
    is_root = execution.root_execution_id == execution.id
    return Start(
        trigger_type=execution.trigger_type,
        trigger_id=execution.trigger_id,
        trigger_name=execution.trigger_name,
        workflow_id=execution.workflow_id,
        workflow_name=execution.workflow_name,
        cause=execution.cause,
        root=None if is_root else execution.root_execution_id,
        hop=execution.hop,
        delay_minutes=execution.delay_minutes,
        run_after=execution.run_after,
        parameters=None if is_root else execution.parameters,
    )


def expected_downstream(verdicts: Sequence[VerdictRow], ended: ExecutionRow) -> list[Start]:
    """The executions that the triggered ones of these verdicts start."""
    return [
        Start(
            trigger_type="dependency",
            trigger_id=verdict.trigger_id,
            trigger_name=verdict.trigger_name,
            workflow_id=verdict.workflow_id,
            workflow_name=verdict.workflow_name,
            cause=(verdict.trigger_id, f"> {ended.id}"),
            root=ended.root_execution_id,
            hop=ended.hop + 1,
            delay_minutes=verdict.delay_minutes,
            run_after=int(verdict.run_after or 0),
            parameters=ended.parameters,
        )
        for verdict in verdicts
        if verdict.outcome == "triggered"
    ]


# Rule 14: the second look


def reason_to_cancel(rows: StoredRows, execution: ExecutionRow) -> str | None:
    """Why an execution must not be claimed any more; None: it may."""
    if execution.cancel_requested_at is not None:
        return "cancel_requested"
    if execution.workflow_id not in rows.workflows:
        return "workflow_deleted"
    if execution.trigger_type == "manual":
        return None
    trigger = rows.triggers.get(str(execution.trigger_id))
    if trigger is None:
        return "trigger_deleted"
    if not trigger.enabled:
        return "trigger_disabled"
    if execution.trigger_type == "dependency" and trigger.depends_on_workflow_id != execution.upstream_workflow_id:
        return "trigger_moved"
    return None


# Rules 16 and 17: schedules


def fire_times(trigger: TriggerRow, *, after: int, until: int) -> Iterator[int]:
    """The fire times of a schedule in ``after < t <= until``."""
    period, ahead = RHYTHMS[str(trigger.cron_expression), str(trigger.timezone)]
    first = ((after + ahead) // period + 1) * period - ahead
    return iter(range(first, until + 1, period))


def next_fire_time(trigger: TriggerRow, *, after: int) -> int:
    """The first fire time of a schedule after that instant."""
    return next(fire_times(trigger, after=after, until=after + 2 * 86_400))


class Plan(NamedTuple):
    """What one tick makes of one schedule. ``dropped`` is (first, last, count, reason)."""

    fires: list[int]
    dropped: tuple[int, int, int, str] | None
    planned_until: int


def plan_of(trigger: TriggerRow, now: int) -> Plan:
    """The misfire policy on what fell due since ``planned_until``."""
    assert trigger.planned_until is not None
    due = list(fire_times(trigger, after=trigger.planned_until, until=now))
    if not due or not trigger.enabled or trigger.schedule_owner != "engine":
        return Plan([], None, trigger.planned_until)
    if trigger.misfire_policy == "all":
        some = due[:MOST_FIRES_PER_TICK]
        return Plan(some, None, now if some == due else some[-1])
    if trigger.misfire_policy == "skip":
        on_time = [t for t in due if now - t <= MISSED_AFTER_SECONDS]
        return Plan(on_time, _range(due[: len(due) - len(on_time)], "missed"), now)
    return Plan(due[-1:], _range(due[:-1], "superseded"), now)


def _range(fires: Sequence[int], reason: str) -> tuple[int, int, int, str] | None:
    return (fires[0], fires[-1], len(fires), reason) if fires else None


def expected_fire(rows: StoredRows, trigger: TriggerRow, fire_time: int) -> Start:
    """The execution of one fire time."""
    return _root_start(rows, trigger, f"@ {fire_time}", run_after=fire_time)


# Events


def expected_events(rows: StoredRows, event_type: str, key: str, now: int) -> list[Start]:
    """The executions of one event, those that it started before among them."""
    return [
        _root_start(rows, trigger, f"! {key}", run_after=now)
        for trigger in rows.triggers.values()
        if trigger.trigger_type == "event" and trigger.enabled and trigger.event_type == event_type
    ]


def _root_start(rows: StoredRows, trigger: TriggerRow, cause: str, *, run_after: int) -> Start:
    return Start(
        trigger_type=trigger.trigger_type,
        trigger_id=trigger.id,
        trigger_name=trigger.trigger_name,
        workflow_id=trigger.workflow_id,
        workflow_name=rows.workflows[trigger.workflow_id].name,
        cause=(trigger.id, cause),
        root=None,
        hop=0,
        delay_minutes=0,
        run_after=run_after,
        parameters=None,
    )


# Rule 23: pruning


def prunable(rows: StoredRows, before: int) -> set[str]:
    """The executions of all cascades that ended wholly before that instant."""
    roots = {execution.root_execution_id for execution in rows.executions.values()}
    gone: set[str] = set()
    for root in roots:
        cascade = rows.cascade(root)
        if all(e.has_ended and e.ended_at is not None and e.ended_at < before for e in cascade):
            gone |= {execution.id for execution in cascade}
    return gone


# Definitions: what a change of workflows and triggers leads to

_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "manual": {},
    "scheduled": {"timezone": "UTC", "misfire_policy": "latest", "schedule_owner": "engine"},
    "dependency": {"dependency_condition": "on_success", "delay_minutes": 0},
    "event": {},
}
_FACTS: Final = TriggerRow._fields[: TriggerRow._fields.index("planned_until")]

Facts = tuple[Any, ...]


def facts_of(trigger: TriggerRow) -> Facts:
    """A trigger without what the engine itself keeps in it."""
    return tuple(trigger)[: len(_FACTS)]


def as_row(fields: Mapping[str, Any]) -> TriggerRow:
    """The row of a trigger that somebody asks for, or of a changed one."""
    wanted: Mapping[str, Any] = {"enabled": True, **_DEFAULTS[fields["trigger_type"]], **fields}
    return TriggerRow._make(wanted.get(name) for name in TriggerRow._fields)


def changed_trigger(trigger: TriggerRow, changes: Mapping[str, Any]) -> TriggerRow:
    """The row of a trigger with some fields changed."""
    return trigger._replace(**changes)


def refusal_of(
    workflows: Mapping[str, Any], triggers: Sequence[TriggerRow], new: TriggerRow, *, is_created: bool
) -> str | None:
    """The error that a new trigger (or a changed one, as if it were gone from ``triggers``) deserves; None: none."""
    upstream = new.depends_on_workflow_id
    if new.workflow_id not in workflows or (upstream is not None and upstream not in workflows):
        return "WorkflowNotFound"
    if is_created and any(trigger.id == new.id for trigger in triggers):
        return "DuplicateTrigger"
    if upstream is not None and chain_between(triggers, new.workflow_id, upstream) is not None:
        return "CycleError"
    return "DuplicateTrigger" if any(_says_the_same(new, trigger) for trigger in triggers) else None


def _says_the_same(one: TriggerRow, other: TriggerRow) -> bool:
    if one.trigger_type != other.trigger_type or one.workflow_id != other.workflow_id:
        return False
    if one.trigger_type not in {"dependency", "scheduled"}:
        return False
    return _distinction(one) == _distinction(other)


def _distinction(trigger: TriggerRow) -> tuple[str | None, ...]:
    if trigger.trigger_type == "dependency":
        return (trigger.depends_on_workflow_id, trigger.dependency_condition)
    return (trigger.trigger_name, trigger.cron_expression, trigger.timezone)
