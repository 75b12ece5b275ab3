"""No expression within 256 characters costs more than a bounded number of steps, read or asked when it fires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flowforge_graph.errors import InvalidSchedule
from flowforge_graph.schedules import (
    CronExpression,
    fire_times,
    format_cron_description,
    validate_cron_expression,
    zone,
    zones,
)
from flowforge_graph.schedules.cron import MAXIMUM_LENGTH, _parse, _seconds_of_day
from tests.schedules.oracle import BOUNDS
from tests.schedules.strategies import ZONES, cron_texts
from tests.support.steps import lines_run_by

# In lines of Python. The most that was met: 47,001 to read, 251 to describe, 137,044 to look 40 years ahead.
MOST_STEPS_TO_READ = 60_000
MOST_STEPS_TO_DESCRIBE = 2_000
MOST_STEPS_TO_FIND = 180_000


def longest_list(field: str, item: str) -> str:
    """An expression at the limit of length: as many items in one field's list as there is room for, ``*`` elsewhere."""
    fields = dict.fromkeys(BOUNDS, "*")
    room = MAXIMUM_LENGTH - len(" ".join(fields.values())) + 1
    fields[field] = ",".join([item] * ((room + 1) // (len(item) + 1)))
    return " ".join(fields.values())


LONGEST = [
    longest_list(field, item)
    for field, (low, high) in BOUNDS.items()
    for item in ("*", "*/1", str(high), f"{low}-{high}", f"{low}-{high}/1")
]
RARE = [
    "0 0 29 2 *",
    "0 0 29 2 */7",
    "* * 29 2 */7",
    "*/59 */23 29 2 */6",
    "0 0 29 FEB */7",
    "59 23 29 2 *,1",
    "0 0 31 12 */7",
    "0 0 */31 2 */7",
    "0-59 0-23 29 2 */7",
]
STARTS = [datetime(year, 3, 1, tzinfo=UTC) for year in (1, 1895, 1999, 2026, 2072, 2095, 9950, 9999)]


def steps_of(work: Callable[[], object]) -> int:
    """The steps of some work in a process that has just begun."""
    for remembering in (_parse, _seconds_of_day, zones._stretches_of_window):
        remembering.cache_clear()
    return lines_run_by(work)


@pytest.mark.parametrize("text", LONGEST)
def test_the_longest_lists_are_read_in_bounded_steps(text: str) -> None:
    """64 times all of a field's values are no more than its values."""
    assert MAXIMUM_LENGTH - 6 <= len(text) <= MAXIMUM_LENGTH
    assert steps_of(lambda: CronExpression.parse(text)) < MOST_STEPS_TO_READ
    assert lines_run_by(lambda: format_cron_description(text)) < MOST_STEPS_TO_DESCRIBE
    assert len(CronExpression.parse(text).seconds_of_day) <= 1_440


@pytest.mark.parametrize(
    "text", [f"{'0,' * 126}0 * * * *", "0" * 257, "0" * 10_000_000, "0 " * 5_000_000, "," * 1_000_000]
)
def test_what_is_longer_is_not_read_at_all(text: str) -> None:
    """The length is looked at first."""

    assert steps_of(lambda: validate_cron_expression(text)) < 100
    accepted, sentence = validate_cron_expression(text)
    assert not accepted
    assert "at most 256 are accepted" in str(sentence)


@pytest.mark.parametrize("start", STARTS, ids=lambda start: str(start.year))
@pytest.mark.parametrize("text", RARE)
def test_what_fires_seldom_is_found_in_bounded_steps(text: str, start: datetime) -> None:
    """A leap day on a Sunday may be 40 years away: months are walked, and windows of 24 days, never minutes."""
    for name in ("UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"):
        fires = fire_times(CronExpression.parse(text), zone(name), start)
        assert steps_of(partial(next, fires, None)) < MOST_STEPS_TO_FIND, name


@pytest.mark.parametrize("text", ["* * * * *", "0-59 0-23 * * *", "0 0 * * *", "*/7 */5 */3 * *"])
def test_a_thousand_runs_cost_a_thousand_small_steps(text: str) -> None:
    """The largest preview: a few dozen lines a run, whatever lies between."""
    where = zone("America/New_York")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    steps = steps_of(lambda: list(islice(fire_times(CronExpression.parse(text), where, start), 1_000)))
    assert steps < MOST_STEPS_TO_READ + 1_000 * 60


@given(text=cron_texts(), name=st.sampled_from(ZONES), year=st.integers(1, 9999))
def test_any_expression_is_found_or_refused_in_bounded_steps(text: str, name: str, year: int) -> None:
    """Random expressions of the grammar, in any zone, from any year."""
    assume(len(text) <= MAXIMUM_LENGTH)
    start = datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=36)

    def ask() -> None:
        try:
            next(fire_times(CronExpression.parse(text), zone(name), start), None)
        except InvalidSchedule as error:
            assert "can never fire" in str(error)

    assert steps_of(ask) < MOST_STEPS_TO_READ + MOST_STEPS_TO_FIND
