"""The next run of typical schedules beside cronsim, and ticks with few and with many schedules stored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from benchmarks.databases import KINDS, Databases, connected, write_rows
from benchmarks.measure import Row, at_least, at_most, duration, each, per_second, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from flowforge_graph import TriggerEngine, calculate_next_run
from flowforge_graph.schedules import cron
from flowforge_graph.testing import FixedClock

EXPRESSIONS = (
    "* * * * *",
    "*/5 * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 * * * *",
    "0 */2 * * *",
    "0 */6 * * *",
    "0 0 * * *",
    "0 2 * * *",
    "30 6 * * *",
    "0 9,17 * * *",
    "0 9 * * 1",
    "0 9 * * 1-5",
    "0 9-17 * * 1-5",
    "*/10 8-18 * * mon-fri",
    "0 0 1 * *",
    "0 6 15 * *",
    "0 0 1 1 *",
    "0 0 1 */3 *",
    "0 22 * * 0,6",
)
ZONE = "America/New_York"
# Far from both changes of offset, where cronsim's rule differs from ours.
STARTS = tuple(datetime(2026, 6, 1, 12, 7, 30, tzinfo=UTC) + timedelta(hours=37 * n) for n in range(20))

_FEW_SCHEDULES = 1_000
_PER_WORKFLOW = 100
_SCHEDULE = (
    "id",
    "workflow_id",
    "trigger_type",
    "enabled",
    "trigger_name",
    "cron_expression",
    "timezone",
    "misfire_policy",
    "schedule_owner",
    "planned_until",
    "next_run_at",
    "created_at",
    "updated_at",
)
_BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
_AT_THREE, _AT_FIVE, _IN_WINTER = "0 3 * * *", "0 5 * * *", "0 7 1 1 *"


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """Single questions, then the scheduler's."""
    yield from _next_runs(sizes)
    for kind in KINDS:
        yield from _ticks(kind, sizes, databases)


def _next_runs(sizes: Sizes) -> Iterator[Row]:
    work = f"calculate_next_run, {len(EXPRESSIONS)} expressions, warm"
    try:
        from cronsim import CronSim
    except ImportError:
        yield Row(work=work, ours="", note="cronsim is not installed: pip install -e '.[bench]'")
        return
    where = ZoneInfo(ZONE)
    asked = [(expression, start, start.astimezone(where)) for expression in EXPRESSIONS for start in STARTS]
    for expression, start, local in asked:
        ours = calculate_next_run(expression, ZONE, start)
        assert ours == next(CronSim(expression, local)).astimezone(UTC), expression

    measured = side_by_side(
        max(5, sizes.rounds),
        ours=lambda: seconds_of(lambda: [calculate_next_run(e, ZONE, start) for e, start, _ in asked]),
        cold=lambda: _cold(asked),
        cronsim=lambda: seconds_of(lambda: [next(CronSim(e, local)) for e, _, local in asked]),
    )
    yield Row(
        work=work,
        ours=each(measured.seconds("ours"), len(asked)),
        floor=f"cronsim {each(measured.seconds('cronsim'), len(asked))}",
        ratio=measured.ratio("cronsim", to="ours"),
        target=at_least(1),
        note="cronsim keeps no parsed expressions: its time holds the parsing",
    )
    yield Row(
        work="the same, parsed anew each time",
        ours=each(measured.seconds("cold"), len(asked)),
        floor=f"cronsim {each(measured.seconds('cronsim'), len(asked))}",
        ratio=measured.ratio("cronsim", to="cold"),
    )


def _cold(asked: list[tuple[str, datetime, datetime]]) -> float:
    caches = [kept for kept in vars(cron).values() if isinstance(kept, type(lru_cache(_cold)))]
    assert caches
    seconds = 0.0
    for expression, start, _ in asked:
        for kept in caches:
            kept.cache_clear()
        seconds += seconds_of(lambda e=expression, s=start: calculate_next_run(e, ZONE, s))  # type: ignore[misc]
    return seconds


def _ticks(kind: str, sizes: Sizes, databases: Databases) -> Iterator[Row]:
    many = sizes.schedules
    few = min(_FEW_SCHEDULES, many // 10)
    busy, quiet = many // 10, min(50, few)
    clock, other_clock = FixedClock(_BEGIN), FixedClock(_BEGIN)
    with (
        TriggerEngine(_with_schedules(databases, kind, few, quiet=0, busy=0), clock=other_clock) as small,
        TriggerEngine(_with_schedules(databases, kind, many, quiet=quiet, busy=busy), clock=clock) as large,
    ):
        days = iter(range(sizes.rounds))

        def tick_at(hour: int, expected: int) -> float:
            seconds = seconds_of(
                lambda: started.append(len(large.tick(day + timedelta(hours=hour)).started_execution_ids))
            )
            assert started[-1] == expected
            return seconds

        started: list[int] = []
        none_small, none_large, some, lots = [], [], [], []
        for number in days:
            day = _BEGIN + timedelta(days=number, seconds=30)
            some.append(tick_at(3, quiet))
            lots.append(tick_at(5, busy))
            none_large.append(min(tick_at(6, 0) for _ in range(20)))
            none_small.append(min(seconds_of(lambda: small.tick(day)) for _ in range(20)))  # noqa: B023
    yield from _tick_rows(kind, (none_small, none_large, some, lots), many=many, few=few, quiet=quiet, busy=busy)


def _tick_rows(
    kind: str, seconds: tuple[list[float], ...], *, many: int, few: int, quiet: int, busy: int
) -> Iterator[Row]:
    none_small, none_large, some, lots = (sorted(values)[len(values) // 2] for values in seconds)
    yield Row(
        work=f"a tick with none of {many:,} due, {kind}",
        ours=duration(none_large),
        floor=f"none of {few:,} due {duration(none_small)}",
        ratio=none_large / none_small,
        target=at_most(1.3),
    )
    yield Row(work=f"a tick with {quiet:,} of {many:,} due, {kind}", ours=duration(some), note=per_second(quiet, some))
    yield Row(work=f"a tick with {busy:,} of {many:,} due, {kind}", ours=duration(lots), note=per_second(busy, lots))


def _with_schedules(databases: Databases, kind: str, count: int, *, quiet: int, busy: int) -> str:
    """Schedules of which ``quiet`` fire daily at three, ``busy`` daily at five, and the others in winter."""
    url = databases.filled(kind, [], also=[f"s{n}" for n in range(count // _PER_WORKFLOW + 1)])
    write_rows(url, "workflow_triggers", _SCHEDULE, _schedule_rows(count, quiet=quiet, busy=busy))
    with connected(url) as raw:
        raw.exec_driver_sql("ANALYZE")
    return url


def _schedule_rows(count: int, *, quiet: int, busy: int) -> Iterator[tuple[object, ...]]:
    begin = int(_BEGIN.timestamp())
    winter = int(datetime(2027, 1, 1, 7, tzinfo=UTC).timestamp())
    for number in range(count):
        expression, next_run_at = _IN_WINTER, winter
        if number < quiet:
            expression, next_run_at = _AT_THREE, begin + 3 * 3600
        elif number < quiet + busy:
            expression, next_run_at = _AT_FIVE, begin + 5 * 3600
        yield (
            f"s{number}",
            f"s{number // _PER_WORKFLOW}",
            "scheduled",
            1,
            f"n{number}",
            expression,
            "UTC",
            "latest",
            "engine",
            begin,
            next_run_at,
            1,
            1,
        )
