"""Does a process that is killed between any two steps leave anything lost, doubled or half done?"""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.testing import FixedClock
from tests.faults import actions
from tests.faults.ledgers import assert_ledger_is_sound
from tests.faults.rows import assert_graph_is_sound, assert_history_is_sound, rows
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.steps import LedgerExecutor
from tests.faults.workers import SURVIVED, workers

# So often the one that goes on is a newly opened engine; else it is one that was there all the time.
RESTARTED_EACH = 4


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_kill_before_any_step_loses_and_doubles_nothing(
    database_url: str, tmp_path: Path, scenario: str, saw: Callable[..., None]
) -> None:
    """Killed before each step in turn, then repeated by another process: all is as if nobody had died."""
    ledger, clock = tmp_path / "ledger", FixedClock()
    with TriggerEngine(database_url, clock=clock, executor=LedgerExecutor(ledger)) as survivor:
        for number in count(1):
            life = SCENARIOS[scenario](str(number))
            life.prepare(survivor, clock)
            acknowledged, survived = live_until(number, database_url, clock, ledger, scenario)
            life.check_remains(database_url, acknowledged)
            assert_history_is_sound(database_url)
            if number % RESTARTED_EACH:
                live_again(life, survivor, clock, database_url)
            else:
                with TriggerEngine(database_url, clock=clock, executor=LedgerExecutor(ledger)) as restarted:
                    live_again(life, restarted, clock, database_url)
            if survived:
                break
    assert number > 5
    assert_graph_is_sound(database_url)
    assert_history_is_sound(database_url)
    read = assert_ledger_is_sound(database_url, ledger)
    saw(kills=number - 1, starts=read.starts, started_again=read.again, twice=read.twice)


def live_until(number: int, url: str, clock: FixedClock, ledger: Path, scenario: str) -> tuple[set[str], bool]:
    """Let a process live until its step of this number; what was acknowledged, and whether it survived."""
    with workers(1) as (worker,):
        worker.ask(actions.live_until, number, url, clock.now(), str(ledger), scenario)
        acknowledged = set(worker.words())
        survived = SURVIVED in acknowledged
        if not survived:
            assert worker.join() == -signal.SIGKILL
    return acknowledged - {SURVIVED}, survived


def live_again(life: Scenario, engine: TriggerEngine, clock: FixedClock, url: str) -> None:
    """Another engine repeats what was not acknowledged and works until nothing is left to do."""
    life.act(engine, clock, lambda _: None)
    for _ in range(12):
        engine.dispatch_due()
        alive = rows(url, "SELECT id, external_id FROM executions WHERE status IN ('pending', 'running')")
        for execution in alive:
            # Without an external id nobody has it: it waits until a dead process's claim is believed no more.
            if execution.external_id:
                engine.complete(execution.id, "completed")
        if not alive:
            break
        clock.advance(seconds=16)
    assert not alive
    life.check_end(engine)
