"""Rules 16–17: what a tick starts, drops and remembers, once for each fire time whoever ticks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from flowforge_graph import InvalidTime, ScheduledTrigger, TriggerEngine
from flowforge_graph.testing import FixedClock
from tests.engine.support import make_workflows, write

MakeEngine = Callable[..., TriggerEngine]
START = datetime(2026, 1, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """So many minutes after the clock began."""
    return START + timedelta(minutes=minutes)


@pytest.fixture
def engine(make_engine: MakeEngine) -> TriggerEngine:
    """An engine with the workflow A."""
    engine = make_engine()
    make_workflows(engine, "A")
    return engine


def scheduled(engine: TriggerEngine, cron: str = "*/10 * * * *", **fields: Any) -> ScheduledTrigger:
    """A stored schedule of A."""
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression=cron, **fields))
    assert isinstance(trigger, ScheduledTrigger)
    return trigger


def stored(engine: TriggerEngine, trigger: ScheduledTrigger) -> ScheduledTrigger:
    """The schedule as it is stored now."""
    found = engine.get_trigger(trigger.id)
    assert isinstance(found, ScheduledTrigger)
    return found


def fires(engine: TriggerEngine) -> list[datetime]:
    """The fire times that have an execution, in order of their start."""
    return [e.fire_time for e in reversed(engine.list_executions("A", limit=1000)) if e.fire_time]


def test_a_fire_time_starts_one_execution(engine: TriggerEngine, clock: FixedClock) -> None:
    """At its instant, with the fire time as run_after; a second tick starts nothing."""
    trigger = scheduled(engine, trigger_name="tens")
    assert (trigger.planned_until, trigger.next_run_at, trigger.last_run_at) == (START, at(10), None)
    clock.advance(minutes=10, seconds=-1)
    assert engine.tick().started_execution_ids == ()
    clock.advance(seconds=31)
    (started,) = engine.tick().started_execution_ids
    execution = engine.get_execution(started)
    assert (execution.trigger_type, execution.trigger_id, execution.trigger_name) == ("scheduled", trigger.id, "tens")
    assert execution.fire_time == execution.run_after == at(10)
    assert execution.available_at <= clock.now()
    assert execution.root_execution_id == execution.id
    assert engine.tick().started_execution_ids == ()
    after = stored(engine, trigger)
    assert (after.planned_until, after.next_run_at, after.last_run_at) == (clock.now(), at(20), at(10))


def test_latest_starts_only_the_newest(engine: TriggerEngine, clock: FixedClock) -> None:
    """And records what it dropped as one range."""
    trigger = scheduled(engine)
    clock.advance(minutes=55)
    result = engine.tick()
    assert fires(engine) == [at(50)]
    (drop,) = engine.list_schedule_drops(trigger.id)
    assert result.drops == (drop,)
    assert (drop.first, drop.last, drop.count, drop.reason) == (at(10), at(40), 4, "superseded")
    assert (drop.recorded_at, drop.workflow_id) == (clock.now(), "A")


def test_skip_starts_only_what_is_not_missed(engine: TriggerEngine, clock: FixedClock) -> None:
    """More than sixty seconds old is missed."""
    trigger = scheduled(engine, "* * * * *", misfire_policy="skip")
    clock.advance(minutes=30, seconds=30)
    engine.tick()
    assert fires(engine) == [at(30)]
    (drop,) = engine.list_schedule_drops(trigger.id)
    assert (drop.first, drop.last, drop.count, drop.reason) == (at(1), at(29), 29, "missed")
    clock.advance(minutes=1, seconds=-30)
    engine.tick()
    assert fires(engine) == [at(30), at(31)]
    assert engine.list_schedule_drops(trigger.id) == [drop]


def test_all_starts_a_hundred_a_tick_oldest_first(engine: TriggerEngine, clock: FixedClock) -> None:
    """The rest stays due, and nothing is dropped."""
    trigger = scheduled(engine, "* * * * *", misfire_policy="all")
    clock.advance(minutes=250)
    assert len(engine.tick().started_execution_ids) == 100
    assert stored(engine, trigger).planned_until == at(100)
    assert stored(engine, trigger).next_run_at == at(101)
    assert len(engine.tick().started_execution_ids) == 100
    assert len(engine.tick().started_execution_ids) == 50
    assert fires(engine) == [at(minute) for minute in range(1, 251)]
    assert engine.list_schedule_drops(trigger.id) == []


@pytest.mark.parametrize(
    "change",
    [
        {"cron_expression": "*/7 * * * *"},
        {"timezone": "Europe/Berlin"},
        {"schedule_owner": "prefect"},
    ],
)
def test_a_new_rhythm_or_owner_plans_from_now_on(
    engine: TriggerEngine, clock: FixedClock, change: dict[str, str]
) -> None:
    """Nothing that fell due before the change starts."""
    trigger = scheduled(engine)
    clock.advance(minutes=15)
    changed = engine.update_trigger(trigger.id, **change)
    assert isinstance(changed, ScheduledTrigger)
    assert changed.planned_until == clock.now()
    if changed.schedule_owner == "engine":
        assert changed.next_run_at is not None
        assert changed.next_run_at > clock.now()
    else:
        assert changed.next_run_at is None, "when Prefect fires is not the engine's to say"
    engine.tick()
    assert fires(engine) == []


def test_what_prefect_fired_is_not_caught_up(engine: TriggerEngine, clock: FixedClock) -> None:
    """The tick ignores Prefect's schedules, and one that comes back begins from now."""
    trigger = scheduled(engine, schedule_owner="prefect", misfire_policy="all")
    clock.advance(minutes=15)
    assert engine.tick().started_execution_ids == ()
    engine.update_trigger(trigger.id, schedule_owner="engine")
    assert engine.tick().started_execution_ids == ()
    clock.advance(minutes=5)
    engine.tick()
    assert fires(engine) == [at(20)]


