"""Does a kill at any instant, inside a COMMIT too, lose what was acknowledged? And one while the schema is made?"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.model import DependencyTrigger, EventTrigger, ScheduledTrigger
from tests.faults import actions
from tests.faults.clocks import HurriedClock
from tests.faults.files import append_line, lines_of
from tests.faults.forms import so_many
from tests.faults.ledgers import assert_ledger_is_sound
from tests.faults.rows import assert_graph_is_sound, assert_history_is_sound, rows
from tests.faults.steps import LedgerExecutor
from tests.faults.workers import HANG_SECONDS, Worker, workers

DATABASES = so_many(short=1, long=40)
LIVES = 20
STEPS_OF_THE_FIRST_OPENING = (1, 2, 3, 5, 8, 13, 21, 34, 55)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def chance() -> random.Random:
    """A chance whose seed is printed."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    return random.Random(seed)


def kill_in_turn(start: Callable[[Worker, int], None], ledger: Path, chance: random.Random) -> Iterator[int]:
    """Let one process after another live until the ledger has grown by chance; kill it, and answer its number."""
    for life in range(LIVES):
        with workers(1) as (worker,):
            start(worker, life)
            wait_for_lines(worker, ledger, len(lines_of(ledger)) + chance.randrange(1, 30))
            worker.kill()
        yield life


def wait_for_lines(worker: Worker, ledger: Path, count: int) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while len(lines_of(ledger)) < count:
        assert worker.is_alive(), "the worker died by itself"
        assert time.monotonic() < deadline, "the worker hangs"
        time.sleep(0.001)


def assert_file_is_whole(url: str) -> None:
    """SQLite itself finds nothing wrong."""
    if url.startswith("sqlite"):
        assert [tuple(row) for row in rows(url, "PRAGMA integrity_check")] == [("ok",)]


# Completions


def test_what_was_acknowledged_before_a_kill_at_a_random_instant_is_stored(
    new_url: Callable[[], str],
    rollback_journal: bool,
    tmp_path: Path,
    chance: random.Random,
    saw: Callable[..., None],
) -> None:
    """Processes complete in four threads until they are killed; the next one finds everything acknowledged."""
    acknowledged = lost = 0
    for number in range(DATABASES):
        url, ledger = new_url(), tmp_path / f"acknowledged-{number}"
        with TriggerEngine(url) as engine:
            engine.create_workflow("up")
            engine.create_workflow("down")
            engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up"))

        def start(worker: Worker, life: int, url: str = url, ledger: Path = ledger) -> None:
            worker.call(actions.open_engine, url, rollback_journal=rollback_journal)
            worker.ask(complete_until_killed, f"{life}", str(ledger))

        for _ in kill_in_turn(start, ledger, chance):
            stored = {row.id for row in rows(url, "SELECT id FROM executions WHERE status = 'completed'")}
            lost += len({execution_id for (execution_id,) in lines_of(ledger)} - stored)
            assert_history_is_sound(url)
        assert_file_is_whole(url)
        acknowledged += len(lines_of(ledger))
    assert acknowledged >= DATABASES * LIVES
    assert lost == 0
    saw(kills=DATABASES * LIVES, acknowledged=acknowledged, lost=lost)


def complete_until_killed(name: str, ledger: str) -> None:
    """In a worker: complete one execution after another, and write down which were acknowledged."""

    def work(thread: int) -> None:
        for number in range(100_000):
            execution_id = f"{name}-{thread}-{number}"
            actions.this.engine.complete(execution_id, "completed", workflow_id="up")
            append_line(ledger, execution_id)

    actions.in_threads(4, work)


# Everything at once


def test_each_cause_runs_under_one_id_though_every_process_is_killed(
    new_url: Callable[[], str],
    rollback_journal: bool,
    tmp_path: Path,
    chance: random.Random,
    saw: Callable[..., None],
) -> None:
    """Processes tick, emit, start, dispatch and complete until they are killed: no cause is lost, none has two ids."""
    starts = again = twice = lost = 0
    for number in range(DATABASES):
        url, ledger = new_url(), tmp_path / f"ledger-{number}"
        clock = HurriedClock(began=BEGAN, origin=time.monotonic(), seconds_a_minute=0.2)
        with TriggerEngine(url, clock=clock) as engine:
            since = make_world(engine)

        def start(worker: Worker, life: int, url: str = url, ledger: Path = ledger, clock: Any = clock) -> None:
            worker.call(actions.open_engine, url, rollback_journal=rollback_journal, **keywords_of(clock, ledger))
            worker.ask(work_until_killed, f"{life}", str(ledger.with_suffix(".acknowledged")))

        for _ in kill_in_turn(start, ledger, chance):
            assert_history_is_sound(url)
        with TriggerEngine(url, **keywords_of(clock, ledger)) as engine:
            work_to_the_end(engine)
        lost += len(what_is_lost(url, ledger.with_suffix(".acknowledged"), since))
        read = assert_ledger_is_sound(url, ledger)
        starts, again, twice = starts + read.starts, again + read.again, twice + read.twice
        assert_history_is_sound(url)
        assert_file_is_whole(url)
    assert lost == 0
    saw(kills=DATABASES * LIVES, starts=starts, started_again=again, lost=lost, twice=twice)


