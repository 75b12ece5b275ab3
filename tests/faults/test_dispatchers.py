"""Do dispatchers share a database without starting anything twice, and take over from each other when one is lost?"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.engine import Settings
from flowforge_graph.testing import FixedClock
from tests.faults import actions
from tests.faults.dispatching import ATTEMPT, is_alive, make_workflow, state_of
from tests.faults.files import lines_of
from tests.faults.rows import assert_history_is_sound, rows
from tests.faults.waiting import eventually
from tests.faults.workers import HANG_SECONDS, workers

LEASE_SECONDS = 1.0


def test_the_command_of_a_killed_dispatcher_ends_and_another_process_starts_it_again(
    database_url: str, tmp_path: Path, saw: Callable[..., None]
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
        killed = time.monotonic()
        eventually(lambda: len(lines_of(ledger)) == 2)
        waited = time.monotonic() - killed
        assert not is_alive(lines_of(ledger)[0][2])
        (tmp_path / "go-2").touch()
        eventually(lambda: state_of(database_url, execution_id)[0] == "completed")
        stop.touch()
        assert second.answer() == 1
    assert [line[:2] for line in lines_of(ledger)] == [[execution_id, "1"], [execution_id, "2"]]
    overlaps = len(lines_of(tmp_path / "overlaps"))
    assert overlaps == 0
    assert state_of(database_url, execution_id) == ("completed", 2)
    assert_history_is_sound(database_url)
    saw(kills=1, overlaps=overlaps, lease_seconds=LEASE_SECONDS, started_again_after_seconds=waited)


def test_what_a_killed_process_held_is_taken_over_within_two_leases(
    database_url: str, clock: FixedClock, saw: Callable[..., None]
) -> None:
    """Measured on the clock of the one who watches: from the kill to the next start, though it was renewed just before.

    The watcher looks as often as ``serve`` does. Its clock is moved by the test, so that no slow machine decides.
    """
    lease, look = Settings().lease_seconds, 0.5
    with TriggerEngine(database_url, clock=clock) as survivor, workers(1) as (holder,):
        survivor.create_workflow("w")
        wanted = {survivor.start("w").id for _ in range(10)}
        holder.call(actions.open_engine, database_url)
        claims = holder.call(actions.with_engine, "claim_due", 10)
        assert survivor.claim_due(10) == []
        for claim in claims:
            holder.call(actions.with_engine, "mark_running", claim)
            holder.call(actions.with_engine, "renew", claim)
        holder.kill()
        waited = 0.0
        while not (taken := survivor.claim_due(100)):
            clock.advance(seconds=look)
            waited += look
            assert waited <= 2 * lease
    assert {claim.execution_id for claim in taken} == wanted
    assert {claim.execution.attempt for claim in taken} == {2}
    saw(kills=1, held=len(wanted), taken_over_after_leases=waited / lease)


@pytest.mark.parametrize("meanwhile", ["runs on", "ends"])
def test_a_dispatcher_that_slept_past_its_lease_counts_no_more(
    database_url: str, tmp_path: Path, meanwhile: str, saw: Callable[..., None]
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
        overwrites = int(state_of(database_url, execution_id) != ("running", 2))
        assert overwrites == 0
        (tmp_path / "go-2").touch()
        eventually(lambda: state_of(database_url, execution_id)[0] == "completed")
        stop.touch()
        assert other.answer() == 1
    assert [line[1] for line in lines_of(ledger)] == ["1", "2"]
    assert state_of(database_url, execution_id) == ("completed", 2)
    assert len(rows(database_url, "SELECT id FROM executions WHERE workflow_id = 'next'")) == 1
    assert_history_is_sound(database_url)
    saw(stopped_past_the_lease=1, overwrites=overwrites)


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
