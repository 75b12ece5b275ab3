"""Random expressions of the accepted grammar, and zones worth trying: those of the kit, and busier ones."""

from __future__ import annotations

from hypothesis import strategies as st

from flowforge_graph.schedules.cron import FIELDS
from flowforge_graph.testing.strategies.schedules import REMARKABLE_ZONES, cron_fields, cron_texts

__all__ = ["SPANS", "ZONES", "busy_cron_texts", "cron_texts", "fields"]

ZONES = list(REMARKABLE_ZONES)
SPANS = {field.name: field.span for field in FIELDS}
_FIELDS = {field.name: field for field in FIELDS}


def fields(name: str) -> st.SearchStrategy[str]:
    """One field's text: mostly one item, sometimes a list of up to three."""
    return cron_fields(_FIELDS[name])


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
