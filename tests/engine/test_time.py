"""Rule 22: aware datetimes only, Unix seconds in columns, aware UTC datetimes in values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import BigInteger, Integer

from flowforge_graph import InvalidTime, ScheduledTrigger, TriggerEngine
from flowforge_graph.storage.tables import tables_for
from flowforge_graph.testing import FixedClock
from tests.engine.support import chain_of, rows

NAIVE = datetime(2026, 1, 1)


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """An engine with A → B."""
    engine = make_engine()
    chain_of(engine, "AB")
    return engine


@pytest.mark.parametrize(
    "call",
    [
        lambda engine: engine.tick(NAIVE),
        lambda engine: engine.dispatch_due(NAIVE),
        lambda engine: engine.prune(NAIVE),
        lambda engine: engine.preview_schedule("@daily", start=NAIVE),
        lambda engine: engine.tick(0),
        lambda engine: engine.prune("2026-01-01"),
    ],
)
def test_naive_times_are_refused(engine: TriggerEngine, call: Callable[[TriggerEngine], object]) -> None:
    """At every door, with the field named."""
    with pytest.raises(InvalidTime, match="time zone"):
        call(engine)


def test_a_naive_clock_is_refused() -> None:
    """A test's clock is aware too."""
    with pytest.raises(InvalidTime):
        FixedClock(NAIVE)


def test_columns_are_unix_seconds(engine: TriggerEngine, clock: FixedClock) -> None:
    """Rounded down, and read back as aware UTC datetimes."""
    clock.set(datetime(2026, 7, 1, 12, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2))))
    engine.complete("up", "completed", workflow_id="A")
    seconds = int(datetime(2026, 7, 1, 10, tzinfo=UTC).timestamp())
    assert rows(engine, "SELECT created_at, run_after, ended_at FROM executions WHERE id = 'up'") == [(seconds,) * 3]
    ended_at = engine.get_execution("up").ended_at
    assert ended_at == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert ended_at.tzinfo is UTC
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="@daily"))
    assert isinstance(trigger, ScheduledTrigger)
    assert rows(engine, "SELECT planned_until, created_at FROM workflow_triggers WHERE trigger_type = 'scheduled'") == [
        (seconds, seconds)
    ]
    assert trigger.next_run_at == datetime(2026, 7, 2, tzinfo=UTC)


def test_every_instant_column_is_a_whole_number() -> None:
    """No column holds a database's own idea of time."""
    for table in tables_for().metadata.tables.values():
        for column in table.columns:
            if column.name.endswith(("_at", "_after", "_until", "_time")):
                assert isinstance(column.type, BigInteger | Integer), column


def test_what_happens_in_one_second_is_ordered(engine: TriggerEngine) -> None:
    """By seq: lists and claims keep the order of recording."""
    ids = [engine.start("A").id for _ in range(20)]
    assert [execution.id for execution in engine.list_executions()] == ids[::-1]
    assert [claim.execution_id for claim in engine.claim_due(20)] == ids


def test_updates_stamp_the_time(engine: TriggerEngine, clock: FixedClock) -> None:
    """created_at stays, updated_at moves; a change that changes nothing is none."""
    trigger = engine.list_triggers()[0]
    clock.advance(minutes=1)
    assert engine.enable_trigger(trigger.id) == trigger
    changed = engine.update_trigger(trigger.id, trigger_name="x")
    assert (changed.created_at, changed.updated_at) == (trigger.created_at, clock.now())
    workflow = engine.get_workflow("A")
    assert engine.update_workflow("A", name="A") == workflow
    assert engine.update_workflow("A", description="first").updated_at == clock.now()
    assert engine.get_workflow("A").created_at == workflow.created_at
