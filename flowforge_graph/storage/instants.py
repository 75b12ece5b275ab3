"""Instants between Python (aware UTC datetimes) and columns (integer Unix seconds)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def to_seconds(instant: datetime) -> int: ...
@overload
def to_seconds(instant: None) -> None: ...
def to_seconds(instant: datetime | None) -> int | None:
    """Unix seconds, rounded down."""
    return None if instant is None else int(instant.timestamp() // 1)


@overload
def to_instant(seconds: int) -> datetime: ...
@overload
def to_instant(seconds: None) -> None: ...
def to_instant(seconds: int | None) -> datetime | None:
    """An aware UTC datetime."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
