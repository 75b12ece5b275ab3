"""What holds for every schedule: order, strictness, independence of where one begins, and a clean end of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flowforge_graph.errors import InvalidTime
from flowforge_graph.schedules import (
    CronExpression,
    fire_times,
    first_fire_time_after,
    validate_cron_expression,
    zone,
)
from tests.schedules.strategies import ZONES, busy_cron_texts, cron_texts

INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
ANY_INSTANT = st.datetimes(timezones=st.just(UTC))


@given(cron_texts(), st.sampled_from(ZONES), INSTANTS)
def test_fire_times_increase_strictly_and_come_after_the_start(text: str, name: str, start: datetime) -> None:
    """Also for a start between two seconds; and all are whole seconds of UTC."""
    assume(validate_cron_expression(text)[0])
    fires = list(islice(fire_times(CronExpression.parse(text), zone(name), start), 20))
    assert all(earlier < later for earlier, later in pairwise([start, *fires]))
    assert all(fire.tzinfo is UTC and fire.microsecond == 0 for fire in fires)


@given(busy_cron_texts(), st.sampled_from(ZONES), INSTANTS)
def test_beginning_at_a_fire_time_continues_with_the_next(text: str, name: str, start: datetime) -> None:
    """A tick that stops after any fire time loses none and repeats none."""
    assume(validate_cron_expression(text)[0])
    expression, where = CronExpression.parse(text), zone(name)
    fires = list(islice(fire_times(expression, where, start), 12))
    assert [first_fire_time_after(expression, where, fire) for fire in fires[:-1]] == fires[1:]


@given(cron_texts(), st.sampled_from(ZONES), ANY_INSTANT)
def test_no_instant_of_the_calendar_breaks_the_search(text: str, name: str, start: datetime) -> None:
    """From the year 1 to 9999 there is a later fire time, or none, but never an overflow."""
    assume(validate_cron_expression(text)[0])
    fire = first_fire_time_after(CronExpression.parse(text), zone(name), start)
    assert fire is None or fire > start


@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("text", ["* * * * *", "0-59 0-23 * * *", "0 0 29 2 *", "*/5 * 29 2 *"])
def test_the_fire_times_end_with_the_year_9999(text: str, name: str) -> None:
    """The iterator ends; every fire time before the end is a date that the zone can still write."""
    start = datetime(9999, 12, 30, tzinfo=UTC)
    fires = list(fire_times(CronExpression.parse(text), zone(name), start))
    assert all(fire.astimezone(zone(name)).year == 9999 for fire in fires)
    assert list(fire_times(CronExpression.parse(text), zone(name), datetime.max.replace(tzinfo=UTC))) == []


@pytest.mark.parametrize("name", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("text", ["* * * * *", "0-59 0-23 * * *", "@yearly"])
def test_the_fire_times_begin_with_the_year_1(text: str, name: str) -> None:
    """From the first instant that Python can write, in zones whose wall clock is still, or already, elsewhere."""
    start = datetime.min.replace(tzinfo=UTC)
    fires = list(islice(fire_times(CronExpression.parse(text), zone(name), start), 3))
    assert start < fires[0] < fires[1] < fires[2] < start + timedelta(days=4 * 366)


def test_the_last_minute_of_time_is_still_a_fire_time() -> None:
    """A minutely schedule in UTC ends with 9999-12-31 23:59."""
    start = datetime(9999, 12, 31, 23, 57, 30, tzinfo=UTC)
    fires = list(fire_times(CronExpression.parse("* * * * *"), zone("UTC"), start))
    assert fires == [datetime(9999, 12, 31, 23, minute, tzinfo=UTC) for minute in (58, 59)]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (datetime(2026, 1, 1), "start must be a datetime with a time zone, not '2026-01-01T00:00:00'"),
        ("2026-01-01", "must be a datetime with a time zone"),
        (1_767_225_600, "must be a datetime with a time zone"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), "outside the years"),
        (datetime.max.replace(tzinfo=timezone(-timedelta(hours=5))), "outside the years"),
    ],
)
def test_a_start_that_names_no_instant_is_refused(start: object, message: str) -> None:
    """Rule 22: aware datetimes only."""
    with pytest.raises(InvalidTime, match=message):
        next(fire_times(CronExpression.parse("* * * * *"), zone("UTC"), start))  # type: ignore[arg-type]


def test_the_start_may_be_in_any_zone() -> None:
    """Only the instant counts: 12:00 in Tokyo is 03:00 in UTC."""
    start = datetime(2026, 1, 1, 12, tzinfo=zone("Asia/Tokyo"))
    fire = first_fire_time_after(CronExpression.parse("0 * * * *"), zone("UTC"), start)
    assert fire == datetime(2026, 1, 1, 4, tzinfo=UTC)
