"""Random expressions of the accepted grammar, and zones worth trying."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.schedules.oracle import BOUNDS

SPANS = {"minute": 60, "hour": 24, "day": 31, "month": 12, "weekday": 7}

ZONES = [
    "UTC",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Volgograd",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Fiji",
]


@st.composite
def _items(draw: st.DrawFn, field: str) -> str:
    low, high = BOUNDS[field]
    first = draw(st.integers(low, high))
    base = draw(st.sampled_from(["*", str(first), f"{first}-{draw(st.integers(first, high))}"]))
    if base.isdigit() or draw(st.booleans()):
        return base
    return f"{base}/{draw(st.integers(1, SPANS[field]))}"


def fields(field: str) -> st.SearchStrategy[str]:
    """One field's text: mostly one item, sometimes a list of up to three."""
    return st.lists(_items(field), min_size=1, max_size=3).map(",".join)


def cron_texts() -> st.SearchStrategy[str]:
    """Five fields of the grammar of rule 19; a few of them can never fire."""
    return st.builds(" ".join, st.tuples(*(fields(field) for field in BOUNDS)))


def busy_cron_texts() -> st.SearchStrategy[str]:
    """Expressions that fire within a few days, at hours where clocks are changed."""
    often = st.just("*")
    return st.builds(
        " ".join,
        st.tuples(
            fields("minute") | st.sampled_from(["*", "0", "30", "*/15", "0-59"]),
            fields("hour") | st.sampled_from(["*", "0", "0-3", "0-23", "1,2", "23", "*/2"]),
            often | fields("day"),
            often,
            often | fields("weekday"),
        ),
    )
