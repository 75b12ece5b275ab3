"""Identifiers and names: what may be one, and one sentence for what may not."""

from __future__ import annotations

import re
import uuid
from typing import Final

from flowforge_graph.errors import shown

MAX_ID_LENGTH: Final = 200
RESERVED_WORKFLOW_IDS: Final = frozenset({"available-upstream"})
RESERVED_TRIGGER_IDS: Final = frozenset({"dependencies", "schedule", "validate-dependency"})
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def checked_id(value: object, *, field: str, reserved: frozenset[str] = frozenset()) -> str:
    """Return ``value`` if it can be an id, else raise :class:`ValueError` with one sentence that names ``field``.

    An id has 1–200 printable characters without slash, backslash, control characters or surrounding space, and is
    neither ``.`` nor ``..`` nor a word that a REST path already uses.
    """
    problem = _problem_of_id(value, reserved)
    if problem:
        raise ValueError(f"{field} {problem}, not {shown(value)}")
    assert isinstance(value, str)
    return value


def _problem_of_id(value: object, reserved: frozenset[str]) -> str | None:
    if not isinstance(value, str):
        return "must be text"
    if not 1 <= len(value) <= MAX_ID_LENGTH:
        return f"must have 1 to {MAX_ID_LENGTH} characters"
    if value.strip() != value:
        return "must not begin or end with a space"
    if not value.isprintable() or "/" in value or "\\" in value:
        return "must have printable characters only, without slash or backslash"
    if value in {".", ".."}:
        return "must be a name"
    if value in reserved:
        return "must not be a reserved word"
    return None


def checked_name(value: object, *, field: str) -> str:
    """Return ``value`` if it can be a name shown to people: 1–200 printable characters; else raise ValueError."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_LENGTH or not value.isprintable():
        raise ValueError(f"{field} must be text of 1 to {MAX_ID_LENGTH} printable characters, not {shown(value)}")
    return value


def checked_text(value: object, *, field: str, limit: int) -> str:
    """Return ``value`` if a database can hold it: text without NUL or lone surrogates, at most ``limit`` characters."""
    if not isinstance(value, str) or len(value) > limit:
        raise ValueError(f"{field} must be text of at most {limit:,} characters, not {shown(value)}")
    if not is_storable_text(value):
        raise ValueError(f"{field} must not contain NUL or lone surrogates, as {shown(value)} does")
    return value


def is_storable_text(value: object) -> bool:
    """Whether every database can hold ``value``: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates."""
    if not isinstance(value, str):
        return False
    return _UNSTORABLE.search(value) is None


def storable_text(value: str, *, limit: int) -> str:
    """``value`` cut to ``limit`` characters, with what no database can hold replaced by U+FFFD."""
    cut = value if len(value) <= limit else value[: limit - 1] + "…"
    return _UNSTORABLE.sub("\ufffd", cut)


def new_id() -> str:
    """A fresh random id."""
    return str(uuid.uuid4())
