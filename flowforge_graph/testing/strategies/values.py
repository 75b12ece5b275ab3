"""How values are drawn: only what is drawn is said, so that an example shows no field that it could do without."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeVar

from hypothesis import strategies as st

from flowforge_graph.testing.strategies.texts import storable_texts

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


def whole_minutes() -> st.SearchStrategy[datetime]:
    """Instants that a schedule can name; shrinks as ``instants`` does."""
    return instants().map(lambda instant: instant.replace(second=0))


def several(items: st.SearchStrategy[T], *, by: str | None = None) -> st.SearchStrategy[tuple[T, ...]]:
    """Up to four different items, which differ in the attribute ``by`` if one is named; shrinks to none."""
    key = None if by is None else attrgetter(by)
    return st.lists(items, max_size=4, unique=key is None, unique_by=key).map(tuple)


def json_objects() -> st.SearchStrategy[dict[str, Any]]:
    """Objects with few keys, of texts that every database holds, whole numbers and constants; shrinks to ``{}``."""
    values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | storable_texts(max_size=20)
    return st.dictionaries(st.sampled_from(("path", "size", "kind")), values)
