"""Values as one line of text that cannot break a log or obey on a terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from flowforge_graph.errors import ARROW, printable

_LONGEST: Final = 500


def instant_text(value: datetime) -> str:
    """A UTC datetime as ISO 8601 in whole seconds: ``2026-01-01T00:00:00Z``."""
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"


def one_line(value: object) -> str:
    """``value`` as a sentence shows it: on one line, at most 500 characters, tuples as chains."""
    match value:
        case datetime():
            return instant_text(value)
        case tuple():
            text = ARROW.join(map(str, value))
        case Mapping():
            text = ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
        case _:
            text = str(value)
    return printable(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
