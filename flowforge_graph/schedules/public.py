"""Cron helpers that FlowForge's other services import: no engine, no database.

These begin at the present when a caller gives no ``start``. They are the one place of this room that reads a clock,
because a service that only wants the next run has no engine whose clock could be injected.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from flowforge_graph.errors import InvalidSchedule, shown
from flowforge_graph.schedules.cron import CronExpression
from flowforge_graph.schedules.descriptions import describe
from flowforge_graph.schedules.occurrences import fire_times
from flowforge_graph.schedules.preview import checked_count
from flowforge_graph.schedules.zones import zone


def validate_cron_expression(expr: object) -> tuple[bool, str | None]:
    """Whether a cron expression would be accepted; never raises, whatever it is given.

    Args:
        expr: the expression.

    Returns:
        ``(True, None)``, or ``(False, sentence)`` where the sentence names the field and the value.
    """
    try:
        CronExpression.parse(expr)  # type: ignore[arg-type]  # parse answers any object with a sentence
    except InvalidSchedule as error:
        return False, str(error)
    return True, None


def calculate_next_runs(
    expr: str, timezone: object = "UTC", count: int = 5, start: datetime | None = None
) -> list[datetime]:
    """The next runs of a schedule.

    Args:
        expr: five fields (minute hour day month weekday) or ``@hourly @daily @weekly @monthly @yearly``.
        timezone: an IANA name, a ``zoneinfo.ZoneInfo`` or a pytz zone.
        count: how many, 1 to 1000.
        start: an aware datetime; the runs are strictly after it. Default: now.

    Returns:
        Aware datetimes in the asked zone, strictly increasing.

    Raises:
        InvalidSchedule: the expression, the zone or the count cannot be accepted.
        InvalidTime: ``start`` is naive.
    """
    expression, where = CronExpression.parse(expr), zone(timezone)
    runs = fire_times(expression, where, _present() if start is None else start)
    return [run.astimezone(where) for run in islice(runs, checked_count(count))]


def calculate_next_run(expr: str, timezone: object = "UTC", start: datetime | None = None) -> datetime:
    """The next run of a schedule, as an aware datetime in the asked zone.

    Args:
        expr, timezone, start: as in :func:`calculate_next_runs`.

    Raises:
        InvalidSchedule: the expression or the zone cannot be accepted, or nothing runs before the year 9999 ends.
        InvalidTime: ``start`` is naive.
    """
    runs = calculate_next_runs(expr, timezone, 1, start)
    if not runs:
        raise InvalidSchedule(f"cron expression {shown(expr)} does not run again before the year 9999 ends")
    return runs[0]


def get_next_run_timestamp(expr: str, timezone: object = "UTC", start: datetime | None = None) -> int:
    """The next run of a schedule in Unix seconds.

    Args:
        expr, timezone, start: as in :func:`calculate_next_runs`.

    Raises:
        InvalidSchedule, InvalidTime: as in :func:`calculate_next_run`.
    """
    return int(calculate_next_run(expr, timezone, start).timestamp())


def format_cron_description(expr: str) -> str:
    """A cron expression in English, such as "Daily at 2:00 AM".

    Args:
        expr: the expression.

    Raises:
        InvalidSchedule: the expression cannot be accepted.
    """
    return describe(CronExpression.parse(expr))


def _present() -> datetime:
    return datetime.now(UTC)
