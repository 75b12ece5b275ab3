"""What a diagram says in words: schedules and events under a name, conditions and delays on a line."""

from __future__ import annotations

from typing import Any, Final

from flowforge_graph.errors import InvalidSchedule
from flowforge_graph.rendering.picture import Box, Line, TextLine
from flowforge_graph.schedules import CronExpression, describe

_MOST_LINES: Final = 6


def schedule_line(trigger: Any) -> str | None:
    """``Daily at 2:00 AM, America/New_York``, ``on event 'paid'``; None for a trigger that says nothing by itself."""
    match trigger.trigger_type:
        case "scheduled":
            text = f"{_described(trigger.cron_expression)}, {trigger.timezone}"
        case "event":
            text = f"on event '{trigger.event_type}'"
        case _:
            return None
    return text if trigger.enabled else f"{text} (disabled)"


def _described(expression: str) -> str:
    try:
        return describe(CronExpression.parse(expression))
    except InvalidSchedule:
        # Rows are taken as they are stored: one that no schedule could be made of costs nobody the picture.
        return expression


def condition_words(condition: str) -> str:
    """``on success``."""
    return condition.replace("_", " ") or "no condition"


def delay_words(line: Line) -> str:
    """``+5 min``; empty for a line without a delay."""
    return f"+{line.delay_minutes} min" if line.delay_minutes else ""


def lines_under_name(box: Box) -> list[TextLine]:
    """The lines of a box, the first six where there are many, and what of its neighbours is not drawn."""
    lines = list(box.lines)
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES - 1 :] = [TextLine(text=f"and {len(lines) - _MOST_LINES + 1} more")]
    hidden = _hidden_words(box)
    return [*lines, TextLine(text=hidden, is_off=True)] if hidden else lines


def _hidden_words(box: Box) -> str:
    """``2 more upstream, 1 more downstream``; empty where every direct neighbour is drawn."""
    counts = ((box.hidden_upstream, "upstream"), (box.hidden_downstream, "downstream"))
    return ", ".join(f"{count} more {side}" for count, side in counts if count)


def reduced_words(reduced: int) -> str:
    """How many edges were left out, as a sentence of the legend."""
    return f"{reduced} implied edge{'' if reduced == 1 else 's'} left out"
