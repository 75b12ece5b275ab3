"""Do wrong clocks fire anything twice, steal a lease, or leave one stuck? And what follows a whole day of downtime?"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import LeaseLost
from flowforge_graph.model import Claim, DependencyTrigger, ScheduledTrigger
from flowforge_graph.testing import FixedClock, RecordingExecutor
from tests.faults import actions
from tests.faults.clocks import SkewedClock
from tests.faults.dispatching import ATTEMPT, make_workflow, state_of
from tests.faults.files import lines_of
from tests.faults.forms import so_many
from tests.faults.rows import assert_history_is_sound, rows
from tests.faults.waiting import eventually
from tests.faults.workers import workers

MakeEngine = Callable[..., TriggerEngine]
HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
JUMPS = so_many(short=150, long=5_000)
# So long that a machine which stands still for a moment loses none.
LEASE_SECONDS = 4.0
SCHEDULES = 1_000
STARTS_PER_SECOND = 20


# Clocks that jump


def test_clocks_that_jump_by_an_hour_fire_nothing_twice_and_lose_nothing(
    make_engine: MakeEngine, saw: Callable[..., None]
) -> None:
    """Two nodes whose clocks are set an hour forth and back at random: each minute has one execution, started once."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    clocks = [FixedClock(START) for _ in range(2)]
    executors = [RecordingExecutor() for _ in range(2)]
    nodes = [make_engine(clock=clock, executor=executor) for clock, executor in zip(clocks, executors, strict=True)]
    make_schedule(nodes[0])
    truth = START
    for _ in range(JUMPS):
        truth += timedelta(seconds=chance.choice((1, 10, 40)))
        for clock in clocks:
            clock.set(truth + chance.choice((-HOUR, timedelta(), HOUR)))
        node = chance.choice(nodes)
        node.tick()
        node.dispatch_due()
        for execution in node.list_executions(status="running", limit=100):
            node.complete(execution.id, "completed")
    # Once the clocks are right again, whatever waits for its instant comes to its end.
    for clock in clocks:
        clock.set(truth + HOUR)
    nodes[1].tick()
    while nodes[0].dispatch_due() + nodes[1].dispatch_due():
        for execution in nodes[0].list_executions(status="running", limit=100):
            nodes[0].complete(execution.id, "completed")
    url = nodes[0]._context.store.database.url.render_as_string(hide_password=False)
    fires = [row.fire_time for row in rows(url, "SELECT fire_time FROM executions WHERE fire_time IS NOT NULL")]
    first, last = int(START.timestamp()) + 60, int((truth + HOUR).timestamp()) // 60 * 60
    assert set(fires) == set(range(first, last + 1, 60))
    started = Counter(execution.id for executor in executors for execution in executor.started)
    assert sum(started.values()) == 2 * len(fires)
    twice = len(fires) - len(set(fires)) + sum(times > 1 for times in started.values())
    assert twice == 0
    assert_history_is_sound(url)
    saw(jumps=JUMPS, fires=len(fires), twice=twice)


def make_schedule(engine: TriggerEngine) -> None:
    """Every minute, and something downstream."""
    for workflow_id in ("minutely", "next"):
        engine.create_workflow(workflow_id)
    engine.create_trigger(DependencyTrigger(workflow_id="next", depends_on_workflow_id="minutely"))
    engine.create_trigger(
        ScheduledTrigger(
            workflow_id="minutely", cron_expression="* * * * *", trigger_name="every", misfire_policy="all"
        )
    )


