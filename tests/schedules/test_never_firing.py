"""An expression that no day of the calendar can match is refused: contract rule 19."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import pytest

from flowforge_graph.errors import InvalidSchedule
from flowforge_graph.schedules import CronExpression, fire_times, zone
from tests.schedules import oracle

NEVER = [
    "0 0 30 2 *",
    "0 0 31 2 *",
    "0 0 30,31 2 *",
    "0 0 31 2 */2",
    "0 0 31 4,6,9,11 *",
    "0 0 31 2,4,6,9,11 */7",
    "* * 30-31 FEB *",
    "0 0 30 2 *,1",
]
SELDOM = [
    ("0 0 29 2 *", "2028-02-29"),
    ("0 0 29 2 */7", "2032-02-29"),  # a leap day on a Sunday
    ("0 0 30 2 1", "2026-02-02"),  # either may match: any Monday of February
    ("0 0 31 2 0-6", "2026-02-01"),
    ("0 0 31 2,12 *", "2026-12-31"),
    ("0 0 31 * */7", "2026-05-31"),
]


@pytest.mark.parametrize("text", NEVER)
def test_what_can_never_fire_is_refused(text: str) -> None:
    """The sentence says so and shows the three fields that never meet."""
    with pytest.raises(InvalidSchedule, match=r"can never fire: day '.+', month '.+' and weekday '.+' never meet"):
        CronExpression.parse(text)


@pytest.mark.parametrize(("text", "first"), SELDOM)
def test_what_fires_seldom_is_accepted_and_found(text: str, first: str) -> None:
    """However many years away the first match is."""
    start = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    run = next(fire_times(CronExpression.parse(text), zone("UTC"), start))
    assert run.date() == date.fromisoformat(first)


def test_a_leap_day_is_found_across_a_century_that_has_none() -> None:
    """2100 is no leap year: eight years pass from 2096 to 2104."""
    runs = fire_times(CronExpression.parse("0 0 29 2 *"), zone("UTC"), datetime(2095, 1, 1, tzinfo=UTC))
    assert [run.year for run in islice(runs, 2)] == [2096, 2104]


def test_each_month_begins_on_every_weekday_in_every_length_it_can_have() -> None:
    """The fact that the refusal rests on, over the 400 years after which the Gregorian calendar repeats."""
    shapes = {(month, *calendar.monthrange(year, month)) for year in range(2000, 2400) for month in range(1, 13)}
    lengths = {month: {length for m, _, length in shapes if m == month} for month in range(1, 13)}
    assert shapes == {(m, weekday, length) for m in lengths for length in lengths[m] for weekday in range(7)}
    assert (date(2400, 1, 1) - date(2000, 1, 1)).days % 7 == 0


@pytest.mark.parametrize("day", ["*/28", "*/29", "*/30", "*/31", "28", "29", "30", "31", "29-31", "30,31"])
@pytest.mark.parametrize("month", ["2", "4", "2,4", "12", "*"])
@pytest.mark.parametrize("weekday", ["*", "*/4", "*/7"])
def test_the_refusal_agrees_with_a_walk_over_four_hundred_years(day: str, month: str, weekday: str) -> None:
    """Where day and weekday must both hold: refused exactly where no day from 2000 to 2399 matches for the oracle."""
    text = f"0 0 {day} {month} {weekday}"
    schedule = oracle.Schedule(text)
    _, _, days, months, _ = schedule.sets
    candidates = (
        datetime(year, number, day)
        for year in range(2000, 2400)
        for number in months
        for day in days
        if day <= calendar.monthrange(year, number)[1]
    )
    assert any(map(schedule.matches, candidates)) is _is_accepted(text)


def _is_accepted(text: str) -> bool:
    try:
        CronExpression.parse(text)
    except InvalidSchedule:
        return False
    return True
