"""Cron expressions and time zones."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from flowforge_graph.schedules import ALIASES, SchedulePreview, preview_schedule, validate_cron_expression, zone_names
from flowforge_graph.schedules.cron import FIELDS, Field
from flowforge_graph.testing.strategies.values import instants

_FAMILIAR: Final = (
    *("0 2 * * *", "*/15 * * * *", "0 * * * *", "30 6 1 * *", "0 9 * * 1", "0 9-17 * * 1-5", "0 0 1,15 * *"),
    *("0 6 * JAN-MAR MON-FRI", "59 23 31 12 *", "0 0 29 2 *", *ALIASES),
)

# Zones in which something happens: half hours, a gap of a day, changes at midnight, negative DST, none at all.
REMARKABLE_ZONES: Final = (
    *("UTC", "America/New_York", "America/Santiago", "America/St_Johns", "Africa/Cairo", "Africa/Casablanca"),
    *("Antarctica/Casey", "Antarctica/Troll", "Asia/Beirut", "Asia/Gaza", "Asia/Kolkata", "Asia/Tehran"),
    *("Atlantic/Azores", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Europe/Volgograd"),
    *("Pacific/Apia", "Pacific/Chatham", "Pacific/Fiji"),
)


def cron_expressions() -> st.SearchStrategy[str]:
    """Accepted expressions, familiar ones and any of the grammar. Shrinks to ``'* * * * *'``."""
    return st.just("* * * * *") | st.sampled_from(_FAMILIAR) | cron_texts().filter(_is_accepted)


def _is_accepted(text: str) -> bool:
    is_valid, _ = validate_cron_expression(text)
    return is_valid


def timezones() -> st.SearchStrategy[str]:
    """IANA names, those where clocks do strange things the more often. Shrinks to ``'UTC'``."""
    return st.sampled_from(REMARKABLE_ZONES) | st.deferred(lambda: st.sampled_from(zone_names()))


def schedule_previews() -> st.SearchStrategy[SchedulePreview]:
    """The next one to five runs of any schedule, after any instant."""
    return st.builds(preview_schedule, cron_expressions(), timezones(), st.integers(1, 5), instants())


def cron_texts() -> st.SearchStrategy[str]:
    """Five fields of the grammar; a few of them can never fire, and are refused."""
    return st.builds(" ".join, st.tuples(*map(cron_fields, FIELDS)))


def cron_fields(field: Field) -> st.SearchStrategy[str]:
    """One field's text: mostly one item, sometimes a list of up to three."""
    return st.lists(_items(field), min_size=1, max_size=3).map(",".join)


@st.composite
def _items(draw: st.DrawFn, field: Field) -> str:
    first = draw(st.integers(field.lowest, field.highest))
    base = draw(st.sampled_from(["*", str(first), f"{first}-{draw(st.integers(first, field.highest))}"]))
    if base.isdigit() or draw(st.booleans()):
        return base
    return f"{base}/{draw(st.integers(1, field.span))}"
