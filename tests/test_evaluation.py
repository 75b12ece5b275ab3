"""The decisions themselves, with no database: what a completion and a tick lead to, and what a second look finds."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph import DependencyTrigger, Execution, ScheduledTrigger
from flowforge_graph.evaluation import (
    CAUSES,
    backoff_seconds,
    cause_id,
    evaluate_completion,
    evaluate_schedule,
    reason_to_cancel,
    spread_missed_starts,
)
from flowforge_graph.graph import DependencyEdge

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ended(status: Any = "completed", **fields: Any) -> Execution:
    """An execution of A that ended now."""
    given_fields: dict[str, Any] = {
        "id": "up",
        "workflow_id": "A",
        "workflow_name": "Alpha",
        "status": status,
        "root_execution_id": "root",
        "hop": 2,
        "parameters": {"x": 1},
        "created_at": NOW,
        "run_after": NOW,
        "available_at": NOW,
        "ended_at": NOW,
    }
    return Execution(**(given_fields | fields))


def edge(trigger_id: str, workflow_id: str = "B", **fields: Any) -> DependencyEdge:
    """A trigger that lets ``workflow_id`` depend on A."""
    return DependencyEdge(id=trigger_id, workflow_id=workflow_id, depends_on_workflow_id="A", **fields)


@pytest.mark.parametrize("condition", ["on_success", "on_failure", "on_completion"])
@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_conditions(condition: str, status: str) -> None:
    """Rule 6 as one table."""
    accepted = {("on_success", "completed"), ("on_failure", "failed")}
    accepted |= {("on_completion", "completed"), ("on_completion", "failed")}
    evaluation = evaluate_completion(
        ended(status), [edge("t", dependency_condition=condition)], workflow_names={"B": "Beta"}, allowance=10
    )
    (verdict,) = evaluation.verdicts
    if (condition, status) in accepted:
        assert (verdict.outcome, verdict.reason, len(evaluation.starts)) == ("triggered", None, 1)
    else:
        reason = "upstream_cancelled" if status == "cancelled" else "condition_not_met"
        assert (verdict.outcome, verdict.reason, evaluation.starts) == ("skipped", reason, ())


@pytest.mark.parametrize(
    ("fields", "status", "names", "allowance", "reason"),
    [
        ({"enabled": False}, "cancelled", {}, 0, "trigger_disabled"),
        ({}, "cancelled", {}, 0, "upstream_cancelled"),
        ({}, "failed", {}, 0, "workflow_missing"),
        ({}, "failed", {"B": "Beta"}, 0, "condition_not_met"),
        ({}, "completed", {"B": "Beta"}, 0, "cascade_limit"),
        ({"dependency_condition": "x"}, "completed", {"B": "Beta"}, 1, "evaluation_failed"),
        ({"dependency_condition": None}, "completed", {"B": "Beta"}, 1, "evaluation_failed"),
        ({"delay_minutes": 61}, "completed", {"B": "Beta"}, 1, "evaluation_failed"),
        ({"delay_minutes": "five"}, "completed", {"B": "Beta"}, 1, "evaluation_failed"),
        ({"delay_minutes": "five"}, "failed", {"B": "Beta"}, 1, "evaluation_failed"),
    ],
)
def test_the_first_reason_counts(
    fields: dict[str, Any], status: str, names: dict[str, str], allowance: int, reason: str
) -> None:
    """Each reason code, from what concerns the trigger to what concerns the cascade."""
    evaluation = evaluate_completion(ended(status), [edge("t", **fields)], workflow_names=names, allowance=allowance)
    assert [verdict.reason for verdict in evaluation.verdicts] == [reason]
    assert evaluation.starts == ()


@given(st.text(), st.text())
def test_one_cause_has_one_id(trigger_id: str, cause: str) -> None:
    """The UUID of version 5 that Python's own library makes of trigger and cause."""
    expected = uuid.uuid5(CAUSES, f"{trigger_id}\n{cause}")
    assert cause_id(trigger_id, cause) == str(expected)


