"""Side by side: each side does the same work in turn, in one run, and what counts is the median of the quotients."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

# Does the work once and answers how many seconds it took; preparations are not part of them.
Side = Callable[[], float]


def seconds_of(work: Callable[[], object]) -> float:
    """How long one call takes, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The seconds of each side, round by round."""

    rounds: dict[str, list[float]]

    def seconds(self, side: str) -> float:
        """The median of a side."""
        return median(self.rounds[side])

    def ratio(self, side: str, *, to: str) -> float:
        """How many times as long ``side`` took as ``to``: the median over the rounds, so that a drift cancels out."""
        pairs = zip(self.rounds[side], self.rounds[to], strict=False)
        return median(one / other for one, other in pairs)


def side_by_side(rounds: int, **sides: Side) -> Measured:
    """Run every side once a round, in turn, beginning with another one each round.

    The garbage collector works as always, but looks only at what a side makes itself, not at what was prepared.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            gc.freeze()
            seconds[name].append(sides[name]())
            gc.unfreeze()
    return Measured(rounds=seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What the ratio of a row should be."""

    limit: float
    kind: Literal["at most", "at least"] = "at most"

    def is_met(self, ratio: float) -> bool:
        """Whether a measured ratio, rounded as it is shown, is good enough."""
        shown = float(f"{ratio:.2f}")
        return shown <= self.limit if self.kind == "at most" else shown >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.kind == 'at most' else '≥'} {self.limit:,g}"


def at_most(limit: float) -> Target:
    """The ratio is a cost."""
    return Target(limit=limit)


def at_least(limit: float) -> Target:
    """The ratio is a gain."""
    return Target(limit=limit, kind="at least")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One line of a table: our side, the floor beside it, and their ratio where a target speaks of one."""

    work: str
    ours: str
    floor: str = ""
    ratio: float | None = None
    target: Target | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``missed``, or nothing where nothing was promised."""
        if self.target is None or self.ratio is None:
            return ""
        return "met" if self.target.is_met(self.ratio) else "missed"


def each(seconds: float, count: int) -> str:
    """Seconds of ``count`` equal pieces of work, as the time of one."""
    return duration(seconds / count)


def duration(seconds: float) -> str:
    """Seconds, in the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.0f} ns"


def per_second(count: int, seconds: float) -> str:
    """A rate."""
    return f"{count / seconds:,.0f}/s"