def test_no_jump_steals_a_lease_that_is_renewed_or_keeps_one_that_is_not(
    make_engine: MakeEngine, saw: Callable[..., None]
) -> None:
    """Wall clocks jump at random while holders renew in time or are dead: only the dead ones are taken over."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    clocks = [FixedClock(START) for _ in range(2)]
    holder, other = (make_engine(clock=clock, lease_seconds=15.0, max_attempts=JUMPS) for clock in clocks)
    holder.create_workflow("w")
    alive, dead = held(holder, "alive"), held(holder, "dead")
    stolen = taken = 0
    for _ in range(JUMPS):
        for clock in clocks:
            clock.set(clock.now() + chance.choice((-HOUR, timedelta(), HOUR)))
            clock.advance(seconds=4)
        try:
            alive = holder.renew(alive)
        except LeaseLost:
            stolen += 1
        for claim in other.claim_due(10):
            # Taken over from the dead holder, by one that dies as well.
            assert claim.execution_id == dead.execution_id
            taken += 1
    assert stolen == 0
    # The first look finds it; each fourth one after a sighting has seen it unchanged for one lease, and takes over.
    assert taken == (JUMPS - 1) // 4
    assert holder.get_execution("dead").attempt == 1 + taken
    saw(jumps=JUMPS, stolen=stolen, taken_over=taken)


def held(engine: TriggerEngine, execution_id: str) -> Claim:
    engine.start("w", execution_id=execution_id)
    (claim,) = engine.claim_due()
    engine.mark_running(claim)
    return claim


# Two nodes, two hours apart


@pytest.mark.parametrize("ahead", [True, False], ids=["holder-ahead", "holder-behind"])
def test_a_node_with_another_hour_neither_steals_a_lease_nor_leaves_it(
    database_url: str, tmp_path: Path, ahead: bool
) -> None:
    """Real processes two hours apart: a command that runs for leases stays its holder's; killed, it is taken over."""
    make_workflow(database_url, tmp_path, ATTEMPT)
    ledger, stop = tmp_path / "ledger", tmp_path / "stop"
    hours = (1, -1) if ahead else (-1, 1)
    with workers(2) as (holder, other):
        for worker, own in zip((holder, other), hours, strict=True):
            clock = SkewedClock(ahead=own * HOUR)
            keywords = {"lease_seconds": LEASE_SECONDS, "clock": clock}
            worker.call(actions.open_dispatcher, database_url, str(tmp_path / "state"), **keywords)
        execution_id = holder.call(actions.with_engine, "start", "w").id
        holder.ask(actions.dispatch_until, str(stop))
        eventually(lambda: state_of(database_url, execution_id)[0] == "running" and lines_of(ledger))
        other.ask(actions.dispatch_until, str(stop))
        renewals = "SELECT claim_renewals FROM executions WHERE id = :id"
        # It is renewed a few times a lease.
        eventually(lambda: rows(database_url, renewals, id=execution_id)[0].claim_renewals >= 4)
        assert state_of(database_url, execution_id) == ("running", 1)
        holder.kill()
        eventually(lambda: len(lines_of(ledger)) == 2)
        (tmp_path / "go-2").touch()
        eventually(lambda: state_of(database_url, execution_id)[0] == "completed")
        stop.touch()
        assert other.answer() == 1
    assert [line[:2] for line in lines_of(ledger)] == [[execution_id, "1"], [execution_id, "2"]]
    assert not (tmp_path / "overlaps").exists()
    assert_history_is_sound(database_url)


# A day of downtime


def test_a_day_of_downtime_is_decided_by_trigger_and_started_at_a_capped_rate(
    make_engine: MakeEngine, clock: FixedClock, saw: Callable[..., None]
) -> None:
    """1,000 minutely schedules, 24 h down: each fire time is started or in a recorded range, at a capped rate.

    Two nodes tick at once: the cap is that of the database, not of a process.
    """
    policies = ["latest"] * 70 + ["skip"] * 29 + ["all"]
    with make_engine() as before:
        before.create_workflow("w")
        triggers = before.create_triggers(
            ScheduledTrigger(
                workflow_id="w",
                cron_expression="* * * * *",
                trigger_name=f"s{number}",
                misfire_policy=policies[number % len(policies)],  # type: ignore[arg-type]
            )
            for number in range(SCHEDULES)
        )
    clock.advance(minutes=24 * 60, seconds=30)
    nodes = [make_engine(catch_up_starts_per_second=STARTS_PER_SECOND) for _ in range(2)]
    ticks = 0
    while any(result.started_execution_ids for result in actions.in_threads(2, lambda node: nodes[node].tick())):
        ticks += 1
    url = nodes[0]._context.store.database.url.render_as_string(hide_password=False)
    executions = rows(url, "SELECT trigger_id, fire_time, available_at, created_at FROM executions ORDER BY seq")
    drops = rows(url, "SELECT trigger_id, first_fire_time, last_fire_time, count FROM schedule_drops")
    fires = Counter(row.trigger_id for row in executions)
    dropped = Counter({row.trigger_id: row.count for row in drops})
    assert all(row.count == (row.last_fire_time - row.first_fire_time) // 60 + 1 for row in drops)
    assert len(drops) == len(dropped) == SCHEDULES - sum(fires[t.id] == 1440 for t in triggers)
    silent = [trigger.id for trigger in triggers if fires[trigger.id] + dropped[trigger.id] != 24 * 60]
    assert silent == []
    by_policy = {policy: {fires[t.id] for t in triggers if t.misfire_policy == policy} for policy in set(policies)}
    assert by_policy == {"latest": {1}, "skip": {1}, "all": {1440}}
    now = int(clock.now().timestamp())
    missed = [row.available_at for row in executions if now - row.fire_time > 60]
    rate = max(Counter(missed).values())
    assert rate <= STARTS_PER_SECOND
    assert all(later >= earlier for earlier, later in pairwise(missed))
    saw(
        schedules=SCHEDULES,
        fire_times=SCHEDULES * 24 * 60,
        started=len(executions),
        ranges=len(drops),
        silent=len(silent),
        missed_starts_a_second_at_most=rate,
        ticks=ticks,
    )
