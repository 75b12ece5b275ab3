"""The simulator finds bugs: each is planted into the real engine, and must be found, named and made small."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from flowforge_graph.engine.claims import Claims
from flowforge_graph.engine.dispatch import Dispatcher
from flowforge_graph.engine.freshness import LiveGraph
from flowforge_graph.engine.settlements import Settlements
from flowforge_graph.model import Claim, Completion
from flowforge_graph.model.ids import new_id
from flowforge_graph.storage import LockedExecution, Revision, to_seconds
from flowforge_graph.testing import Simulation
from flowforge_graph.testing.simulation import SimulationFailure
from flowforge_graph.testing.simulation.database import SimulatedDatabase

MOST_SEEDS = 150
MOST_STEPS = 12


def found_by(simulation: type[Simulation] = Simulation) -> SimulationFailure:
    """The first failure that the simulator finds."""
    with pytest.raises(SimulationFailure) as found:
        simulation.check(seeds=range(MOST_SEEDS))
    return found.value


def is_told_well(failure: SimulationFailure) -> bool:
    """Whether the message gives the seed and the rule, and the script is short and fails in the same way again."""
    assert f"seed {failure.seed} breaks rule {failure.rule}: {failure.says}" in str(failure)
    assert failure.script in str(failure)
    print(failure)
    assert len(failure.script.splitlines()) <= MOST_STEPS
    return True


def fails_again(failure: SimulationFailure, simulation: type[Simulation] = Simulation) -> bool:
    """Whether the script alone, without the seed, breaks the same rule."""
    with pytest.raises(SimulationFailure) as again:
        simulation.replay(failure.script)
    return (again.value.rule, again.value.says) == (failure.rule, failure.says)


class WithoutUniqueKeys(Simulation):
    """A simulation on a database whose executions have no UNIQUE key but that of their id."""

    def make_database(self) -> SimulatedDatabase:
        database = super().make_database()
        (created,) = database.raw.execute("SELECT sql FROM sqlite_master WHERE name = 'executions'").fetchone()
        keys = re.compile(r",\s*CONSTRAINT \w+ UNIQUE \(trigger_id, \w+\)")
        assert len(keys.findall(created)) == 4
        database.raw.execute("DROP TABLE executions")
        database.raw.execute(keys.sub("", created))
        return database


def test_a_dropped_unique_key_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the UNIQUE keys, and with ids made of chance, a cause told twice starts two executions (rule 5)."""
    for room in ("evaluation", "engine.starts"):
        monkeypatch.setattr(f"flowforge_graph.{room}.cause_id", lambda *_: new_id())
    failure = found_by(WithoutUniqueKeys)
    assert failure.rule in {"5", "9", "16"}
    assert is_told_well(failure)
    assert fails_again(failure, WithoutUniqueKeys)


def test_a_stale_graph_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that never looks at the change log again misses what the other node has changed (rules 1 and 4)."""
    catch_up = LiveGraph.catch_up

    def look_once(live: LiveGraph, connection: Connection, committed: Revision | None = None) -> None:
        if live._known is None:
            catch_up(live, connection, committed)

    monkeypatch.setattr(LiveGraph, "catch_up", look_once)
    failure = found_by()
    assert failure.rule in {"1", "2", "4", "9"}
    assert is_told_well(failure)
    assert fails_again(failure)


def test_a_dispatch_before_the_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An executor called inside the transaction of the claim would start again what a crash rolls back (rule 10)."""

    def claim_start_and_commit(dispatcher: Any, now: datetime | None, **_: Any) -> int:
        claims: Claims = dispatcher._claims

        def work(connection: Connection) -> list[Claim]:
            instant = to_seconds(dispatcher._context.now(now))
            made, _ = claims._claim(connection, limit=8, now=instant, roots=None, ignore_delays=False)
            for claim in made:
                dispatcher._executor.start(claim.execution, claim.workflow)
            return made

        started = dispatcher._context.store.database.run(work)
        dispatcher._mark([(claim, f"external-{claim.execution_id}") for claim in started])
        return len(started)

    monkeypatch.setattr(Dispatcher, "dispatch_due", claim_start_and_commit)
    failure = found_by()
    assert failure.rule == "10"
    assert is_told_well(failure)
    assert fails_again(failure)


def test_a_completion_without_the_status_guard_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A completion that does not look whether the execution has ended overwrites how it ended (rule 4)."""

    answer_known = Settlements._answer_known

    def take_it_for_running(settlements: Any, batch: Any, locked: LockedExecution, completion: Completion) -> Any:
        running = replace(locked, execution=locked.execution.evolve(status="running"))
        return answer_known(settlements, batch, running, completion)

    monkeypatch.setattr(Settlements, "_answer_known", take_it_for_running)
    # What breaks a key is not tried again: nothing here may wait.
    monkeypatch.setattr("flowforge_graph.storage.database.MAX_RETRIES", 1)
    failure = found_by()
    assert failure.rule == "4"
    assert is_told_well(failure)
    assert fails_again(failure)
