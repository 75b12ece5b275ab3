"""Where another scheduler's rule and ours name different fire times for one cron expression."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from flowforge_graph.schedules.cron import CronExpression
from flowforge_graph.schedules.occurrences import aware, fire_times
from flowforge_graph.schedules.zones import instant_at, stretches_from, unix_seconds

COMPARED = timedelta(days=400)

# Fire times strictly after an instant, ascending.
Rule = Callable[[CronExpression, ZoneInfo, datetime], Iterable[datetime]]
ClockChange = Literal["gap", "overlap"]

_ONE_DAY = timedelta(days=1)
# Of so many a day, all of 400 days are compared: other rules take 40 µs for each.
_MOST_A_DAY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class FireTimeDifference:
    """A fire time that one rule has and the other lacks.

    Attributes:
        at: the instant, in UTC.
        is_ours: whether it is our rule that has it.
        near: the change of the clocks within a day of it: ``gap`` forward, ``overlap`` back; None: there is none.
    """

    at: datetime
    is_ours: bool
    near: ClockChange | None


@dataclass(frozen=True, slots=True)
class _Change:
    at: datetime
    kind: ClockChange

    def is_near(self, instant: datetime) -> bool:
        return abs(instant - self.at) <= _ONE_DAY


def compare_rules(
    expression: CronExpression, zone: ZoneInfo, other: Rule, *, after: datetime
) -> tuple[FireTimeDifference, ...]:
    """What differs between our rule and ``other`` over the 400 days after an instant, ascending.

    Away from changes of the clocks any rule pairs each matching day with each matching time. So a schedule of more
    than 24 fire times a day is compared in full only on the days around the changes, and elsewhere by its first time
    of each day.

    Args:
        expression: what to match.
        zone: the time zone whose wall clock is meant.
        other: the other rule.
        after: an aware datetime, in whole seconds.

    Raises:
        InvalidTime: ``after`` is not an aware datetime.
    """
    begin = aware(after, "after")
    until = begin + COMPARED
    rules = _Rules(zone, other)
    changes = tuple(_changes_of_clocks(zone, begin - _ONE_DAY, until + _ONE_DAY))
    if len(expression.seconds_of_day) <= _MOST_A_DAY:
        found = rules.differing(expression, begin, until)
    else:
        by_day = rules.differing(_first_of_each_day(expression), begin, until)
        found = {(at, is_ours) for at, is_ours in by_day if _kind_near(changes, at) is None}
        for change in changes:
            found |= rules.differing(expression, max(begin, change.at - _ONE_DAY), min(until, change.at + _ONE_DAY))
    return tuple(
        FireTimeDifference(at=at, is_ours=is_ours, near=_kind_near(changes, at)) for at, is_ours in sorted(found)
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    zone: ZoneInfo
    other: Rule

    def differing(self, expression: CronExpression, after: datetime, until: datetime) -> set[tuple[datetime, bool]]:
        """The fire times of one rule alone, each with whether it is of ours."""
        ours, theirs = (
            set(takewhile(lambda at: at <= until, rule(expression, self.zone, after)))
            for rule in (fire_times, self.other)
        )
        return {(at, True) for at in ours - theirs} | {(at, False) for at in theirs - ours}


def _first_of_each_day(expression: CronExpression) -> CronExpression:
    dates = " ".join(expression.fields[2:])
    return CronExpression.parse(f"{expression.minutes[0]} {expression.hours[0]} {dates}")


def _changes_of_clocks(zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[_Change]:
    end = unix_seconds(until)
    stretches = takewhile(lambda stretch: stretch.begin <= end, stretches_from(zone, unix_seconds(after)))
    for before, stretch in pairwise(stretches):
        if stretch.offset != before.offset:
            yield _Change(instant_at(stretch.begin), "gap" if stretch.offset > before.offset else "overlap")


def _kind_near(changes: Iterable[_Change], instant: datetime) -> ClockChange | None:
    return next((change.kind for change in changes if change.is_near(instant)), None)