def keywords_of(clock: HurriedClock, ledger: Path) -> dict[str, Any]:
    return {
        "clock": clock,
        "executor": LedgerExecutor(ledger),
        "lease_seconds": 0.2,
        "max_attempts": 1_000,
        "catch_up_starts_per_second": 1_000.0,
    }


def make_world(engine: TriggerEngine) -> datetime:
    """A schedule, an event and starts by hand, each with something downstream; answer since when it is planned."""
    for workflow_id in ("scheduled", "event", "hand", "next", "last"):
        engine.create_workflow(workflow_id)
    engine.create_trigger(EventTrigger(workflow_id="event", event_type="came"))
    for upstream in ("scheduled", "event", "hand"):
        engine.create_trigger(DependencyTrigger(workflow_id="next", depends_on_workflow_id=upstream))
    engine.create_trigger(DependencyTrigger(workflow_id="last", depends_on_workflow_id="next"))
    schedule = engine.create_trigger(
        ScheduledTrigger(workflow_id="scheduled", cron_expression="* * * * *", trigger_name="s", misfire_policy="all")
    )
    assert isinstance(schedule, ScheduledTrigger)
    assert schedule.planned_until is not None
    return schedule.planned_until


def work_until_killed(name: str, acknowledged: str) -> None:
    """In a worker: all that an engine does, each thing noted once it was acknowledged."""
    engine = actions.this.engine
    for number in range(100_000):
        for execution_id in engine.tick().started_execution_ids:
            append_line(acknowledged, "stored", execution_id)
        for execution in engine.emit("came", key=f"{name}-{number}"):
            append_line(acknowledged, "stored", execution.id)
        append_line(acknowledged, "stored", engine.start("hand").id)
        engine.dispatch_due()
        for execution in engine.list_executions(status="running", limit=20):
            engine.complete(execution.id, "completed")
            append_line(acknowledged, "completed", execution.id)


def work_to_the_end(engine: TriggerEngine) -> None:
    """Take over what the last process left, and complete whatever is alive; the schedule is left as it is."""
    deadline = time.monotonic() + HANG_SECONDS
    while alive := engine.list_executions(status="running") + engine.list_executions(status="pending"):
        assert time.monotonic() < deadline, f"{len(alive)} executions never end"
        engine.dispatch_due()
        running = engine.list_executions(status="running", limit=1_000)
        engine.complete_many({"execution_id": one.id, "status": "completed"} for one in running if one.external_id)
        if not running:
            engine.wait(0.05)


def what_is_lost(url: str, acknowledged: Path, since: datetime) -> list[object]:
    """What was acknowledged and is not stored; what has not ended, or started nothing; fire times without execution."""
    stored = {row.id: row for row in rows(url, "SELECT id, status, workflow_id, fire_time FROM executions")}
    started = {row.upstream_execution_id for row in rows(url, "SELECT upstream_execution_id FROM executions")}
    (trigger,) = rows(url, "SELECT planned_until FROM workflow_triggers WHERE trigger_type = 'scheduled'")
    first = int(since.timestamp()) // 60 * 60 + 60
    fires = set(range(first, trigger.planned_until + 1, 60)) - {row.fire_time for row in stored.values()}
    unknown = {execution_id for _, execution_id in lines_of(acknowledged)} - set(stored)
    alive = [row.id for row in stored.values() if row.status != "completed"]
    barren = [row.id for row in stored.values() if row.workflow_id != "last" and row.id not in started]
    return [*fires, *unknown, *alive, *barren]


# The schema


def test_a_schema_whose_making_was_killed_is_made_by_the_next_process(
    new_url: Callable[[], str], rollback_journal: bool, saw: Callable[..., None]
) -> None:
    """Either nothing of it is there or all of it; the next engine finds one or the other, and works."""
    kills = 0
    for number in STEPS_OF_THE_FIRST_OPENING:
        url = new_url()
        with workers(1) as (worker,):
            worker.ask(actions.open_until, number, url, rollback_journal=rollback_journal)
            survived = any(True for _ in worker.words())
            assert survived or worker.join() == -signal.SIGKILL
            kills += not survived
        with TriggerEngine(url) as engine:
            engine.create_workflow("w")
            assert engine.complete("e", "completed", workflow_id="w").status == "completed"
        assert len(rows(url, "SELECT version_num FROM flowforge_graph_version")) == 1
        assert_graph_is_sound(url)
    saw(kills=kills)