@pytest.mark.parametrize("change", [{"trigger_name": "x"}, {"misfire_policy": "all"}, {"enabled": True}])
def test_another_name_or_policy_changes_no_plan(
    engine: TriggerEngine, clock: FixedClock, change: dict[str, Any]
) -> None:
    """What fell due before is still due."""
    trigger = scheduled(engine)
    clock.advance(minutes=15)
    engine.update_trigger(trigger.id, **change)
    assert stored(engine, trigger).planned_until == START
    engine.tick()
    assert fires(engine) == [at(10)]


def test_disabled_time_is_never_caught_up(engine: TriggerEngine, clock: FixedClock) -> None:
    """Neither while it is disabled nor when it is enabled again."""
    trigger = scheduled(engine, misfire_policy="all")
    engine.disable_trigger(trigger.id)
    assert stored(engine, trigger).next_run_at is None
    clock.advance(minutes=35)
    assert engine.tick().started_execution_ids == ()
    engine.enable_trigger(trigger.id)
    assert (stored(engine, trigger).planned_until, stored(engine, trigger).next_run_at) == (at(35), at(40))
    engine.tick()
    clock.advance(minutes=5)
    engine.tick()
    assert fires(engine) == [at(40)]


def test_a_clock_set_back_fires_nothing_twice(engine: TriggerEngine, clock: FixedClock) -> None:
    """Also where a schedule is enabled anew meanwhile, and also if history was pruned."""
    trigger = scheduled(engine, misfire_policy="all")
    clock.advance(minutes=30)
    engine.tick()
    clock.set(at(5))
    assert engine.tick().started_execution_ids == ()
    engine.disable_trigger(trigger.id)
    engine.enable_trigger(trigger.id)
    assert stored(engine, trigger).planned_until == at(5)
    for execution in engine.list_executions():
        engine.complete(execution.id, "completed")
    clock.set(at(40))
    started = engine.tick().started_execution_ids
    assert fires(engine) == [at(10), at(20), at(30), at(40)]
    assert started == (engine.list_executions()[0].id,)
    engine.complete(engine.list_executions()[0].id, "completed")
    clock.set(at(5))
    engine.disable_trigger(trigger.id)
    engine.enable_trigger(trigger.id)
    assert engine.prune(at(60)).executions == 4
    clock.set(at(50))
    assert len(engine.tick().started_execution_ids) == 1
    assert fires(engine) == [at(50)]


