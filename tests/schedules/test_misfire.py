"""What a tick starts and drops under each misfire policy: contract rules 16 and 17."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.errors import InvalidSchedule, InvalidTime
from flowforge_graph.schedules import (
    MISFIRE_POLICIES,
    CronExpression,
    DroppedFires,
    FirePlan,
    fire_times,
    plan_fires,
    zone,
)

HOURLY = CronExpression.parse("0 * * * *")
MINUTELY = CronExpression.parse("* * * * *")


def at(hour: int, minute: int = 0, second: int = 0, microsecond: int = 0) -> datetime:
    return datetime(2026, 1, 1, hour, minute, second, microsecond, tzinfo=UTC)


def plan(expression: CronExpression, planned_until: datetime, now: datetime, policy: Any, **options: Any) -> FirePlan:
    return plan_fires(expression, zone("UTC"), planned_until=planned_until, now=now, policy=policy, **options)


@pytest.mark.parametrize("policy", MISFIRE_POLICIES)
def test_nothing_due_changes_only_the_instant_up_to_which_is_planned(policy: str) -> None:
    """Every policy answers alike."""
    assert plan(HOURLY, at(9), at(9, 59, 59), policy) == FirePlan(
        fires=(), dropped=(), planned_until=at(9, 59, 59), next_fire=at(10)
    )


@pytest.mark.parametrize("policy", MISFIRE_POLICIES)
def test_one_punctual_fire_time_is_started_by_every_policy(policy: str) -> None:
    """The fire time of this very second is due, and the next is an hour on."""
    assert plan(HOURLY, at(9, 30), at(10), policy) == FirePlan(
        fires=(at(10),), dropped=(), planned_until=at(10), next_fire=at(11)
    )


def test_latest_starts_the_newest_and_drops_the_others_as_one_range() -> None:
    """However late the newest is."""
    assert plan(HOURLY, at(4, 30), at(9, 45), "latest") == FirePlan(
        fires=(at(9),),
        dropped=(DroppedFires(first=at(5), last=at(8), count=4, reason="superseded"),),
        planned_until=at(9, 45),
        next_fire=at(10),
    )


def test_skip_starts_only_what_is_not_missed() -> None:
    """A fire time more than 60 s old is missed."""
    assert plan(HOURLY, at(4, 30), at(9, 0, 30), "skip") == FirePlan(
        fires=(at(9),),
        dropped=(DroppedFires(first=at(5), last=at(8), count=4, reason="missed"),),
        planned_until=at(9, 0, 30),
        next_fire=at(10),
    )


@pytest.mark.parametrize(
    ("now", "starts"), [(at(10, 0, 59), True), (at(10, 1), True), (at(10, 1, 0, 1), False), (at(10, 1, 1), False)]
)
def test_exactly_sixty_seconds_old_is_not_missed(now: datetime, starts: bool) -> None:
    """More than 60 s is, be it by a microsecond."""
    decided = plan(HOURLY, at(9, 30), now, "skip")
    assert decided.fires == ((at(10),) if starts else ())
    assert decided.dropped == (() if starts else (DroppedFires(first=at(10), last=at(10), count=1, reason="missed"),))


def test_skip_starts_every_fire_time_that_is_not_missed() -> None:
    """A minutely schedule can have two of them within 60 s."""
    decided = plan(MINUTELY, at(9), at(9, 10), "skip")
    assert decided.fires == (at(9, 9), at(9, 10))
    assert decided.dropped == (DroppedFires(first=at(9, 1), last=at(9, 8), count=8, reason="missed"),)


def test_all_starts_every_due_fire_time_oldest_first() -> None:
    """Nothing is dropped."""
    assert plan(HOURLY, at(4, 30), at(9, 45), "all") == FirePlan(
        fires=(at(5), at(6), at(7), at(8), at(9)), dropped=(), planned_until=at(9, 45), next_fire=at(10)
    )


def test_all_starts_at_most_a_hundred_and_leaves_the_rest_due() -> None:
    """It is planned until the last one started, so that the next tick continues with the one after it."""
    first = plan(MINUTELY, at(0), at(4), "all")
    assert first.fires == tuple(at(0) + timedelta(minutes=minute) for minute in range(1, 101))
    assert (first.planned_until, first.next_fire) == (at(1, 40), at(1, 41))
    second = plan(MINUTELY, first.planned_until, at(4), "all")
    third = plan(MINUTELY, second.planned_until, at(4), "all")
    assert first.fires + second.fires + third.fires == tuple(
        at(0) + timedelta(minutes=minute) for minute in range(1, 241)
    )
    assert third.planned_until == at(4)


def test_all_with_exactly_as_many_as_the_limit_is_done() -> None:
    """No rest is due, so it is planned until now."""
    decided = plan(HOURLY, at(4, 30), at(7, 30), "all", limit=3)
    assert decided.fires == (at(5), at(6), at(7))
    assert decided.planned_until == at(7, 30)


@pytest.mark.parametrize("policy", MISFIRE_POLICIES)
def test_a_clock_set_back_fires_nothing_twice(policy: str) -> None:
    """Rule 17: what is planned stays planned until the clock has come there again."""
    assert plan(HOURLY, at(10, 30), at(8, 15), policy) == FirePlan(
        fires=(), dropped=(), planned_until=at(10, 30), next_fire=at(11)
    )


def test_a_year_of_downtime_is_counted_exactly() -> None:
    """525,600 minutes without a list of them: the newest starts, the others are one range."""
    decided = plan(MINUTELY, at(0), at(0) + timedelta(days=365), "latest")
    assert decided.fires == (at(0) + timedelta(days=365),)
    assert decided.dropped == (
        DroppedFires(
            first=at(0, 1),
            last=at(0) + timedelta(days=365) - timedelta(minutes=1),
            count=525_599,
            reason="superseded",
        ),
    )


def test_a_schedule_without_a_further_fire_time_has_no_next_one() -> None:
    """Where the year 9999 ends."""
    end = datetime(9999, 12, 31, 23, 59, 30, tzinfo=UTC)
    decided = plan(CronExpression.parse("59 23 31 12 *"), end - timedelta(days=1), end, "latest")
    assert decided.fires == (datetime(9999, 12, 31, 23, 59, tzinfo=UTC),)
    assert decided.next_fire is None


@given(
    st.sampled_from(["* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "0-59 1-3 * * *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    st.datetimes(datetime(2026, 3, 1), datetime(2026, 11, 30), timezones=st.just(UTC)),
    st.timedeltas(timedelta(0), timedelta(days=2)),
    st.tuples(st.sampled_from(MISFIRE_POLICIES), st.integers(1, 50)),
)
def test_every_due_fire_time_is_started_dropped_or_left_due(
    text: str, name: str, since: datetime, downtime: timedelta, choice: tuple[Any, int]
) -> None:
    """The three together are exactly the fire times since the last tick, each once."""
    expression, where, now = CronExpression.parse(text), zone(name), since + downtime
    policy, limit = choice
    decided = plan_fires(expression, where, planned_until=since, now=now, policy=policy, limit=limit)
    due = fires_between(expression, name, since, now)
    dropped = [
        fire
        for drop in decided.dropped
        for fire in fires_between(expression, name, since, drop.last)
        if fire >= drop.first
    ]
    left = fires_between(expression, name, decided.planned_until, now)
    assert sorted([*decided.fires, *dropped, *left]) == due
    assert len(dropped) == sum(drop.count for drop in decided.dropped)
    assert decided.next_fire is not None
    assert decided.next_fire > decided.planned_until >= since


def fires_between(expression: CronExpression, name: str, since: datetime, until: datetime) -> list[datetime]:
    found = []
    for fire in fire_times(expression, zone(name), since):
        if fire > until:
            break
        found.append(fire)
    return found


@pytest.mark.parametrize("policy", ["newest", "", None, 1, ["latest"]])
def test_an_unknown_policy_is_refused(policy: object) -> None:
    """The sentence names those that exist."""
    with pytest.raises(InvalidSchedule, match="none of latest, all, skip"):
        plan(HOURLY, at(4), at(9), policy)


@pytest.mark.parametrize("limit", [0, -1, 2.5, True, None])
def test_a_limit_below_one_is_refused(limit: object) -> None:
    """A tick that may start nothing would leave everything due for ever."""
    with pytest.raises(InvalidSchedule, match="limit"):
        plan(HOURLY, at(4), at(9), "all", limit=limit)


@pytest.mark.parametrize(("planned_until", "now"), [(datetime(2026, 1, 1), at(9)), (at(4), datetime(2026, 1, 1))])
def test_naive_datetimes_are_refused(planned_until: datetime, now: datetime) -> None:
    """Rule 22, for both instants."""
    with pytest.raises(InvalidTime, match="must be a datetime with a time zone"):
        plan(HOURLY, planned_until, now, "latest")
