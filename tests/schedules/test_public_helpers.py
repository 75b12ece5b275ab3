"""The cron helpers that FlowForge's other services import, and the preview: contract section 3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytz

from flowforge_graph.errors import InvalidSchedule, InvalidTime
from flowforge_graph.schedules import (
    SchedulePreview,
    calculate_next_run,
    calculate_next_runs,
    get_next_run_timestamp,
    preview_schedule,
    validate_cron_expression,
)

START = datetime(2024, 1, 20, 4, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")


def test_next_runs_are_datetimes_of_the_asked_zone() -> None:
    """02:00 in New York, which is 07:00 in UTC; five by default."""
    runs = calculate_next_runs("0 2 * * *", "America/New_York", start=START)
    assert runs == [datetime(2024, 1, day, 7, tzinfo=UTC) for day in (20, 21, 22, 23, 24)]
    assert [(run.hour, run.tzinfo) for run in runs] == [(2, NEW_YORK)] * 5


def test_zones_of_pytz_are_taken_by_their_name() -> None:
    """The answer is in zoneinfo's zone all the same."""
    (run,) = calculate_next_runs("0 2 * * *", pytz.timezone("America/New_York"), 1, START)
    assert run.tzinfo is ZoneInfo("America/New_York")


def test_the_second_pass_of_an_overlap_is_told_apart() -> None:
    """01:30 is shown twice on 1 November 2026: the second has fold 1 and is an hour later."""
    first, second = calculate_next_runs("30 */1 1 11 *", NEW_YORK, 2, datetime(2026, 11, 1, 5, 15, tzinfo=UTC))
    assert (first.hour, first.fold, second.hour, second.fold) == (1, 0, 1, 1)
    assert second.timestamp() - first.timestamp() == 3600


def test_one_next_run_and_its_unix_seconds_are_the_same_instant() -> None:
    """The timestamp is an int."""
    run = calculate_next_run("0 0 * * *", "America/New_York", START)
    stamp = get_next_run_timestamp("0 0 * * *", "America/New_York", START)
    assert stamp == 1705726800 == int(run.timestamp())
    assert type(stamp) is int


def test_without_a_start_the_runs_come_after_now() -> None:
    """Helpers for services that have no engine, hence no clock of their own to give."""
    before = datetime.now(UTC)
    runs = calculate_next_runs("* * * * *", count=2)
    assert before < runs[0] <= datetime.now(UTC) + timedelta(minutes=1)
    assert runs[1] - runs[0] == timedelta(minutes=1)
    assert before < calculate_next_run("* * * * *")
    assert before.timestamp() < get_next_run_timestamp("* * * * *")


@pytest.mark.parametrize("count", [0, -1, 1001, 2.0, "5", True, None])
def test_a_count_outside_one_to_a_thousand_is_refused(count: Any) -> None:
    """Nothing is coerced; the sentence shows the value."""
    with pytest.raises(InvalidSchedule, match="count"):
        calculate_next_runs("* * * * *", "UTC", count, START)


def test_a_thousand_runs_are_answered() -> None:
    """The maximum itself is accepted."""
    assert len(calculate_next_runs("* * * * *", "UTC", 1000, START)) == 1000


@pytest.mark.parametrize("helper", [calculate_next_runs, calculate_next_run, get_next_run_timestamp])
def test_a_naive_start_is_refused(helper: Any) -> None:
    """Rule 22: nobody has to guess which zone was meant."""
    with pytest.raises(InvalidTime, match="start must be a datetime with a time zone"):
        helper("* * * * *", "UTC", start=datetime(2026, 1, 1))


@pytest.mark.parametrize("helper", [calculate_next_runs, calculate_next_run, get_next_run_timestamp])
@pytest.mark.parametrize(("expr", "zone_name"), [("0 0 30 2 *", "UTC"), ("0 0 * * *", "localtime"), (None, "UTC")])
def test_what_is_refused_elsewhere_is_refused_here(helper: Any, expr: Any, zone_name: str) -> None:
    """With the same error, which is a ValueError too."""
    with pytest.raises(InvalidSchedule) as refusal:
        helper(expr, zone_name, start=START)
    assert isinstance(refusal.value, ValueError)


def test_a_schedule_that_does_not_run_again_has_no_next_run() -> None:
    """The list is empty, the single run is refused with a sentence."""
    end = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    assert calculate_next_runs("* * * * *", "UTC", 5, end) == []
    with pytest.raises(InvalidSchedule, match="does not run again"):
        calculate_next_run("* * * * *", "UTC", end)


def test_a_valid_expression_has_no_error() -> None:
    """The pair that the helper's callers unpack."""
    assert validate_cron_expression("0 2 * * *") == (True, None)
    valid, error = validate_cron_expression("0 25 * * *")
    assert (valid, error) == (False, "cron expression '0 25 * * *': hour: '25' is not within 0-23")


def test_an_object_with_a_broken_repr_is_only_invalid() -> None:
    """Validation never raises, whatever it is given."""

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    assert validate_cron_expression(Broken()) == (False, "a cron expression must be text, not <Broken>")


def test_a_preview_carries_what_clients_show() -> None:
    """Next runs in the asked zone, the expression, the zone's name and the sentence."""
    preview = preview_schedule(" 0  2 * * * ", "America/New_York", 2, START)
    assert preview == SchedulePreview(
        next_runs=(datetime(2024, 1, 20, 7, tzinfo=UTC), datetime(2024, 1, 21, 7, tzinfo=UTC)),
        cron_expression="0 2 * * *",
        timezone="America/New_York",
        description="Daily at 2:00 AM",
    )
