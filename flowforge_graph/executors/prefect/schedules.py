"""Schedules as Prefect has them, and when they fire by its own rule.

Prefect's rule is that of the scheduler inside its server, of the version that is installed here. Nothing else knows it:
the server answers no question about times to come but by making flow runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from flowforge_graph.errors import DeploymentError, shown
from flowforge_graph.schedules import CronExpression

if TYPE_CHECKING:
    from prefect.client.schemas.schedules import CronSchedule

_ONE_SECOND = timedelta(seconds=1)
# As many as the scheduler itself looks at in one go.
_PAGE = 1_000


def cron_schedule(expression: CronExpression, zone_name: str) -> CronSchedule:
    """The schedule as Prefect is told of it.

    Prefect joins day and weekday by "or" unless told otherwise, even where one of them is ``*/2``: it is told (contract
    rule 20). Raises DeploymentError for a zone that Prefect does not know.
    """
    from prefect.client.schemas.schedules import CronSchedule

    try:
        return CronSchedule(cron=expression.text, timezone=zone_name, day_or=expression.either_day)
    except ValueError as error:
        words = f"Prefect does not take the schedule '{expression.text}' in {shown(zone_name)}"
        raise DeploymentError(words, str(error)) from error


def prefect_fire_times(expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """The instants at which Prefect's scheduler lets a schedule start, strictly after ``after``, ascending, in UTC."""
    from prefect.server.schemas.schedules import CronSchedule

    schedule = CronSchedule(**cron_schedule(expression, zone.key).model_dump())
    begin = after.astimezone(UTC).replace(microsecond=0) + _ONE_SECOND
    while True:
        # The scheduler calls this very function; the public one is its coroutine.
        page = [_utc(at) for at in schedule._get_dates_generator(n=_PAGE, start=begin)]
        if not page:
            return
        yield from page
        begin = page[-1] + _ONE_SECOND


def _utc(at: datetime) -> datetime:
    """A plain datetime of what may be pendulum's."""
    return datetime.fromtimestamp(at.timestamp(), UTC)
