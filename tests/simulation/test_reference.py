"""The reference is right: what it expects is held against tables written by hand and, where it is arithmetic, cron."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from flowforge_graph import calculate_next_runs
from flowforge_graph.testing.chains import chain_between, cycle_of
from flowforge_graph.testing.simulation.reference import (
    RHYTHMS,
    Plan,
    as_row,
    fire_times,
    plan_of,
    reason_to_skip,
    refusal_of,
)
from flowforge_graph.testing.simulation.rows import TriggerRow

MIDNIGHT = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


def dependency(upstream: str, downstream: str, condition: str = "on_success", *, enabled: bool = True) -> TriggerRow:
    """A dependency trigger as a row."""
    return as_row(
        {
            "id": f"{upstream}{downstream}{condition}",
            "trigger_type": "dependency",
            "workflow_id": downstream,
            "depends_on_workflow_id": upstream,
            "dependency_condition": condition,
            "enabled": enabled,
        }
    )


def schedule(policy: str, *, planned_until: int = MIDNIGHT, **fields: object) -> TriggerRow:
    """A schedule of every minute as a row."""
    asked = {"id": "t", "trigger_type": "scheduled", "workflow_id": "a", "cron_expression": "* * * * *"}
    return as_row({**asked, "misfire_policy": policy, "planned_until": planned_until, **fields})


@pytest.mark.parametrize(
    ("condition", "status", "reason"),
    [
        ("on_success", "completed", None),
        ("on_success", "failed", "condition_not_met"),
        ("on_failure", "completed", "condition_not_met"),
        ("on_failure", "failed", None),
        ("on_completion", "completed", None),
        ("on_completion", "failed", None),
        ("on_completion", "cancelled", "upstream_cancelled"),
    ],
)
def test_conditions(condition: str, status: str, reason: str | None) -> None:
    """Rule 6, as a table."""
    assert reason_to_skip(dependency("a", "b", condition), status, room=1) == reason


def test_a_disabled_trigger_and_a_full_cascade_skip() -> None:
    """Rules 6 and 7."""
    assert reason_to_skip(dependency("a", "b", enabled=False), "completed", room=1) == "trigger_disabled"
    assert reason_to_skip(dependency("a", "b"), "completed", room=0) == "cascade_limit"


def test_chains_are_shortest_and_cycles_close() -> None:
    """Rule 1, on a graph with a long way and a short one."""
    edges = [dependency(*pair) for pair in ("ab", "bc", "cd", "ad")]
    assert chain_between(edges, "a", "d") == ["a", "d"]
    assert chain_between(edges, "d", "a") is None
    assert chain_between(edges, "b", "b") == ["b"]
    assert cycle_of(edges) is None
    assert cycle_of([*edges, dependency("d", "b")]) == ["c", "d", "b", "c"]


def test_refusals_come_in_the_order_of_the_contract() -> None:
    """Rules 1 and 2: an unknown workflow, a used id, a cycle, a trigger that says the same."""
    stored = [dependency("a", "b")]
    workflows = dict.fromkeys("abc")
    assert refusal_of(workflows, stored, dependency("x", "b"), is_created=True) == "WorkflowNotFound"
    assert refusal_of(workflows, stored, stored[0], is_created=True) == "DuplicateTrigger"
    assert refusal_of(workflows, stored, dependency("b", "a"), is_created=True) == "CycleError"
    assert refusal_of(workflows, stored, dependency("c", "c"), is_created=True) == "CycleError"
    assert refusal_of(workflows, stored, stored[0]._replace(id="other"), is_created=False) == "DuplicateTrigger"
    assert refusal_of(workflows, stored, dependency("a", "b", "on_failure"), is_created=True) is None


@pytest.mark.parametrize(
    ("policy", "minutes", "plan"),
    [
        ("latest", 3, Plan([180], (60, 120, 2, "superseded"), 180)),
        ("all", 3, Plan([60, 120, 180], None, 180)),
        ("all", 150, Plan([60 * minute for minute in range(1, 101)], None, 6_000)),
        ("skip", 3, Plan([120, 180], (60, 60, 1, "missed"), 180)),
        ("skip", 0, Plan([], None, 0)),
        ("latest", -60, Plan([], None, 0)),
    ],
)
def test_misfire_policies(policy: str, minutes: int, plan: Plan) -> None:
    """Rules 16 and 17, in seconds after midnight, for a tick so many minutes later."""
    expected = Plan(
        fires=[MIDNIGHT + fire for fire in plan.fires],
        dropped=plan.dropped and (MIDNIGHT + plan.dropped[0], MIDNIGHT + plan.dropped[1], *plan.dropped[2:]),
        planned_until=MIDNIGHT + plan.planned_until,
    )
    assert plan_of(schedule(policy), MIDNIGHT + 60 * minutes) == expected


@pytest.mark.parametrize("fields", [{"enabled": False}, {"schedule_owner": "prefect"}])
def test_what_is_not_the_ticks_is_left_alone(fields: dict[str, object]) -> None:
    """Rule 17, and disabled schedules."""
    assert plan_of(schedule("all", **fields), MIDNIGHT + 600) == Plan([], None, MIDNIGHT)


@pytest.mark.parametrize(("cron", "timezone"), RHYTHMS)
def test_the_arithmetic_is_that_of_cron(cron: str, timezone: str) -> None:
    """The fire times of each schedule that simulations use are those of the expression in its zone."""
    start = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)
    begin = int(start.timestamp())
    trigger = schedule("all", cron_expression=cron, timezone=timezone)
    arithmetic = list(islice(fire_times(trigger, after=begin, until=begin + 40 * 86_400), 30))
    assert arithmetic == [int(run.timestamp()) for run in calculate_next_runs(cron, timezone, count=30, start=start)]
