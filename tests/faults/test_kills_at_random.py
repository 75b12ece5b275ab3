"""Does a kill at any instant, inside a COMMIT too, lose what was acknowledged? And one while the schema is made?"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

from flowforge_graph import TriggerEngine
from flowforge_graph.model import DependencyTrigger
from tests.faults import actions
from tests.faults.files import append_line, lines_of
from tests.faults.rows import assert_graph_is_sound, assert_history_is_sound, rows
from tests.faults.workers import Worker, workers

LIVES = 12
STEPS_OF_THE_FIRST_OPENING = (1, 2, 3, 5, 8, 13, 21, 34, 55)


def test_what_was_acknowledged_before_a_kill_at_a_random_instant_is_stored(
    new_url: Callable[[], str], rollback_journal: bool, tmp_path: Path
) -> None:
    """Processes complete in four threads until they are killed; the next one finds everything acknowledged."""
    url, ledger = new_url(), tmp_path / "acknowledged"
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    with TriggerEngine(url) as engine:
        engine.create_workflow("up")
        engine.create_workflow("down")
        engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up"))
    for life in range(LIVES):
        with workers(1) as (worker,):
            worker.call(actions.open_engine, url, rollback_journal=rollback_journal)
            worker.ask(complete_until_killed, f"{life}", str(ledger))
            wait_for_lines(worker, ledger, len(lines_of(ledger)) + chance.randrange(1, 30))
            worker.kill()
        stored = {row.id for row in rows(url, "SELECT id FROM executions WHERE status = 'completed'")}
        assert {execution_id for (execution_id,) in lines_of(ledger)} <= stored
        assert_history_is_sound(url)
    assert len(lines_of(ledger)) >= LIVES
    if url.startswith("sqlite"):
        assert [tuple(row) for row in rows(url, "PRAGMA integrity_check")] == [("ok",)]


def wait_for_lines(worker: Worker, ledger: Path, count: int) -> None:
    while len(lines_of(ledger)) < count:
        assert worker.is_alive(), "the worker died by itself"


def complete_until_killed(name: str, ledger: str) -> None:
    """In a worker: complete one execution after another, and write down which were acknowledged."""

    def work(thread: int) -> None:
        for number in range(100_000):
            execution_id = f"{name}-{thread}-{number}"
            actions.this.engine.complete(execution_id, "completed", workflow_id="up")
            append_line(ledger, execution_id)

    actions.in_threads(4, work)


def test_a_schema_whose_making_was_killed_is_made_by_the_next_process(
    new_url: Callable[[], str], rollback_journal: bool
) -> None:
    """Either nothing of it is there or all of it; the next engine finds one or the other, and works."""
    for number in STEPS_OF_THE_FIRST_OPENING:
        url = new_url()
        with workers(1) as (worker,):
            worker.ask(actions.open_until, number, url, rollback_journal=rollback_journal)
            survived = any(True for _ in worker.words())
            assert survived or worker.join() == -signal.SIGKILL
        with TriggerEngine(url) as engine:
            engine.create_workflow("w")
            assert engine.complete("e", "completed", workflow_id="w").status == "completed"
        assert len(rows(url, "SELECT version_num FROM flowforge_graph_version")) == 1
        assert_graph_is_sound(url)
