"""Pure decisions: what a completion starts and what not, and why; what a tick starts; whether a start still holds.

Nothing here reads a database or a clock. Each rule of sections 2.2, 2.4 and 2.5 that decides about an execution is one
function of this module.
"""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import TriggerNotEvaluated
from flowforge_graph.model import MAX_DELAY_MINUTES, Execution, ReasonCode, ScheduleDrop, ScheduledTrigger, Verdict
from flowforge_graph.model.executions import (
    CANCEL_REQUESTED,
    TRIGGER_DELETED,
    TRIGGER_DISABLED,
    TRIGGER_MOVED,
    WORKFLOW_DELETED,
)
from flowforge_graph.schedules import CronExpression, FirePlan, plan_fires, zone

ACCEPTED_BY: Final[Mapping[str, frozenset[str]]] = {
    "on_success": frozenset({"completed"}),
    "on_failure": frozenset({"failed"}),
    "on_completion": frozenset({"completed", "failed"}),
}

# One cause has one id, so that even a start that slipped through every guard could not be stored twice.
CAUSES: Final = uuid.UUID("6f3c1c35-1f4e-5b8a-9d2f-0c6a7c1e9b55")
_CAUSES_HASHED: Final = hashlib.sha1(CAUSES.bytes, usedforsecurity=False)


class DependencyFacts(Protocol):
    """What evaluation asks of a dependency trigger: the fields of the graph's edges, or of the trigger value."""

    @property
    def id(self) -> str: ...
    @property
    def workflow_id(self) -> str: ...
    @property
    def dependency_condition(self) -> str: ...
    @property
    def delay_minutes(self) -> int: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def trigger_name(self) -> str | None: ...


