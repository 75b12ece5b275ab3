"""Contract rule 21 the slow way: minute by minute, with nothing taken from the package under test.

For minutes only: zones whose offset is a whole number of minutes, as all are since 1972.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
NAMES = {
    "month": {name: number for number, name in enumerate(MONTHS, 1)},
    "weekday": {name: number for number, name in enumerate(WEEKDAYS)},
}
BOUNDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}


@dataclass(frozen=True)
class WallClock:
    """What the clock on the wall showed, minute by minute, between two instants."""

    shown: dict[datetime, list[datetime]]  # naive wall time -> the instants at which it was shown
    changes: list[tuple[datetime, timedelta, timedelta]]  # instant, offset before, offset after


def matching(field: str, text: str) -> set[int]:
    """The values one field's text stands for."""
    values: set[int] = set()
    for item in text.split(","):
        base, _, step = item.partition("/")
        low, high = BOUNDS[field] if base == "*" else _bounds(field, base)
        values |= {value for value in range(low, high + 1) if (value - low) % int(step or 1) == 0}
    return {value % 7 for value in values} if field == "weekday" else values


def _bounds(field: str, base: str) -> tuple[int, int]:
    low, _, high = base.partition("-")
    return _number(field, low), _number(field, high or low)


def _number(field: str, word: str) -> int:
    return NAMES.get(field, {}).get(word.upper(), -1) if not word.isdigit() else int(word)


class Schedule:
    """Five fields, read by hand."""

    def __init__(self, text: str) -> None:
        self.texts = text.split()
        self.sets = [matching(field, part) for field, part in zip(BOUNDS, self.texts, strict=True)]

    def matches(self, wall: datetime) -> bool:
        minutes, hours, days, months, weekdays = self.sets
        day, weekday = wall.day in days, wall.isoweekday() % 7 in weekdays
        either = not self.texts[2].startswith("*") and not self.texts[4].startswith("*")
        right_day = (day or weekday) if either else (day and weekday)
        return wall.minute in minutes and wall.hour in hours and wall.month in months and right_day

    def repeats(self) -> bool:
        return self.texts[0].startswith("*") or self.texts[1].startswith("*")


@lru_cache(maxsize=256)  # some 2 MB each
def wall_clock(zone: ZoneInfo, first: datetime, last: datetime) -> WallClock:
    """Watch the wall clock of a zone from one whole minute to another."""
    shown: dict[datetime, list[datetime]] = {}
    changes = []
    before = None
    for instant in minutes_between(first, last):
        local = instant.astimezone(zone)
        shown.setdefault(local.replace(tzinfo=None, fold=0), []).append(instant)
        if before is not None and local.utcoffset() != before:
            changes.append((instant, before, local.utcoffset()))
        before = local.utcoffset()
    return WallClock(shown, changes)


def minutes_between(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += MINUTE


def fire_times(text: str, zone: ZoneInfo, *, start: datetime, end: datetime) -> list[datetime]:
    """All fire times in ``start < t <= end``; both ends whole minutes of UTC."""
    margin = timedelta(days=2)
    clock = wall_clock(zone, start - margin, end + margin)
    schedule = Schedule(text)
    found = _by_wall_clock(schedule, clock) if schedule.repeats() else _by_name(schedule, clock, start, end)
    return sorted(instant for instant in found if start < instant <= end)


def _by_wall_clock(schedule: Schedule, clock: WallClock) -> set[datetime]:
    return {instant for wall, instants in clock.shown.items() if schedule.matches(wall) for instant in instants}


def _by_name(schedule: Schedule, clock: WallClock, start: datetime, end: datetime) -> set[datetime]:
    margin = timedelta(hours=26)
    nominal = minutes_between((start - margin).replace(tzinfo=None), (end + margin).replace(tzinfo=None))
    return {instant for wall in nominal if schedule.matches(wall) for instant in _mapped(wall, clock)}


def _mapped(wall: datetime, clock: WallClock) -> list[datetime]:
    if wall in clock.shown:
        return [min(clock.shown[wall])]
    as_utc = wall.replace(tzinfo=UTC)
    return [instant for instant, old, new in clock.changes if instant + old <= as_utc < instant + new]


def changes_of(zone: ZoneInfo, first: datetime, last: datetime) -> list[datetime]:
    """The whole hours of UTC at or just after which a zone's offset changed, found hour by hour."""
    found = []
    while first < last:
        if first.astimezone(zone).utcoffset() != (first + HOUR).astimezone(zone).utcoffset():
            found.append(first + HOUR)
        first += HOUR
    return found
