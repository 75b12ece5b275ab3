"""Failing scripts become small: what plays no part is left out, and nothing that does."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from flowforge_graph.testing.simulation import shrinking
from flowforge_graph.testing.simulation.shrinking import smallest_script
from flowforge_graph.testing.simulation.steps import Step, step


def numbered(count: int) -> list[Step]:
    """So many different steps."""
    return [step("wait", seconds=number) for number in range(count)]


@pytest.mark.parametrize("seed", range(10))
def test_only_the_steps_that_matter_stay(seed: int) -> None:
    """Of a hundred steps, of which a failure needs any few, just those stay, in their order."""
    print(f"seed {seed}")
    chance = Random(seed)
    needed = sorted(chance.sample(range(100), chance.randint(1, 6)))
    steps = numbered(100)

    def fails(fewer: list[Step]) -> bool:
        return all(steps[number] in fewer for number in needed)

    assert smallest_script(steps, fails) == [steps[number] for number in needed]


def test_a_step_is_asked_for_less() -> None:
    """Lists lose what does not matter, and a disturbance that does not matter goes."""
    wanted = step("define", workflows=["a", "b", "c"], triggers=[{"id": "t1"}, {"id": "t2"}])
    disturbed = replace(wanted, crash_at="after commit 1")

    def fails(steps: list[Step]) -> bool:
        return any("b" in s.arguments.get("workflows", ()) for s in steps)

    assert smallest_script([*numbered(5), disturbed], fails) == [step("define", workflows=["b"], triggers=[])]


def test_a_disturbance_that_matters_stays() -> None:
    """A failure of a crash cannot be had without it."""
    disturbed = replace(step("tick"), crash_at="before commit 1")
    assert smallest_script([disturbed], lambda steps: any(s.crash_at for s in steps)) == [disturbed]


def test_what_happens_meanwhile_may_happen_alone() -> None:
    """A step in between that fails by itself needs no step around it."""
    around = replace(step("tick"), meanwhile=step("look", 1), meanwhile_at="after commit 1")

    def fails(steps: list[Step]) -> bool:
        return any(s.action == "look" or (s.meanwhile and s.meanwhile.action == "look") for s in steps)

    assert smallest_script([around], fails) == [step("look", 1)]


def test_the_tries_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too dear to make smaller is shown as it is, and still fails."""
    monkeypatch.setattr(shrinking, "MOST_TRIES", 10)
    tries = 0

    def fails(steps: list[Step]) -> bool:
        nonlocal tries
        tries += 1
        return steps[-1:] == numbered(1_000)[-1:]

    smaller = smallest_script(numbered(1_000), fails)
    assert tries == 10
    assert fails(smaller)
