"""Scripts: what a simulation did, as text that can be read, kept and done again."""

from __future__ import annotations

import pytest

from flowforge_graph.testing import Simulation
from flowforge_graph.testing.simulation import Step
from flowforge_graph.testing.simulation.steps import parse_script, script_of, step


@pytest.mark.parametrize("seed", range(20))
def test_a_script_reads_back_as_it_was(seed: int) -> None:
    """Whatever a seed does, disturbances too, its lines give the same steps again."""
    steps = Simulation(seed).run()
    assert parse_script(script_of(steps)) == steps


def test_a_script_can_be_replayed_without_its_seed() -> None:
    """The lines alone do it; comments and empty lines do nothing."""
    script = script_of(Simulation(5).run())
    Simulation.replay(f"# seed 5\n\n{script}\n")


def test_one_seed_does_the_same_again() -> None:
    """No chance but the seed's, and no time but the virtual one, decides anything."""
    again = [Simulation(seed).run() for seed in (3, 8)]
    assert [Simulation(seed).run() for seed in (3, 8)] == again
    assert again[0] != again[1]


@pytest.mark.parametrize(
    "line",
    [
        "start",
        "start('e1')",
        "world.start(node=0)",
        "start(node=0, execution=print('no'))",
        "start(node=0, meanwhile='cancel', meanwhile_at='after commit 1')",
        "start(node=0, meanwhile=tick(node=1), meanwhile_at='before write 1')",
        "start(node=0",
    ],
)
def test_what_is_no_step_is_refused_with_its_line(line: str) -> None:
    """Nothing of a script is ever executed as Python, and nobody writes within another's transaction."""
    with pytest.raises(ValueError, match="line 2 is no step"):
        parse_script(f"# first\n{line}")


def test_an_unknown_word_is_refused() -> None:
    """A script that asks for what no node can do says so."""
    with pytest.raises(ValueError, match=r"step 1: nobody knows how to 'dance'; known are cancel, .*"):
        Simulation.replay("dance(node=0)")


@pytest.mark.parametrize(
    "point", ["befor write 1", "before comit 1", "before write", "before write 0", "after write 1"]
)
def test_a_crash_at_no_point_is_refused(point: str) -> None:
    """A misspelt point would never be reached, and the script would prove nothing."""
    with pytest.raises(ValueError, match="crash_at must be a point like 'before write 2'"):
        parse_script(f"tick(node=0, crash_at='{point}')")


def test_a_step_is_shown_as_a_call() -> None:
    """With its disturbances at the end."""
    disturbed = Step(
        action="dispatch",
        node=1,
        arguments={"executor": ["busy"]},
        crash_at="after start 1",
        meanwhile=step("tick", 0),
        meanwhile_at="after commit 1",
    )
    assert str(disturbed) == (
        "dispatch(node=1, executor=['busy'], crash_at='after start 1', "
        "meanwhile=tick(node=0), meanwhile_at='after commit 1')"
    )
    assert disturbed.undisturbed() == step("dispatch", 1, executor=["busy"])
