"""Long lists of parameters, cut to what every database takes in one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

PARAMETERS_IN_A_STATEMENT: Final = 500


def in_batches(items: Sequence[Item], size: int = PARAMETERS_IN_A_STATEMENT) -> Iterator[Sequence[Item]]:
    """``items`` in runs of at most ``size``."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