def cause_id(trigger_id: str, cause: str) -> str:
    """The id of the execution that this trigger starts for this cause (an upstream execution, fire time or event).

    What ``uuid.uuid5`` answers (RFC 9562: SHA-1, with version and variant written over it), put together here at half
    its price: a fan-out makes one for each execution that it starts.
    """
    named = _CAUSES_HASHED.copy()
    named.update(f"{trigger_id}\n{cause}".encode())
    text = named.hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What one completion leads to: a verdict for each trigger, and the executions to start, both in order."""

    verdicts: tuple[Verdict, ...]
    starts: tuple[Execution, ...]


@dataclass(kw_only=True, slots=True)
class _Allowance:
    """How many more executions the cascade may have."""

    left: int


def evaluate_completion(
    ended: Execution,
    triggers: Sequence[DependencyFacts],
    *,
    workflow_names: Mapping[str, str],
    allowance: int,
) -> Evaluation:
    """Ask each direct dependency trigger, in the order given, what it answers to ``ended``.

    ``ended`` has its final status and ``ended_at``; ``workflow_names`` names the workflows that exist;
    ``allowance`` is how many more executions its cascade may have. A trigger that cannot be evaluated is skipped and
    logged, and never blocks its siblings.
    """
    remaining = _Allowance(left=allowance)
    verdicts, starts = [], []
    for trigger in triggers:
        verdict, start = _evaluate_safely(ended, trigger, workflow_names, remaining)
        verdicts.append(verdict)
        if start is not None:
            starts.append(start)
    return Evaluation(verdicts=tuple(verdicts), starts=tuple(starts))


def _evaluate_safely(
    ended: Execution, trigger: DependencyFacts, workflow_names: Mapping[str, str], remaining: _Allowance
) -> tuple[Verdict, Execution | None]:
    name = workflow_names.get(trigger.workflow_id, trigger.workflow_id)
    try:
        reason = _reason_to_skip(ended, trigger, workflow_names, remaining)
        if reason is not None:
            return _skipped(ended, trigger, name, reason), None
        start = _start_of(ended, trigger, name)
    except Exception as error:  # noqa: BLE001 - whatever one trigger stores, its siblings must run (rule 8)
        log(TriggerNotEvaluated(trigger_id=trigger.id, execution_id=ended.id), error=error)
        return _not_evaluated(ended, trigger, name), None
    remaining.left -= 1
    return _triggered(ended, trigger, name, start), start


def _reason_to_skip(
    ended: Execution, trigger: DependencyFacts, workflow_names: Mapping[str, str], remaining: _Allowance
) -> ReasonCode | None:
    if not trigger.enabled:
        return "trigger_disabled"
    if ended.status == "cancelled":
        return "upstream_cancelled"
    if trigger.workflow_id not in workflow_names:
        return "workflow_missing"
    if ended.status not in ACCEPTED_BY[trigger.dependency_condition]:
        return "condition_not_met"
    if remaining.left <= 0:
        return "cascade_limit"
    return None


def _start_of(ended: Execution, trigger: DependencyFacts, workflow_name: str) -> Execution:
    """The downstream execution: same parameters and root, due after the delay from the recorded completion."""
    assert ended.ended_at is not None
    delay = _checked_delay(trigger)
    run_after = ended.ended_at + timedelta(minutes=delay)
    return Execution.trusted(
        id=cause_id(trigger.id, ended.id),
        workflow_id=trigger.workflow_id,
        workflow_name=workflow_name,
        trigger_type="dependency",
        trigger_id=trigger.id,
        trigger_name=trigger.trigger_name,
        dependency_condition=trigger.dependency_condition,
        delay_minutes=delay,
        upstream_execution_id=ended.id,
        upstream_workflow_id=ended.workflow_id,
        root_execution_id=ended.root_execution_id,
        hop=ended.hop + 1,
        parameters=ended.parameters,
        created_at=ended.ended_at,
        run_after=run_after,
        available_at=run_after,
    )


def _checked_delay(trigger: DependencyFacts) -> int:
    if trigger.delay_minutes not in range(MAX_DELAY_MINUTES + 1):
        raise ValueError(f"the stored delay of trigger '{trigger.id}' is {trigger.delay_minutes!r}")
    return trigger.delay_minutes


def _verdict_fields(ended: Execution, trigger: DependencyFacts, workflow_name: str) -> dict[str, Any]:
    return {
        "upstream_execution_id": ended.id,
        "trigger_id": trigger.id,
        "trigger_name": trigger.trigger_name,
        "workflow_id": trigger.workflow_id,
        "workflow_name": workflow_name,
        "condition": trigger.dependency_condition,
        "delay_minutes": trigger.delay_minutes,
    }


def _triggered(ended: Execution, trigger: DependencyFacts, workflow_name: str, start: Execution) -> Verdict:
    fields = _verdict_fields(ended, trigger, workflow_name)
    return Verdict.trusted(**fields, outcome="triggered", execution_id=start.id, run_after=start.run_after)


def _skipped(ended: Execution, trigger: DependencyFacts, workflow_name: str, reason: ReasonCode) -> Verdict:
    # Checked, unlike a start's: what is skipped may be skipped for a row that holds what no trigger can.
    return Verdict(**_verdict_fields(ended, trigger, workflow_name), outcome="skipped", reason=reason)


def _not_evaluated(ended: Execution, trigger: DependencyFacts, workflow_name: str) -> Verdict:
    fields = _verdict_fields(ended, trigger, workflow_name)
    readable = {"condition": str(fields["condition"]), "delay_minutes": 0}
    return Verdict(**(fields | readable), outcome="skipped", reason="evaluation_failed")


def backoff_seconds(execution_id: str, failures: int, *, first: float, longest: float) -> float:
    """The wait after the ``failures``-th failed dispatch: doubling, between half and the whole of it by jitter.

    The jitter comes from the execution's id, not from chance: a crowd is spread, and a test can repeat it.
    """
    full = min(first * 2.0 ** min(failures - 1, 30), longest)
    share = zlib.crc32(f"{execution_id} {failures}".encode()) / 2**32
    return full * (0.5 + share / 2)


class TriggerFacts(Protocol):
    """What the second look asks of a stored trigger."""

    @property
    def enabled(self) -> bool | int: ...
    @property
    def depends_on_workflow_id(self) -> str | None: ...


def reason_to_cancel(execution: Execution, *, trigger: TriggerFacts | None, workflow_exists: bool) -> str | None:
    """The second look (rule 14): why an execution about to be claimed must not start after all, else None.

    A manual start is always possible (rule 18). A changed delay or condition is not read again. Whoever asked for a
    cancel while it ran is answered here if its holder handed it back or was lost.
    """
    if execution.cancel_requested_at is not None:
        return CANCEL_REQUESTED
    if not workflow_exists:
        return WORKFLOW_DELETED
    if execution.trigger_type == "manual":
        return None
    if trigger is None:
        return TRIGGER_DELETED
    if not trigger.enabled:
        return TRIGGER_DISABLED
    if execution.trigger_type == "dependency" and trigger.depends_on_workflow_id != execution.upstream_workflow_id:
        return TRIGGER_MOVED
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleEvaluation:
    """What one schedule's turn in a tick leads to."""

    trigger: ScheduledTrigger
    starts: tuple[Execution, ...]
    drops: tuple[ScheduleDrop, ...]
    planned_until: datetime
    next_run_at: datetime | None
    last_run_at: datetime | None = field(default=None)


