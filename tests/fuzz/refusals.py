"""What every fuzz target asks of a parser: it accepts, or refuses with one of our errors in one printable sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flowforge_graph.errors import FlowforgeGraphError
from tests.support.steps import lines_run_by

Accepted = TypeVar("Accepted")

LONGEST_SENTENCE = 1_500
# Lines of Python that any input may cost, and those that each of its characters may cost beside them.
STEPS, STEPS_A_CHARACTER = 400_000, 1_000


def accepted(
    parse: Callable[[], Accepted], *, size: int, refusals: tuple[type[Exception], ...] = (FlowforgeGraphError,)
) -> Accepted | None:
    """What a parser makes of an input of ``size`` characters; None where it is refused as it should be.

    Any other exception passes through, and so fails the test; so does more work than the size allows.
    """
    answers: list[Accepted] = []

    def ask() -> None:
        try:
            answers.append(parse())
        except refusals as error:
            assert_is_one_sentence(str(error))

    assert lines_run_by(ask) <= STEPS + STEPS_A_CHARACTER * size
    return answers[0] if answers else None


def assert_is_one_sentence(text: str) -> None:
    """One line that a person can read, and of a length that one does."""
    assert text
    assert text.isprintable(), text
    assert len(text) <= LONGEST_SENTENCE
