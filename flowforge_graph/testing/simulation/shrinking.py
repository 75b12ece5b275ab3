"""Making a failing script small: Zeller's delta debugging over its steps, then over what single steps are asked.

Source: A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002). Costs O(n²) tries at
worst, about n log n where few steps matter; :data:`MOST_TRIES` bounds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from flowforge_graph.testing.simulation.steps import Step

MOST_TRIES: Final = 600

Item = TypeVar("Item")
Fails = Callable[[list[Step]], bool]


def smallest_script(steps: Sequence[Step], fails: Fails) -> list[Step]:
    """A script that ``fails`` still accepts and of which no single part can be left out."""
    limited = _Limited(fails)
    smaller = _without_steps(list(steps), limited)
    simpler = _with_simpler_steps(smaller, limited)
    return _without_steps(simpler, limited)


class _Limited:
    """Tries no more than is affordable; what was not tried counts as harmless."""

    def __init__(self, fails: Fails) -> None:
        self._fails, self._left = fails, MOST_TRIES

    def __call__(self, steps: list[Step]) -> bool:
        self._left -= 1
        return self._left >= 0 and self._fails(steps)


def _without_steps(steps: list[Step], fails: Fails) -> list[Step]:
    size = max(1, len(steps) // 2)
    while True:
        remaining = _first_failing(_without_a_chunk(steps, size), fails)
        if remaining is not None:
            steps = remaining
        elif size == 1:
            return steps
        else:
            size //= 2


def _without_a_chunk(items: list[Item], size: int) -> Iterator[list[Item]]:
    # From the end: what came after the failure's cause is the first that can go.
    for begin in range(len(items) - size, -size, -size):
        yield items[: max(begin, 0)] + items[begin + size :]


def _first_failing(candidates: Iterator[list[Step]], fails: Fails) -> list[Step] | None:
    return next((candidate for candidate in candidates if candidate and fails(candidate)), None)


def _with_simpler_steps(steps: list[Step], fails: Fails) -> list[Step]:
    place = 0
    while place < len(steps):
        before, after = steps[:place], steps[place + 1 :]
        simpler = _first_failing(([*before, *instead, *after] for instead in _simpler(steps[place])), fails)
        if simpler is None:
            place += 1
        else:
            steps = simpler
    return steps


def _simpler(step: Step) -> Iterator[list[Step]]:
    """The same step without its disturbance, beside it or instead of it, or asked for one thing less."""
    if step.meanwhile is not None or step.crash_at is not None:
        yield [step.undisturbed()]
    if step.meanwhile is not None:
        yield [step.meanwhile]
        yield [step.meanwhile, step.undisturbed()]
        yield [step.undisturbed(), step.meanwhile]
    for name, value in step.arguments.items():
        if isinstance(value, list):
            for fewer in _without_a_chunk(value, 1):
                yield [replace(step, arguments={**step.arguments, name: fewer})]
