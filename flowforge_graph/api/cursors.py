"""Cursors: where a list goes on. Opaque to clients, so that what they hold may change."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final

from fastapi import Query

from flowforge_graph.api.refusals import BadRequest
from flowforge_graph.api.requests import format_of
from flowforge_graph.errors import shown

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 500

Cursor = Annotated[
    str | None,
    Query(max_length=2_000, description="`nextCursor` of the page before", json_schema_extra=format_of("cursor")),
]
Limit = Annotated[int, Query(ge=1, description=f"at most so many; more than {MAX_LIMIT} counts as {MAX_LIMIT}")]


def written(*, of: str, place: str) -> str:
    """The cursor of a place in the list ``of``."""
    return base64.urlsafe_b64encode(f"{of}:{place}".encode()).decode().rstrip("=")


def read(cursor: str | None, *, of: str) -> str | None:
    """The place that a cursor of the list ``of`` names; None without one. Raises BadRequest for any other text."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    kind, _, place = text.partition(":")
    if kind != of or not place:
        raise BadRequest(f"cursor must be the nextCursor of an earlier answer, not {shown(cursor)}")
    return place


def read_number(cursor: str | None, *, of: str) -> int | None:
    """As :func:`read`, of a place that is a number of a database row."""
    place = read(cursor, of=of)
    if place is None:
        return None
    if not place.isascii() or not place.isdigit() or len(place) > 18:
        raise BadRequest(f"cursor must be the nextCursor of an earlier answer, not {shown(cursor)}")
    return int(place)
