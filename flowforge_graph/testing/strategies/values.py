"""How values are drawn: only what is drawn is said, so that an example shows no field that it could do without."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Fields = Mapping[str, st.SearchStrategy[Any]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
_SECONDS_UNTIL_2100 = 4_102_444_800


@st.composite
def built(draw: st.DrawFn, kind: type[T], required: Fields, optional: Fields) -> T:
    """A value of ``kind``, printed as the call that makes it; shrinks to one without the optional fields."""
    fields = draw(st.fixed_dictionaries(dict(required), optional=dict(optional)))
    return draw(st.builds(kind, **{name: st.just(value) for name, value in fields.items()}))


def instants() -> st.SearchStrategy[datetime]:
    """Whole seconds in UTC from 1970 to 2100; shrinks to the first of January 2026."""
    seconds = st.integers(0, _SECONDS_UNTIL_2100).map(lambda count: _EPOCH + timedelta(seconds=count))
    return st.just(_NEW_YEAR) | seconds
