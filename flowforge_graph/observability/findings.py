"""What a check of the doctor finds, and how it words what it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from flowforge_graph.facts.text import one_line
from flowforge_graph.storage.inspection import MOST_ROWS

State = Literal["ok", "warning", "problem"]

_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The answer of one check: ``problem`` needs a person, ``warning`` is worth knowing."""

    check: str
    state: State
    message: str


def ok(check: str, message: str) -> Finding:
    """Nothing to do."""
    return Finding(check=check, state="ok", message=message)


def warning(check: str, message: str) -> Finding:
    """Worth knowing; nobody has to come."""
    return Finding(check=check, state="warning", message=message)


def problem(check: str, message: str) -> Finding:
    """Somebody has to do something; the message says what."""
    return Finding(check=check, state="problem", message=message)


def counted(number: int, noun: str) -> str:
    """``1 trigger``, ``2 triggers``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counted_of_most(number: int, noun: str) -> str:
    """As :func:`counted`, of rows of which an inspection brings only so many."""
    return f"{number:,} or more {noun}s" if number == MOST_ROWS else counted(number, noun)


def quoted(identifier: str) -> str:
    """An id in a sentence, on one line whatever is in it."""
    return f"'{one_line(identifier)}'"


def listed(things: Sequence[str]) -> str:
    """The first three of them, and how many more there are."""
    more = len(things) - _NAMED
    return ", ".join(things[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def quoted_all(identifiers: Iterable[str]) -> str:
    """The first three ids, and how many more there are."""
    return listed([quoted(identifier) for identifier in identifiers])
