"""Fresh interpreters: what importing costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.databases import Databases
from benchmarks.measure import Row, at_most, duration, seconds_of, side_by_side
from benchmarks.sizes import Sizes

_FLOOR = "import networkx, sqlalchemy, pydantic"


def rows(sizes: Sizes, _databases: Databases) -> Iterator[Row]:
    """The bare import, which is lazy, and the imports that a host really makes."""
    yield _row("import flowforge_graph", sizes, at_most(1.3))
    yield _row("from flowforge_graph import TriggerEngine", sizes, at_most(1.3))


def _row(statement: str, sizes: Sizes, target: object) -> Row:
    measured = side_by_side(sizes.rounds * 2, ours=_side(statement), floor=_side(_FLOOR), empty=_side("pass"))
    return Row(
        work=statement,
        ours=duration(measured.seconds("ours")),
        floor=f"{_FLOOR} {duration(measured.seconds('floor'))}",
        ratio=measured.ratio("ours", to="floor"),
        target=target,  # type: ignore[arg-type]
        note=f"an interpreter that imports nothing takes {duration(measured.seconds('empty'))} of both",
    )


def _side(statement: str) -> Callable[[], float]:
    return partial(seconds_of, partial(subprocess.run, [sys.executable, "-c", statement], check=True))
