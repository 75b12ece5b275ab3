"""Do dispatchers share a database without starting anything twice, and take over from each other when one is lost?"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.model import DependencyTrigger
from tests.processes import actions
from tests.processes.files import lines_of
from tests.processes.rows import assert_history_is_sound, rows
from tests.processes.workers import HANG_SECONDS, workers

# Each attempt writes who it is, and whether an earlier attempt runs beside it; then it waits for a file of its own.
ATTEMPT = """
while read -r _ _ other; do
    grep -q '^State:.[RSD]' "/proc/$other/status" && echo "$other" >> overlaps
done < ledger
echo "$FLOWFORGE_EXECUTION_ID $FLOWFORGE_ATTEMPT $$" >> ledger
while [ ! -e "go-$FLOWFORGE_ATTEMPT" ]; do sleep 0.05; done
[ "$FLOWFORGE_ATTEMPT" = 2 ]
"""
LEASE_SECONDS = 1.0


def eventually(is_so: Callable[[], object]) -> None:
    """Wait until it is so; how long it takes decides nothing."""
    for _ in range(int(HANG_SECONDS / 0.02)):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to be")


def is_alive(process_id: str) -> bool:
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status


def make_workflow(url: str, folder: Path, script: str) -> None:
    (folder / "ledger").touch()
    with TriggerEngine(url) as engine:
        engine.create_workflow("w", run={"command": ["sh", "-c", script]}, run_folder=str(folder))
        engine.create_workflow("next")
        engine.create_trigger(DependencyTrigger(workflow_id="next", depends_on_workflow_id="w", delay_minutes=60))


def state_of(url: str, execution_id: str) -> tuple[str, int]:
    (row,) = rows(url, "SELECT status, attempt FROM executions WHERE id = :id", id=execution_id)
    return row.status, row.attempt


def test_the_command_of_a_killed_dispatcher_ends_and_another_process_starts_it_again(
    database_url: str, tmp_path: Path
) -> None:
    """SIGKILL while a command runs: no orphan, and by itself another process starts attempt 2 of the same execution."""
    make_workflow(database_url, tmp_path, ATTEMPT)
    ledger, stop = tmp_path / "ledger", tmp_path / "stop"
    with workers(2) as (first, second):
        for worker in (first, second):
            worker.call(actions.open_dispatcher, database_url, str(tmp_path / "state"), lease_seconds=LEASE_SECONDS)
        execution_id = first.call(actions.with_engine, "start", "w").id
        first.ask(actions.dispatch_until, str(stop))
        eventually(lambda: state_of(database_url, execution_id)[0] == "running" and lines_of(ledger))
        second.ask(actions.dispatch_until, str(stop))
        first.kill()
        eventually(lambda: len(lines_of(ledger)) == 2)
        assert not is_alive(lines_of(ledger)[0][2])
        (tmp_path / "go-2").touch()
        eventually(lambda: state_of(database_url, execution_id)[0] == "completed")
        stop.touch()
        assert second.answer() == 1
    assert [line[:2] for line in lines_of(ledger)] == [[execution_id, "1"], [execution_id, "2"]]
    assert not (tmp_path / "overlaps").exists()
    assert state_of(database_url, execution_id) == ("completed", 2)
    assert_history_is_sound(database_url)


@pytest.mark.parametrize("meanwhile", ["runs on", "ends"])
def test_a_dispatcher_that_slept_past_its_lease_counts_no_more(
    database_url: str, tmp_path: Path, meanwhile: str
) -> None:
    """SIGSTOP past the lease, then SIGCONT: its command is stopped, and what it has to say about the end is refused."""
    make_workflow(database_url, tmp_path, ATTEMPT)
    ledger, stop, freeze = tmp_path / "ledger", tmp_path / "stop", tmp_path / "freeze"
    with workers(2) as (stale, other):
        for number, worker in enumerate((stale, other)):
            state = str(tmp_path / f"machine-{number}")
            worker.call(actions.open_dispatcher, database_url, state, lease_seconds=LEASE_SECONDS)
        execution_id = stale.call(actions.with_engine, "start", "w").id
        stale.ask(actions.dispatch_and_freeze, str(freeze))
        eventually(lambda: state_of(database_url, execution_id)[0] == "running" and lines_of(ledger))
        freeze.touch()
        eventually(lambda: not freeze.exists())
        other.ask(actions.dispatch_until, str(stop))
        eventually(lambda: len(lines_of(ledger)) == 2)
        if meanwhile == "ends":
            (tmp_path / "go-1").touch()
            eventually(lambda: not is_alive(lines_of(ledger)[0][2]))
        stale.signal(signal.SIGCONT)
        assert stale.answer() == 1
        eventually(lambda: not is_alive(lines_of(ledger)[0][2]))
        # The command writes its line as soon as it runs; that it does is committed a moment later.
        eventually(lambda: state_of(database_url, execution_id) == ("running", 2))
        (tmp_path / "go-2").touch()
        eventually(lambda: state_of(database_url, execution_id)[0] == "completed")
        stop.touch()
        assert other.answer() == 1
    assert [line[1] for line in lines_of(ledger)] == ["1", "2"]
    assert state_of(database_url, execution_id) == ("completed", 2)
    assert len(rows(database_url, "SELECT id FROM executions WHERE workflow_id = 'next'")) == 1
    assert_history_is_sound(database_url)


def test_two_dispatchers_start_each_of_a_hundred_executions_once(database_url: str, tmp_path: Path) -> None:
    """Whoever claims an execution starts it; nobody else does."""
    make_workflow(database_url, tmp_path, 'echo "$FLOWFORGE_EXECUTION_ID $FLOWFORGE_ATTEMPT" >> ledger')
    with TriggerEngine(database_url) as engine:
        wanted = sorted(engine.start("w").id for _ in range(100))
    ledger, stop = tmp_path / "ledger", tmp_path / "stop"
    with workers(2) as crew:
        for worker in crew:
            worker.call(actions.open_dispatcher, database_url, str(tmp_path / "state"), lease_seconds=HANG_SECONDS)
            worker.ask(actions.dispatch_until, str(stop))
        query = "SELECT count(*) AS n FROM executions WHERE workflow_id = 'w' AND status = 'completed'"
        eventually(lambda: rows(database_url, query)[0].n == 100)
        stop.touch()
        assert sum(worker.answer() for worker in crew) == 100
    assert sorted(lines_of(ledger)) == [[execution_id, "1"] for execution_id in wanted]
    assert_history_is_sound(database_url)
