"""Fire times against a slow minute-by-minute reading of contract rule 21, for random expressions, zones and starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import takewhile

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowforge_graph.schedules import CronExpression, fire_times, validate_cron_expression, zone
from tests.schedules import oracle
from tests.schedules.strategies import ZONES, busy_cron_texts

CHANGING_ZONES = [name for name in ZONES if name not in {"UTC", "Asia/Kolkata"}]
# Years in which each of these zones changed its offset at least once; Apia's is the year of the lost day.
YEARS = {
    "Pacific/Apia": 2011,
    "Pacific/Fiji": 2020,
    "Asia/Tehran": 2022,
    "Europe/Volgograd": 2020,
    "Antarctica/Casey": 2021,
}


@cache
def changes(name: str) -> list[datetime]:
    """The changes of offset of one year of a zone, found by the oracle."""
    year = YEARS.get(name, 2026)
    return oracle.changes_of(zone(name), datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))


def assert_agrees(text: str, name: str, start: datetime, days: float) -> None:
    end = start + timedelta(days=days)
    fires = takewhile(lambda fire: fire <= end, fire_times(CronExpression.parse(text), zone(name), start))
    assert list(fires) == oracle.fire_times(text, zone(name), start=start, end=end)


@given(busy_cron_texts(), st.sampled_from(CHANGING_ZONES), st.data())
def test_near_a_change_of_offset_the_fire_times_are_the_oracles(text: str, name: str, data: st.DataObject) -> None:
    """From up to a day before a change to a day after it, every fire time and no other."""
    assume(validate_cron_expression(text)[0])
    change = data.draw(st.sampled_from(changes(name)), label="change")
    # Few different starts: the oracle remembers what a wall clock showed.
    before = data.draw(st.sampled_from([-90, -10, 0, 1, 29, 60, 150, 1440]), label="minutes before the change")
    assert_agrees(text, name, change - timedelta(minutes=before), 1.5)


@settings(max_examples=25)
@given(
    busy_cron_texts(),
    st.sampled_from(ZONES),
    st.datetimes(datetime(1995, 1, 1), datetime(2100, 1, 1)).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    ),
)
def test_anywhere_the_fire_times_are_the_oracles(text: str, name: str, start: datetime) -> None:
    """At any time of any year, every fire time of a day and no other."""
    assume(validate_cron_expression(text)[0])
    assert_agrees(text, name, start.replace(tzinfo=UTC), 1)


def test_every_zone_that_is_tried_near_a_change_has_one() -> None:
    """The table of years above is right, so that the first test here tries what it says."""
    assert {name: len(changes(name)) > 0 for name in CHANGING_ZONES} == dict.fromkeys(CHANGING_ZONES, True)
