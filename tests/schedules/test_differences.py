"""Where two rules name different fire times: is each difference found, and told by what it is due to?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flowforge_graph.schedules import CronExpression, FireTimeDifference, compare_rules, fire_times

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 1, 1, tzinfo=UTC)
GAP = datetime(2026, 3, 8, 7, tzinfo=UTC)  # 02:00 becomes 03:00
OVERLAP = datetime(2026, 11, 1, 6, tzinfo=UTC)  # 02:00 becomes 01:00


def without(*missing: datetime) -> object:
    """Our rule, less some instants."""

    def rule(expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        return (at for at in fire_times(expression, zone, after) if at not in missing)

    return rule


def compared(cron: str, rule: object, zone: ZoneInfo = NEW_YORK) -> list[tuple[datetime, bool, str | None]]:
    """The differences as tuples."""
    found = compare_rules(CronExpression.parse(cron), zone, rule, after=START)  # type: ignore[arg-type]
    assert all(isinstance(difference, FireTimeDifference) for difference in found)
    return [(difference.at, difference.is_ours, difference.near) for difference in found]


@pytest.mark.parametrize("cron", ["30 2 * * *", "0 * * * *", "* * * * *", "*/5 1-3 * 3,11 *"])
def test_a_rule_agrees_with_itself(cron: str) -> None:
    """Sparse or dense."""
    assert compared(cron, fire_times) == []


@pytest.mark.parametrize("cron", ["0 * * * *", "* * * * *", "*/10 * * * *"])
def test_what_is_missing_near_a_change_of_clocks_is_named_by_it(cron: str) -> None:
    """Also of a schedule that fires far too often to be compared whole."""
    assert compared(cron, without(GAP, OVERLAP)) == [(GAP, True, "gap"), (OVERLAP, True, "overlap")]


def test_what_is_missing_on_an_ordinary_day_is_found_without_a_reason() -> None:
    """A dense schedule is compared by the first time of each day there."""
    noon, midnight = datetime(2026, 6, 1, 16, tzinfo=UTC), datetime(2026, 6, 1, 4, tzinfo=UTC)
    assert compared("0 12 * * *", without(noon)) == [(noon, True, None)]
    assert compared("* * * * *", without(midnight)) == [(midnight, True, None)]


def test_what_the_other_rule_has_more_is_theirs() -> None:
    """The other side."""
    extra = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)

    def rule(expression: CronExpression, zone: ZoneInfo, after: datetime) -> list[datetime]:
        return sorted({extra, *_year(expression, zone, after)})

    assert compared("0 12 * * *", rule) == [(extra, False, None)]


def _year(expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    for at in fire_times(expression, zone, after):
        if at > after + timedelta(days=401):
            return
        yield at


def test_the_400_days_after_the_start_are_compared() -> None:
    """The last of them is, the next is not."""
    end = START + timedelta(days=400)
    assert compared("0 0 * * *", without(end, end + timedelta(days=1)), ZoneInfo("UTC")) == [(end, True, None)]
    assert compared("0 0 * * *", without(START), ZoneInfo("UTC")) == []
