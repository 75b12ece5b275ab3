"""How values read on a terminal. Pure; nothing shown can carry an escape sequence."""

from __future__ import annotations

from datetime import datetime, timedelta

from flowforge_graph.errors import printable
from flowforge_graph.facts.text import instant_text

# The terminal is shown what logs are shown.
shown = printable


def instant(value: datetime | None) -> str:
    """ISO 8601 in UTC, whole seconds: ``2026-01-01T00:00:00Z``; ``-`` for None."""
    return "-" if value is None else instant_text(value)


def time_of_day(value: datetime) -> str:
    """The UTC wall time of an instant: ``00:00:00Z``."""
    return f"{value:%H:%M:%SZ}"


def duration(milliseconds: int | None) -> str:
    """``340 ms``, ``12.3 s``, ``3 min 05 s``, ``2 h 03 min``; ``-`` for None."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1_000:
        return f"{milliseconds} ms"
    if milliseconds < 60_000:
        return f"{milliseconds // 100 / 10:.1f} s"
    return _long_duration(milliseconds // 1_000)


def _long_duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def countdown(span: timedelta) -> str:
    """What is left of a wait, in whole seconds, rounded up and never negative."""
    seconds = max(0, -(-span // timedelta(seconds=1)))
    return f"{seconds} s" if seconds < 60 else _long_duration(seconds)


def count(number: int, noun: str) -> str:
    """``1 workflow``, ``2 workflows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def last_lines(text: str, limit: int) -> list[str]:
    """The last ``limit`` lines of an output, each made safe to show; tabs become spaces."""
    return [shown(line.expandtabs(4)) for line in text.rstrip().splitlines()[-limit:]]