def evaluate_schedule(
    trigger: ScheduledTrigger, *, workflow_name: str, now: datetime, missed_after_seconds: int
) -> ScheduleEvaluation:
    """Apply the trigger's misfire policy to its fire times after ``planned_until`` and up to ``now`` (rule 16)."""
    assert trigger.planned_until is not None
    plan: FirePlan = plan_fires(
        CronExpression.parse(trigger.cron_expression),
        zone(trigger.timezone),
        planned_until=trigger.planned_until,
        now=now,
        policy=trigger.misfire_policy,
        missed_after_seconds=missed_after_seconds,
    )
    starts = tuple(_scheduled_start(trigger, workflow_name, fire_time, now) for fire_time in plan.fires)
    drops = tuple(
        ScheduleDrop(
            trigger_id=trigger.id,
            workflow_id=trigger.workflow_id,
            first=dropped.first,
            last=dropped.last,
            count=dropped.count,
            reason=dropped.reason,
            recorded_at=now,
        )
        for dropped in plan.dropped
    )
    return ScheduleEvaluation(
        trigger=trigger,
        starts=starts,
        drops=drops,
        planned_until=plan.planned_until,
        next_run_at=plan.next_fire,
        last_run_at=plan.fires[-1] if plan.fires else trigger.last_run_at,
    )


def _scheduled_start(trigger: ScheduledTrigger, workflow_name: str, fire_time: datetime, now: datetime) -> Execution:
    execution_id = cause_id(trigger.id, str(int(fire_time.timestamp())))
    return Execution.trusted(
        id=execution_id,
        workflow_id=trigger.workflow_id,
        workflow_name=workflow_name,
        trigger_type="scheduled",
        trigger_id=trigger.id,
        trigger_name=trigger.trigger_name,
        root_execution_id=execution_id,
        fire_time=fire_time,
        parameters={},
        created_at=now,
        run_after=fire_time,
        available_at=fire_time,
    )


def is_missed(start: Execution, *, now: datetime, after_seconds: int) -> bool:
    """Whether a fire is so old that it counts as missed."""
    return (now - start.run_after).total_seconds() > after_seconds


def spread_missed_starts(
    starts: Sequence[Execution], *, now: datetime, missed_after_seconds: int, per_second: float, not_before: datetime
) -> list[Execution]:
    """Give missed fires a place in a queue of ``per_second`` starts a second (rule 16); others start at once.

    ``not_before``: the instant from which the first missed one may start.
    """
    place = max(now, not_before)
    spread = []
    for start in starts:
        if is_missed(start, now=now, after_seconds=missed_after_seconds):
            spread.append(start.evolve_trusted(available_at=place))
            place += timedelta(seconds=1 / per_second)
        else:
            spread.append(start)
    return spread