def test_a_start_inherits_and_waits() -> None:
    """Parameters, root, one hop more, and the delay from the recorded completion."""
    evaluation = evaluate_completion(
        ended(), [edge("t", delay_minutes=7, trigger_name="x")], workflow_names={"B": "Beta"}, allowance=1
    )
    (start,) = evaluation.starts
    (verdict,) = evaluation.verdicts
    assert (start.id, verdict.execution_id) == (cause_id("t", "up"),) * 2
    assert (start.workflow_id, start.workflow_name, start.trigger_type, start.trigger_id) == (
        "B",
        "Beta",
        "dependency",
        "t",
    )
    assert (start.root_execution_id, start.hop, start.parameters) == ("root", 3, {"x": 1})
    assert (start.upstream_execution_id, start.upstream_workflow_id) == ("up", "A")
    assert (start.dependency_condition, start.delay_minutes, start.trigger_name) == ("on_success", 7, "x")
    assert start.run_after == start.available_at == verdict.run_after == NOW + timedelta(minutes=7)


_EDGES = st.builds(
    edge,
    trigger_id=st.uuids().map(str),
    workflow_id=st.sampled_from("BCD"),
    dependency_condition=st.sampled_from(["on_success", "on_failure", "on_completion", "nonsense"]),
    delay_minutes=st.integers(-1, 61),
    enabled=st.booleans(),
)


@given(
    st.lists(_EDGES, max_size=12, unique_by=lambda edge: edge.id),
    st.sampled_from(["completed", "failed", "cancelled"]),
    st.integers(0, 6),
)
def test_every_trigger_answers_once(triggers: list[DependencyEdge], status: str, allowance: int) -> None:
    """In the order given; what is triggered starts exactly once and never beyond the allowance; no trigger matters to
    another but by the allowance."""
    names = {"B": "Beta", "C": "Gamma"}
    evaluation = evaluate_completion(ended(status), triggers, workflow_names=names, allowance=allowance)
    assert [verdict.trigger_id for verdict in evaluation.verdicts] == [trigger.id for trigger in triggers]
    started = [verdict.execution_id for verdict in evaluation.verdicts if verdict.outcome == "triggered"]
    assert started == [start.id for start in evaluation.starts]
    assert len(set(started)) == len(started) <= allowance
    for trigger, verdict in zip(triggers, evaluation.verdicts, strict=True):
        (alone,) = evaluate_completion(ended(status), [trigger], workflow_names=names, allowance=1).verdicts
        assert verdict == alone or (verdict.reason == "cascade_limit" and len(started) == allowance)


def test_trigger_values_are_evaluated_as_edges_are() -> None:
    """Whoever has no graph asks with the values."""
    trigger = DependencyTrigger(workflow_id="B", depends_on_workflow_id="A", id="t")
    names = {"B": "Beta"}
    assert evaluate_completion(ended(), [trigger], workflow_names=names, allowance=1) == evaluate_completion(
        ended(), [edge("t")], workflow_names=names, allowance=1
    )


def test_one_cause_has_one_id_for_ever() -> None:
    """Stored ids depend on it: these literals never change."""
    assert cause_id("t", "up") == "6b13dc3a-fc53-5a61-a351-66f498b0304f"
    assert len({cause_id("t", "up"), cause_id("t", "up2"), cause_id("t2", "up"), cause_id("tu", "p")}) == 4


@given(st.text(min_size=1, max_size=20), st.integers(1, 2_000))
def test_backoff_grows_within_its_bounds(execution_id: str, failures: int) -> None:
    """Between half and the whole of the doubled wait, never beyond the longest; the same each time it is asked."""
    wait = backoff_seconds(execution_id, failures, first=1.0, longest=60.0)
    full = min(2.0 ** min(failures - 1, 30), 60.0)
    assert full / 2 <= wait <= full
    assert wait == backoff_seconds(execution_id, failures, first=1.0, longest=60.0)


def test_backoff_spreads_a_crowd() -> None:
    """A hundred executions that fail together do not come back together."""
    waits = {round(backoff_seconds(f"e{number}", 4, first=1.0, longest=60.0), 3) for number in range(100)}
    assert len(waits) > 90


@dataclass(frozen=True)
class Facts:
    """What a stored trigger says of itself."""

    enabled: bool | int = True
    depends_on_workflow_id: str | None = "A"


