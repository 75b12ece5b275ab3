"""Ids and names: of every kind that the rules allow, mostly plain."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from flowforge_graph.model.ids import MAX_ID_LENGTH, RESERVED_WORKFLOW_IDS
from flowforge_graph.testing.strategies.texts import printable_texts

LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_WORDS: Final = ("bronze", "silver", "gold", "orders", "customers", "daily", "report", "load", "check")


@st.composite
def workflow_ids(draw: st.DrawFn) -> str:
    """Ids of all kinds that a workflow may have: often a letter, else words or strange text. Shrinks to ``'a'``."""
    # The letter is drawn in any case, so that several strange ids shrink to different letters.
    letter = draw(_LETTER)
    return draw(draw(_KINDS_OF_IDS)) or letter


def _is_workflow_id(text: str) -> bool:
    return text.strip() == text and text not in {".", "..", *RESERVED_WORKFLOW_IDS}


_LETTER = st.sampled_from(LETTERS)
_WORDS_JOINED = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=3).map("_".join)
_STRANGE_IDS = printable_texts(min_size=1, max_size=MAX_ID_LENGTH, without="/\\").filter(_is_workflow_id)
_NOTHING = st.just("")
_KINDS_OF_IDS = st.sampled_from((_NOTHING, _NOTHING, _WORDS_JOINED, _STRANGE_IDS))


def numbered_ids(letter: str) -> st.SearchStrategy[str]:
    """A letter and a number, ``'t1'`` at its smallest. In a list, ask for unique ones."""
    return st.integers(1, 2**31).map(lambda number: f"{letter}{number}")


def names() -> st.SearchStrategy[str]:
    """Names shown to people: a word, or strange text of 1 to 200 printable characters."""
    return st.sampled_from(_WORDS) | printable_texts(min_size=1, max_size=MAX_ID_LENGTH)