def test_two_engines_that_tick_at_once_start_once(make_engine: MakeEngine, clock: FixedClock) -> None:
    """One execution a fire time, one record a drop."""
    engines = [make_engine() for _ in range(2)]
    make_workflows(engines[0], "A")
    triggers = [scheduled(engines[0], trigger_name=f"s{number}") for number in range(10)]
    begin = threading.Barrier(6)
    started: list[str] = []

    def tick(number: int) -> None:
        begin.wait()
        started.extend(engines[number % 2].tick().started_execution_ids)

    clock.advance(minutes=25)
    threads = [threading.Thread(target=tick, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(started) == len(set(started)) == 10
    assert fires(engines[0]) == [at(20)] * 10
    assert [len(engines[0].list_schedule_drops(trigger.id)) for trigger in triggers] == [1] * 10


@pytest.mark.parametrize("change", [{"trigger_name": "renamed"}, {"source": "file"}])
def test_a_tick_during_an_update_is_not_undone(
    make_engine: MakeEngine, clock: FixedClock, change: dict[str, str]
) -> None:
    """A change that read the schedule before another process moved it on does not set it back."""
    engine, other = make_engine(), make_engine()
    make_workflows(engine, "A")
    trigger = scheduled(engine)
    clock.advance(minutes=25)
    ticks = []

    def tick_once(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(("UPDATE workflow_triggers", "DELETE FROM workflow_triggers")) and not ticks:
            ticks.append(other.tick())

    target = engine._context.store.database.engine
    if engine._context.store.database.is_sqlite:
        # One writer at a time: the tick can only come before or after.
        other.tick()
    else:
        event.listen(target, "before_cursor_execute", tick_once)
    engine.update_trigger(trigger.id, **change)
    engine.tick()
    other.tick()
    assert stored(engine, trigger).planned_until == clock.now()
    assert len(engine.list_schedule_drops(trigger.id)) == 1
    assert fires(engine) == [at(20)]


def test_missed_fires_are_spread_after_downtime(make_engine: MakeEngine, clock: FixedClock) -> None:
    """So many starts a second by available_at; run_after stays the fire time; what is not missed starts at once."""
    engine = make_engine(catch_up_starts_per_second=2)
    make_workflows(engine, "A")
    scheduled(engine, "* * * * *", misfire_policy="all")
    clock.advance(minutes=10)
    engine.tick()
    executions = engine.list_executions()[::-1]
    assert [execution.run_after for execution in executions] == [at(minute) for minute in range(1, 11)]
    waits = [(execution.available_at - clock.now()).total_seconds() for execution in executions]
    assert waits == [0, 0, 1, 1, 2, 2, 3, 3, 0, 0]
    for second in (0, 1, 2, 3):
        assert len(engine.claim_due(100)) == (4 if second == 0 else 2)
        clock.advance(seconds=1)


def test_many_schedules_move_on_in_several_transactions(make_engine: MakeEngine, clock: FixedClock) -> None:
    """More than fit in one; each starts once."""
    engine = make_engine()
    make_workflows(engine, "A")
    names = [f"s{number}" for number in range(450)]
    engine.create_triggers(
        [ScheduledTrigger(workflow_id="A", cron_expression="@hourly", trigger_name=name) for name in names]
    )
    clock.advance(minutes=60)
    assert len(engine.tick().started_execution_ids) == 450
    assert len(set(fires(engine))) == 1
    assert engine.tick().started_execution_ids == ()


@pytest.mark.parametrize("spoil", ["cron_expression = 'nonsense'", "timezone = 'No/Where'", "planned_until = NULL"])
def test_a_schedule_that_cannot_be_read_harms_no_other(
    engine: TriggerEngine, clock: FixedClock, caplog: pytest.LogCaptureFixture, spoil: str
) -> None:
    """It is passed over and logged."""
    bad = scheduled(engine, trigger_name="bad")
    scheduled(engine, trigger_name="good")
    write(engine, f"UPDATE workflow_triggers SET {spoil} WHERE id = '{bad.id}'")
    clock.advance(minutes=10)
    with caplog.at_level(logging.ERROR):
        assert len(engine.tick().started_execution_ids) == 1
    assert f"the stored schedule {bad.id} cannot be read" in caplog.text


def test_an_id_spoiled_by_hand_makes_no_second_line_of_log(
    engine: TriggerEngine, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What another program wrote into the table is escaped in the message of every record."""
    spoiled = scheduled(engine, trigger_name="bad")
    nasty = "x\n2026-01-01 forged \x1b[2J\u202e"
    write(
        engine, f"UPDATE workflow_triggers SET cron_expression = 'nonsense', id = '{nasty}' WHERE id = '{spoiled.id}'"
    )
    clock.advance(minutes=10)
    with caplog.at_level(logging.WARNING):
        engine.tick()
        engine.list_triggers()
    assert len(caplog.records) >= 2
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_a_tick_may_be_given_its_instant(engine: TriggerEngine) -> None:
    """An aware one."""
    scheduled(engine)
    assert len(engine.tick(at(10)).started_execution_ids) == 1
    with pytest.raises(InvalidTime, match="now must be a datetime with a time zone"):
        engine.tick(datetime(2026, 1, 1))


def test_a_preview_begins_now_unless_told(engine: TriggerEngine, clock: FixedClock) -> None:
    """By the engine's clock."""
    clock.advance(minutes=3)
    assert (
        engine.preview_schedule("*/10 * * * *", count=2).next_runs
        == engine.preview_schedule("*/10 * * * *", count=2, start=at(3)).next_runs
    )