@pytest.mark.parametrize(
    ("fields", "trigger", "exists", "reason"),
    [
        ({}, Facts(), True, None),
        ({}, Facts(enabled=1), True, None),
        ({}, Facts(enabled=0), True, "trigger_disabled"),
        ({}, None, True, "trigger_deleted"),
        ({}, Facts(depends_on_workflow_id="C"), True, "trigger_moved"),
        ({}, None, False, "workflow_deleted"),
        ({"trigger_type": "scheduled"}, Facts(depends_on_workflow_id=None), True, None),
        ({"trigger_type": "scheduled"}, Facts(enabled=False, depends_on_workflow_id=None), True, "trigger_disabled"),
        ({"trigger_type": "event"}, None, True, "trigger_deleted"),
        ({"trigger_type": "manual"}, None, True, None),
        ({"trigger_type": "manual"}, Facts(enabled=False), True, None),
        ({"trigger_type": "manual"}, None, False, "workflow_deleted"),
        ({"cancel_requested_at": NOW}, Facts(), True, "cancel_requested"),
        ({"cancel_requested_at": NOW, "trigger_type": "manual"}, None, True, "cancel_requested"),
    ],
)
def test_the_second_look(fields: dict[str, Any], trigger: Facts | None, exists: bool, reason: str | None) -> None:
    """Rule 14 as one table."""
    execution = ended("pending", **({"trigger_type": "dependency", "upstream_workflow_id": "A"} | fields))
    assert reason_to_cancel(execution, trigger=trigger, workflow_exists=exists) == reason


def test_a_schedules_turn() -> None:
    """Starts, drops, and the state to remember."""
    trigger = ScheduledTrigger(
        id="t", workflow_id="A", cron_expression="*/10 * * * *", trigger_name="x", planned_until=NOW
    )
    now = NOW + timedelta(minutes=25)
    turn = evaluate_schedule(trigger, workflow_name="Alpha", now=now, missed_after_seconds=60)
    (start,) = turn.starts
    fire_time = NOW + timedelta(minutes=20)
    assert (start.fire_time, start.run_after, start.created_at) == (fire_time, fire_time, now)
    assert start.id == start.root_execution_id == cause_id("t", str(int(fire_time.timestamp())))
    assert (start.trigger_type, start.trigger_name, start.workflow_name) == ("scheduled", "x", "Alpha")
    (drop,) = turn.drops
    assert (drop.first, drop.last, drop.count, drop.recorded_at) == (
        NOW + timedelta(minutes=10),
        NOW + timedelta(minutes=10),
        1,
        now,
    )
    assert (turn.planned_until, turn.next_run_at, turn.last_run_at) == (now, NOW + timedelta(minutes=30), fire_time)


def test_a_turn_without_a_fire_keeps_the_last_one() -> None:
    """Nothing due: nothing starts, nothing is dropped."""
    last = NOW - timedelta(minutes=10)
    trigger = ScheduledTrigger(workflow_id="A", cron_expression="@hourly", planned_until=NOW, last_run_at=last)
    turn = evaluate_schedule(trigger, workflow_name="A", now=NOW + timedelta(minutes=5), missed_after_seconds=60)
    assert (turn.starts, turn.drops, turn.last_run_at) == ((), (), last)


@given(st.lists(st.integers(0, 300), max_size=30), st.sampled_from([0.5, 1.0, 20.0]), st.integers(0, 100))
def test_missed_starts_queue_behind_each_other(ages: list[int], per_second: float, busy_for: int) -> None:
    """Others start at once; missed ones one after another, behind those of the last tick; run_after never moves."""
    starts = [ended("pending", run_after=NOW - timedelta(seconds=age)) for age in ages]
    not_before = NOW + timedelta(seconds=busy_for)
    spread = spread_missed_starts(
        starts, now=NOW, missed_after_seconds=60, per_second=per_second, not_before=not_before
    )
    assert [start.run_after for start in spread] == [start.run_after for start in starts]
    missed = [start.available_at for start, age in zip(spread, ages, strict=True) if age > 60]
    assert all(start.available_at == NOW for start, age in zip(spread, ages, strict=True) if age <= 60)
    assert missed == [not_before + timedelta(seconds=1 / per_second) * number for number in range(len(missed))]
