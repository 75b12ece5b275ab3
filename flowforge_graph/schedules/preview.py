"""The next runs of a schedule, for people and clients to look at before they store it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from flowforge_graph.errors import InvalidSchedule, shown
from flowforge_graph.schedules.cron import CronExpression
from flowforge_graph.schedules.descriptions import describe
from flowforge_graph.schedules.occurrences import fire_times
from flowforge_graph.schedules.zones import zone

MOST_NEXT_RUNS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePreview:
    """When a schedule will fire next.

    Attributes:
        next_runs: the next fire times, ascending, as aware UTC datetimes.
        cron_expression: the expression, with single spaces between its fields.
        timezone: the IANA name of the zone.
        description: the expression in English.
    """

    next_runs: tuple[datetime, ...]
    cron_expression: str
    timezone: str
    description: str


def preview_schedule(cron_expression: str, timezone: object, count: int, start: datetime) -> SchedulePreview:
    """The next runs of a schedule strictly after ``start``.

    Args:
        cron_expression: five fields or an alias, by the grammar of contract rule 19.
        timezone: an IANA name, a zoneinfo or a pytz zone.
        count: how many runs, 1 to 1000; fewer are answered only where the year 9999 ends.
        start: an aware datetime.

    Raises:
        InvalidSchedule: the expression, the zone or the count cannot be accepted.
        InvalidTime: ``start`` is not an aware datetime.
    """
    expression, where = CronExpression.parse(cron_expression), zone(timezone)
    runs = islice(fire_times(expression, where, start), checked_count(count))
    return SchedulePreview(
        next_runs=tuple(runs),
        cron_expression=expression.text,
        timezone=where.key,
        description=describe(expression),
    )


def checked_count(count: object) -> int:
    """The count itself, where it is a whole number from 1 to 1000.

    Raises:
        InvalidSchedule: it is not.
    """
    if type(count) is not int or not 1 <= count <= MOST_NEXT_RUNS:
        raise InvalidSchedule(f"count {shown(count)} is not a whole number from 1 to {MOST_NEXT_RUNS}")
    return count
