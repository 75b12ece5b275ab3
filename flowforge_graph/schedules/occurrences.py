"""When a schedule fires: contract rule 21, in Debian cron's spirit.

All arithmetic is on integers. An *instant* is Unix seconds; a *wall time* is the seconds from 1970-01-01 00:00 to
what a clock on the wall shows, so that ``wall time = instant + offset``. The nominal calendar knows no zones: it is
walked month by month, day by day over values that the expression has ready, never minute by minute.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flowforge_graph.errors import InvalidTime, shown
from flowforge_graph.schedules.cron import CronExpression
from flowforge_graph.schedules.zones import (
    FIRST_INSTANT,
    LAST_INSTANT,
    instant_at,
    stretches_from,
    unix_seconds,
)

_DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
# Twice the largest offset there can be: a change of offset older than this cannot touch today's wall times.
_REACH = 2 * _DAY


def fire_times(expression: CronExpression, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """The instants at which a schedule fires, by contract rule 21.

    Args:
        expression: what to match.
        zone: the time zone whose wall clock is meant.
        start: an aware datetime; only later instants count.

    Returns:
        An iterator of aware UTC datetimes, strictly after ``start``, strictly increasing, ending with the year 9999.

    Raises:
        InvalidTime: ``start`` is not an aware datetime.
    """
    return map(instant_at, fire_instants(expression, zone, unix_seconds(aware(start, "start"))))


def first_fire_time_after(expression: CronExpression, zone: ZoneInfo, start: datetime) -> datetime | None:
    """The first fire time strictly after an instant, or ``None`` when the year 9999 ends before it.

    Args:
        expression: what to match.
        zone: the time zone whose wall clock is meant.
        start: an aware datetime.

    Raises:
        InvalidTime: ``start`` is not an aware datetime.
    """
    return next(fire_times(expression, zone, start), None)


def aware(value: object, name: str) -> datetime:
    """The same datetime in UTC, refused where it names no instant (rule 22).

    Args:
        value: what a caller handed over.
        name: what the value is called in the message.

    Raises:
        InvalidTime: not a datetime, or a naive one, or beyond the years 1 to 9999 in UTC.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        given = value.isoformat() if isinstance(value, datetime) else value
        raise InvalidTime(f"{name} must be a datetime with a time zone, not {shown(given)}")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidTime(f"{name} {shown(value.isoformat())} is outside the years 1 to 9999 of UTC") from error


def fire_instants(expression: CronExpression, zone: ZoneInfo, start: int) -> Iterator[int]:
    """The same as :func:`fire_times`, in Unix seconds: an integer addition or two for each."""
    if expression.repeats_on_wall_clock:
        return _instants_by_wall_clock(expression, zone, start)
    return _instants_of_fixed_wall_times(expression, zone, start)


def _instants_by_wall_clock(expression: CronExpression, zone: ZoneInfo, start: int) -> Iterator[int]:
    """Every instant whose wall clock matches: twice in an overlap, never inside a gap.

    Invariant: no wall time within ``searched_from <= w < upcoming`` matches, so a stretch that lies there is skipped.
    """
    searched_from = upcoming = 0
    for begin, end, offset in stretches_from(zone, start):
        low, high = max(begin, start + 1) + offset, end + offset
        if searched_from <= low and high <= upcoming:
            continue
        for wall in wall_times(expression, low):
            if wall >= high:
                searched_from, upcoming = high, wall
                break
            yield wall - offset
        else:
            searched_from, upcoming = high, LAST_INSTANT + _DAY


def _instants_of_fixed_wall_times(expression: CronExpression, zone: ZoneInfo, start: int) -> Iterator[int]:
    """For each wall time that the nominal calendar names, the first instant at which the wall clock has reached it.

    That one sentence is the whole rule: outside changes of offset it is the instant that shows the wall time, in a
    gap the end of the gap, in an overlap the earlier pass. It never decreases, so equal instants are neighbours.
    """
    last = start
    stretches = stretches_from(zone, start)
    begin, end, offset = next(stretches)
    for wall in wall_times(expression, _highest_wall_time_reached(zone, start) + 1):
        if wall - offset >= end + 2 * _REACH:
            stretches = stretches_from(zone, wall - _REACH)
        while wall - offset >= end:
            following = next(stretches, None)
            if following is None:
                return
            begin, end, offset = following
        instant = max(begin, wall - offset)
        if instant > last:
            yield instant
            last = instant


def _highest_wall_time_reached(zone: ZoneInfo, instant: int) -> int:
    """The latest wall time that any clock of the zone has shown or skipped up to an instant."""
    reached = FIRST_INSTANT - _DAY
    for begin, end, offset in stretches_from(zone, max(instant - _REACH, FIRST_INSTANT)):
        if begin > instant:
            break
        reached = max(reached, min(instant, end - 1) + offset)
    return reached


def wall_times(expression: CronExpression, first: int) -> Iterator[int]:
    """The wall times that an expression names on the nominal calendar, ascending, up to the end of the year 9999.

    Args:
        expression: what to match.
        first: the wall time to begin at, itself included, in seconds from 1970-01-01 00:00.
    """
    first = max(first, FIRST_INSTANT)
    if first > LAST_INSTANT:
        return
    first_day, second = divmod(first, _DAY)
    seconds_of_day = expression.seconds_of_day
    for day in _matching_days(expression, first_day):
        midnight = day * _DAY
        if day == first_day:
            for moment in seconds_of_day[bisect_left(seconds_of_day, second) :]:
                yield midnight + moment
        else:
            for moment in seconds_of_day:
                yield midnight + moment


def _matching_days(expression: CronExpression, first_day: int) -> Iterator[int]:
    """The days, counted from 1970-01-01, on which the expression's month, day and weekday match."""
    first = date.fromordinal(first_day + _EPOCH_ORDINAL)
    for year in range(first.year, 10_000):
        for month in expression.months:
            if year == first.year and month < first.month:
                continue
            day_zero = date(year, month, 1).toordinal() - _EPOCH_ORDINAL - 1
            for day in _days_of_month(expression, year, month):
                if day_zero + day >= first_day:
                    yield day_zero + day


def _days_of_month(expression: CronExpression, year: int, month: int) -> tuple[int, ...]:
    first = date(year, month, 1).toordinal()
    following = date(year, month + 1, 1).toordinal() if month < 12 else first + 31
    # Ordinal 1 was a Monday, so an ordinal divided by seven leaves the weekday with Sunday as 0.
    return expression.days_by_shape[following - first - 28][first % 7]
