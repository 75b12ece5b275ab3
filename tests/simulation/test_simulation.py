"""The simulator as its users meet it: failures that tell all, invariants of their own, and the long command."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.testing import FixedClock, Simulation
from flowforge_graph.testing.simulation import Invariant, SimulationFailure, Transition
from flowforge_graph.testing.simulation.command import main
from flowforge_graph.testing.simulation.database import Crash, SimulatedDatabase

TWO_STARTS = """
define(node=0, workflows=['a'], triggers=[])
start(node=0, execution='e1', workflow='a')
start(node=1, execution='e2', workflow='a')
"""


def one_pending_at_most(change: Transition) -> Iterator[str]:
    """What a host may promise, and the engine does not."""
    pending = [execution.id for execution in change.after.executions.values() if execution.status == "pending"]
    if len(pending) > 1:
        yield f"pending are {', '.join(pending)}"


class OurHost(Simulation):
    """A host with a promise of its own."""

    invariants = (Invariant(rule="ours", says="one at a time", complaints=one_pending_at_most),)


def test_a_host_adds_its_own_invariants() -> None:
    """They are checked after every transaction, beside those of the contract."""
    with pytest.raises(SimulationFailure) as failure:
        OurHost.replay(TWO_STARTS)
    assert (failure.value.rule, failure.value.seen) == ("ours", "pending are e1, e2")
    Simulation.replay(TWO_STARTS)


def test_a_failure_is_an_assertion_that_tells_all() -> None:
    """Seed, rule, what was seen, and a script that shows it alone; it crosses processes."""
    with pytest.raises(AssertionError) as raised:
        OurHost.check(seeds=range(50))
    failure = raised.value
    assert isinstance(failure, SimulationFailure)
    assert str(failure).startswith(f"seed {failure.seed} breaks rule ours: one at a time\n  seen: pending are ")
    assert len(failure.steps) <= 4
    assert str(pickle.loads(pickle.dumps(failure))) == str(failure)
    with pytest.raises(SimulationFailure, match="one at a time"):
        OurHost.replay(failure.script)


def test_a_broken_invariant_is_not_taken_for_a_broken_rule() -> None:
    """What it raises reaches its author, whatever the engine would have made of it."""

    def broken(_: Transition) -> Iterator[str]:
        raise ZeroDivisionError
        yield

    class Broken(Simulation):
        invariants = (Invariant(rule="ours", says="never", complaints=broken),)

    with pytest.raises(ZeroDivisionError):
        Broken.replay(TWO_STARTS)


def test_settings_are_the_hosts() -> None:
    """A subclass simulates the numbers that its host runs with."""

    class Impatient(Simulation):
        settings = {"max_attempts": 1, "lease_seconds": 5}  # noqa: RUF012

    script = """
    define(node=0, workflows=['a'], triggers=[])
    start(node=0, execution='e1', workflow='a')
    claim_due(node=0, limit=1)
    wait(seconds=6)
    claim_due(node=0, limit=1)
    """
    seen: list[str] = []

    def watch(change: Transition) -> Iterator[str]:
        seen.extend(f"{ended.status} {ended.reason}" for ended in change.ended())
        return iter(())

    class Watched(Impatient):
        invariants = (Invariant(rule="ours", says="watched", complaints=watch),)

    Watched.replay(script)
    assert seen == ["failed lost"]


def test_what_is_pruned_before_the_answer_arrives_was_answered_well() -> None:
    """An answer is that of the instant at which it was committed, whatever another node does meanwhile."""
    Simulation.replay("""
    define(node=0, workflows=['a', 'b'], triggers=[{'id': 't1', 'trigger_type': 'dependency', 'workflow_id': 'b', \
'depends_on_workflow_id': 'a'}])
    start(node=0, execution='e1', workflow='a')
    complete(node=1, execution='e1', status='cancelled', \
meanwhile=prune(node=0, age=-3600), meanwhile_at='after commit 1')
    complete(node=1, execution='e1', status='cancelled')
    """)


def test_a_crash_takes_the_open_transaction_and_nothing_else() -> None:
    """A process that dies leaves what was committed, and the database in memory lives on."""

    def die(point: str) -> None:
        if point == "before commit":
            raise Crash

    with closing(SimulatedDatabase()) as database, TriggerEngine(database.engine, clock=FixedClock()) as engine:
        engine.create_workflow("kept")
        database.reach = die
        with pytest.raises(Crash):
            engine.create_workflow("lost")
        assert not database.is_in_transaction
        assert set(database.rows().workflows) == {"kept"}


def test_the_long_command_prints_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    """Seeds, failures, and exit code 0 where there is none."""
    assert main(["--seeds", "12", "--from", "30", "--steps", "5"]) == 0
    assert capsys.readouterr().out.startswith("12 seeds (30 to 41) of 5 steps: 0 failures, ")


def test_the_long_command_prints_failures(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its script, and exit code 1."""
    monkeypatch.setattr(Simulation, "invariants", OurHost.invariants)
    assert main(["--seeds", "12"]) == 1
    printed = capsys.readouterr().out
    assert "breaks rule ours: one at a time" in printed
    assert "smallest script" in printed


def test_the_long_command_shares_seeds_among_processes() -> None:
    """As it stands in the docs."""
    command = [sys.executable, "-m", "flowforge_graph.testing.simulation", "--seeds", "150", "--steps", "2"]
    ran = subprocess.run([*command, "--processes", "2"], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("150 seeds (0 to 149) of 2 steps: 0 failures, ")


def test_bad_arguments_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """As every command of this package."""
    with pytest.raises(SystemExit) as left:
        main(["--seeds", "0"])
    assert left.value.code == 2
    assert "0 is not at least 1" in capsys.readouterr().err


def test_the_kit_without_the_simulator_stays_light() -> None:
    """Neither importing the clock nor the simulator loads Hypothesis."""
    program = "import flowforge_graph.testing.simulation, sys; print('hypothesis' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "False"
