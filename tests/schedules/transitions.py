"""Every change of a zone's UTC offset, found by looking at the clock, and expressions that put it to the test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from importlib import resources

from flowforge_graph.schedules import zone
from tests.schedules import oracle

FIRST_YEAR, LAST_YEAR = 2020, 2037


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A change of offset: a gap if the clock goes forward, an overlap if it goes back."""

    zone_name: str
    instant: datetime
    before: timedelta
    after: timedelta

    @property
    def is_gap(self) -> bool:
        return self.after > self.before

    @property
    def size(self) -> timedelta:
        return abs(self.after - self.before)

    @cached_property
    def first_wall(self) -> datetime:
        """The first wall time that is skipped or shown twice, without a zone."""
        return self.instant.replace(tzinfo=None) + min(self.before, self.after)

    @cached_property
    def end_wall(self) -> datetime:
        """The first wall time after those."""
        return self.instant.replace(tzinfo=None) + max(self.before, self.after)


def zone_names() -> list[str]:
    """All IANA names, old ones too; ``Factory`` is not a place."""
    names = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return sorted(name for name in names if name != "Factory")


@lru_cache(maxsize=1024)
def transitions_of(zone_name: str, first_year: int = FIRST_YEAR, last_year: int = LAST_YEAR) -> tuple[Transition, ...]:
    """The changes of offset of a zone in the years given, both included, found hour by hour, then minute by minute."""
    first, last = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    hours = oracle.changes_of(zone(zone_name), first, last)
    return tuple(_in_the_hour_before(zone_name, hour) for hour in hours)


def _in_the_hour_before(zone_name: str, hour: datetime) -> Transition:
    where = zone(zone_name)
    before = (hour - oracle.HOUR).astimezone(where).utcoffset()
    minutes = oracle.minutes_between(hour - oracle.HOUR, hour)
    instant = next(minute for minute in minutes if minute.astimezone(where).utcoffset() != before)
    after = instant.astimezone(where).utcoffset()
    assert before is not None
    assert after is not None
    return Transition(zone_name=zone_name, instant=instant, before=before, after=after)


def fixed_texts(transition: Transition) -> list[str]:
    """Expressions of fixed wall times, made so that the skipped or repeated ones are among them."""
    first, end = transition.first_wall, transition.end_wall
    middle = first + transition.size / 2
    edges = (first - oracle.MINUTE, first, middle, end - oracle.MINUTE, end)
    hours = ",".join(str(hour) for hour in sorted({first.hour, middle.hour, end.hour}))
    return [
        *(f"{_time(edge)} * * *" for edge in edges),
        "0 0 * * *",
        f"{_time(middle)} {middle.day} {middle.month} *",
        f"{_time(middle)} * * {middle.isoweekday() % 7}",
        f"{_time(middle)} {middle.day} * 1-5",
        f"0-59 {hours} * * *",
        f"0,{middle.minute} {hours} 1-31/2 * 0-6/2",
        "13,43 0-23 * * *",
        "0 0-23/2 * * *",
    ]


def repeating_texts(transition: Transition) -> list[str]:
    """Expressions that follow the wall clock of each instant, made so that the change is within their reach."""
    first, end = transition.first_wall, transition.end_wall
    middle = first + transition.size / 2
    hours = ",".join(str(hour) for hour in sorted({first.hour, middle.hour, end.hour}))
    return [
        "* * * * *",
        "*/15 * * * *",
        "0 * * * *",
        f"{middle.minute} */2 * * *",
        f"*/7 {hours} * * *",
        f"*/20 {middle.hour} {middle.day} * *",
        f"*/5 * {middle.day} * {middle.isoweekday() % 7}",
        f"{_time(middle).split()[0]} * */2 * 0-6",
    ]


def _time(wall: datetime) -> str:
    return f"{wall.minute} {wall.hour}"
