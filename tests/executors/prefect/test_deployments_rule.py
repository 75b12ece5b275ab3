"""What we say of Prefect's rule is what its server really schedules, and where it differs from ours is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from flowforge_graph import calculate_next_runs
from flowforge_graph.executors.prefect.schedules import prefect_fire_times
from flowforge_graph.executors.prefect.server import PrefectServer
from flowforge_graph.schedules import CronExpression
from tests.executors.prefect.deployed import Deployed, start_of

_NEW_YORK = ZoneInfo("America/New_York")
_VERSION = tuple(int(number) for number in version("prefect").split(".")[:2])
# What Prefect makes of 02:30 on the night that has none.
_IN_THE_GAP = "03:30" if _VERSION >= (3, 9) else "01:30"


def _next_change(*, forward: bool) -> datetime:
    """The last midnight in New York before the clocks change next, but not today."""
    day = datetime.now(UTC).astimezone(_NEW_YORK).replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(370):
        day += timedelta(days=1)
        change = (day + timedelta(days=1)).utcoffset(), day.utcoffset()
        if change[0] != change[1] and (change[0] > change[1]) is forward:  # type: ignore[operator]
            return day
    raise AssertionError("New York changes its clocks no more")


@pytest.fixture
def deployed(prefect: PrefectServer) -> Iterator[Deployed]:
    """A workflow on a deployment of its own."""
    made = Deployed(prefect)
    with made.engine:
        yield made


def test_a_preview_of_prefects_is_what_its_server_schedules(deployed: Deployed) -> None:
    """In a gap, in an overlap, where day and weekday meet, and on ordinary days."""
    gap, overlap = _next_change(forward=True), _next_change(forward=False)
    crons = [
        f"30 1-3 {gap.day} {gap.month} *",
        f"0,30 2 {gap.day} {gap.month} *",
        f"30 * {overlap.day} {overlap.month} *",
        f"15 0-2 {overlap.day} {overlap.month} *",
        "0 0 */2 * 1",
        "0 0 13 * 5",
        "30 2 * * *",
        "@weekly",
    ]
    now = datetime.now(UTC)
    triggers = [deployed.trigger(cron, schedule_owner="prefect") for cron in crons]
    for trigger in triggers:
        runs = deployed.scheduled_runs(deployed.whole(trigger).id)
        preview = deployed.engine.preview_trigger(trigger.id, count=len(runs), start=now)
        assert len(runs) >= 2
        assert [start_of(run) for run in runs] == list(preview.next_runs), trigger.cron_expression


def test_a_sync_names_what_differs_and_why(deployed: Deployed) -> None:
    """The night the clocks go forward has no 02:30: we take 03:00, Prefect does not; hourly, it skips an hour."""
    nightly = deployed.engine.sync_deployment(deployed.trigger("30 2 * * *").id)
    gap = _next_change(forward=True)
    named = [d for d in nightly.differences if d.at.astimezone(_NEW_YORK).date() == gap.date()]
    assert {(d.only, f"{d.at.astimezone(_NEW_YORK):%H:%M}", d.reason) for d in named} == {
        ("engine", "03:00", "gap"),
        ("prefect", _IN_THE_GAP, "gap"),
    }
    assert nightly.difference_count == len(nightly.differences)
    hourly = deployed.engine.sync_deployment(deployed.trigger("0 * * * *").id)
    assert {(d.only, d.reason) for d in hourly.differences} == {("engine", "overlap")}
    assert deployed.engine.sync_deployment(deployed.trigger("0 12 * * *").id).differences == ()


def test_day_and_weekday_never_differ(deployed: Deployed) -> None:
    """Prefect is told how to combine them: left to itself, it would take */2 for an alternative."""
    for cron in ("0 0 */2 * 1", "0 0 13 * 5", "0 0 1-31/2 * */2", "0 0 * * 7", "0 0 1,15 */3 mon-fri"):
        assert deployed.engine.sync_deployment(deployed.trigger(cron, "UTC").id).difference_count == 0, cron


def test_a_preview_of_the_engines_is_ours(deployed: Deployed) -> None:
    """The owner's own rule: 03:00, not 03:30. And the next run of what Prefect owns is not told by our rule."""
    gap = _next_change(forward=True)
    trigger = deployed.trigger("30 2 * * *")
    ours = calculate_next_runs("30 2 * * *", _NEW_YORK, count=1, start=gap)
    assert list(deployed.engine.preview_trigger(trigger.id, count=1, start=gap).next_runs) == ours
    moved = deployed.engine.update_trigger(trigger.id, schedule_owner="prefect")
    theirs = list(islice(prefect_fire_times(CronExpression.parse("30 2 * * *"), _NEW_YORK, gap), 1))
    assert list(deployed.engine.preview_trigger(trigger.id, count=1, start=gap).next_runs) == theirs != ours
    assert (trigger.next_run_at is None, moved.next_run_at) == (False, None)  # type: ignore[union-attr]
