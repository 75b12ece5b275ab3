"""The simulator: a seed makes a world and what happens in it; every transaction, start and answer is judged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from flowforge_graph.testing.simulation.choices import steps_of
from flowforge_graph.testing.simulation.database import SimulatedDatabase
from flowforge_graph.testing.simulation.invariants import RULES
from flowforge_graph.testing.simulation.shrinking import smallest_script
from flowforge_graph.testing.simulation.steps import Step, as_steps, script_of
from flowforge_graph.testing.simulation.transitions import Invariant
from flowforge_graph.testing.simulation.world import KNOWN, Violation, World, quiet

STEPS: Final = 16


class SimulationFailure(AssertionError):
    """A rule did not hold. The message has all that is needed to see it again.

    Attributes:
        seed: the seed that found it, None for a replayed script.
        rule: the rule of the contract (or the host's word) that was broken.
        says: what the invariant says.
        seen: what was seen instead.
        script: the smallest script found that breaks the same invariant, for ``Simulation.replay``.
    """

    def __init__(self, violation: Violation, steps: Sequence[Step], *, seed: int | None) -> None:
        self.seed, self.rule, self.says, self.seen = seed, violation.rule, violation.says, violation.seen
        self.script = script_of(steps)
        self.steps = tuple(steps)
        origin, length = ("the script", "script") if seed is None else (f"seed {seed}", "smallest script found")
        super().__init__(
            f"{origin} breaks rule {self.rule}: {self.says}\n"
            f"  seen: {self.seen}\n"
            f"  {length}, {len(steps)} steps, for Simulation.replay:\n{self.script}"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (_failure_again, (Violation(rule=self.rule, says=self.says, seen=self.seen), self.steps, self.seed))


def _failure_again(violation: Violation, steps: Sequence[Step], seed: int | None) -> SimulationFailure:
    return SimulationFailure(violation, steps, seed=seed)


class Simulation:
    """Two real engines on one in-memory database, virtual clocks and scripted executors, driven by one seed.

    Args:
        seed: any whole number; the same one does the same again.
        steps: how many steps follow the first one, which defines a small graph.

    A subclass may add what its host promises: ``invariants`` are checked after every committed transaction, beside
    those of the contract. ``settings`` are the engines' numbers, small so that limits are met.

    One seed takes about 40 ms of one core. One simulation at a time in a process: they share the database.
    """

    invariants: ClassVar[Sequence[Invariant]] = ()
    settings: ClassVar[Mapping[str, Any]] = {"max_cascade_executions": 4, "max_attempts": 2, "max_dispatch_failures": 2}

    def __init__(self, seed: int = 0, *, steps: int = STEPS) -> None:
        self.seed = seed
        self.steps = steps

    def run(self) -> list[Step]:
        """Do what the seed says and answer the steps; raises SimulationFailure with the smallest script."""
        with quiet():
            world = self._new_world()
            done: list[Step] = []
            for step in steps_of(self.seed, world, count=self.steps):
                done.append(step)
                world.perform(step)
                if world.violation is not None:
                    raise self._failure(world.violation, done)
        return done

    @classmethod
    def check(cls, seeds: Iterable[int], *, steps: int = STEPS) -> int:
        """Run each of these seeds and answer how many; raises the first SimulationFailure."""
        count = 0
        for seed in seeds:
            cls(seed, steps=steps).run()
            count += 1
        return count

    @classmethod
    def replay(cls, script: str | Sequence[Step]) -> None:
        """Do the steps of a script, as a SimulationFailure shows it; raises SimulationFailure as they stand.

        Raises ValueError for what is no script.
        """
        steps = as_steps(script)
        _refuse_unknown_actions(steps)
        violation = cls()._violation_of(steps)
        if violation is not None:
            raise SimulationFailure(violation, steps, seed=None)

    def make_database(self) -> SimulatedDatabase:
        """The database of all simulations of this class in this process; emptied before each."""
        return SimulatedDatabase()

    def _new_world(self) -> World:
        database = _DATABASES.get(type(self)) or _DATABASES.setdefault(type(self), self.make_database())
        database.empty()
        return World(database, settings=self.settings, invariants=(*RULES, *self.invariants))

    def _failure(self, violation: Violation, steps: Sequence[Step]) -> SimulationFailure:
        def fails(fewer: list[Step]) -> bool:
            found = self._violation_of(fewer)
            return found is not None and (found.rule, found.says) == (violation.rule, violation.says)

        smallest = smallest_script(steps, fails)
        return SimulationFailure(self._violation_of(smallest) or violation, smallest, seed=self.seed)

    def _violation_of(self, steps: Sequence[Step]) -> Violation | None:
        with quiet():
            world = self._new_world()
            for step in steps:
                world.perform(step)
        return world.violation


def _refuse_unknown_actions(steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        for asked in (step, step.meanwhile):
            if asked is not None and asked.action not in KNOWN:
                raise ValueError(f"step {number}: nobody knows how to '{asked.action}'; known are {', '.join(KNOWN)}")


# Making the schema costs as much as three seeds.
_DATABASES: dict[type[Simulation], SimulatedDatabase] = {}
