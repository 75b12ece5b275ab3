"""What a scheduled trigger does with the fire times that fell due: contract rules 16 and 17, as pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from flowforge_graph.errors import InvalidSchedule, shown
from flowforge_graph.schedules.cron import CronExpression
from flowforge_graph.schedules.occurrences import aware, fire_instants, first_fire_time_after
from flowforge_graph.schedules.zones import instant_at, unix_seconds, unix_seconds_rounded_up

MisfirePolicy = Literal["latest", "all", "skip"]
DropReason = Literal["superseded", "missed"]

MISFIRE_POLICIES: tuple[MisfirePolicy, ...] = get_args(MisfirePolicy)
MISSED_AFTER_SECONDS = 60
MOST_FIRES_PER_TICK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedFires:
    """Due fire times that start nothing: all of the schedule's from ``first`` to ``last``, both included.

    ``reason`` is ``superseded`` (a newer one is started instead) or ``missed`` (more than 60 s old).
    """

    first: datetime
    last: datetime
    count: int
    reason: DropReason


@dataclass(frozen=True, slots=True, kw_only=True)
class FirePlan:
    """What one tick does for one scheduled trigger.

    Attributes:
        fires: the fire times to start, ascending, as aware UTC datetimes.
        dropped: what was due and is not started, one range a reason.
        planned_until: up to which instant every fire time has been decided; the trigger's new state.
        next_fire: the first fire time after ``planned_until``, ``None`` when the calendar ends before it.
    """

    fires: tuple[datetime, ...]
    dropped: tuple[DroppedFires, ...]
    planned_until: datetime
    next_fire: datetime | None


def plan_fires(
    expression: CronExpression,
    zone: ZoneInfo,
    *,
    planned_until: datetime,
    now: datetime,
    policy: MisfirePolicy = "latest",
    missed_after_seconds: int = MISSED_AFTER_SECONDS,
    limit: int = MOST_FIRES_PER_TICK,
) -> FirePlan:
    """Decide which of the fire times in ``planned_until < t <= now`` start an execution.

    ``latest`` starts the newest of them, ``all`` the oldest ones, at most ``limit``, leaving the rest due, and
    ``skip`` those that are not missed. A clock set back leaves everything as it is, so that nothing fires twice.
    The fire times are streamed: a long downtime costs time, about half a second per million, but no memory.

    Args:
        expression: what to match.
        zone: the time zone whose wall clock is meant.
        planned_until: the trigger's stored state, an aware datetime.
        now: the instant of the tick, an aware datetime.
        policy: the trigger's misfire policy.
        missed_after_seconds: how old a fire time may be and still not count as missed.
        limit: the most fire times that ``all`` starts in one tick, at least 1.

    Raises:
        InvalidTime: ``planned_until`` or ``now`` is not an aware datetime.
        InvalidSchedule: an unknown policy, or a limit below 1.
    """
    _check(policy, limit)
    since, until = aware(planned_until, "planned_until"), aware(now, "now")
    due = _due(expression, zone, since=since, until=until)
    decided_until = max(since, until)
    dropped: DroppedFires | None = None
    if policy == "all":
        fires = list(islice(due, limit))
        if next(due, None) is not None:
            decided_until = instant_at(fires[-1])
    elif policy == "skip":
        # Rounded up, because a fire time is a whole second: one exactly as old as allowed is not missed.
        oldest_on_time = unix_seconds_rounded_up(until) - missed_after_seconds
        dropped, fires = _split_off_missed(due, oldest_on_time)
    else:
        dropped, fires = _keep_newest(due)
    return FirePlan(
        fires=tuple(map(instant_at, fires)),
        dropped=() if dropped is None else (dropped,),
        planned_until=decided_until,
        next_fire=first_fire_time_after(expression, zone, decided_until),
    )


def _check(policy: object, limit: object) -> None:
    if policy not in MISFIRE_POLICIES:
        raise InvalidSchedule(f"misfire policy {shown(policy)} is none of {', '.join(MISFIRE_POLICIES)}")
    if type(limit) is not int or limit < 1:
        raise InvalidSchedule(f"limit {shown(limit)} is not a whole number of at least 1")


def _due(expression: CronExpression, zone: ZoneInfo, *, since: datetime, until: datetime) -> Iterator[int]:
    last = unix_seconds(until)
    for instant in fire_instants(expression, zone, unix_seconds(since)):
        if instant > last:
            return
        yield instant


def _keep_newest(due: Iterable[int]) -> tuple[DroppedFires | None, list[int]]:
    run = _Run()
    newest: int | None = None
    for instant in due:
        if newest is not None:
            run.extend(newest)
        newest = instant
    return run.dropped("superseded"), [] if newest is None else [newest]


def _split_off_missed(due: Iterable[int], oldest_on_time: int) -> tuple[DroppedFires | None, list[int]]:
    run = _Run()
    on_time = []
    for instant in due:
        if instant < oldest_on_time:
            run.extend(instant)
        else:
            on_time.append(instant)
    return run.dropped("missed"), on_time


class _Run:
    """Counts consecutive fire times while they stream by."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last = 0
        self.count = 0

    def extend(self, instant: int) -> None:
        if self.first is None:
            self.first = instant
        self.last = instant
        self.count += 1

    def dropped(self, reason: DropReason) -> DroppedFires | None:
        if self.first is None:
            return None
        return DroppedFires(first=instant_at(self.first), last=instant_at(self.last), count=self.count, reason=reason)
