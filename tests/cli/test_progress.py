"""What is said while cascades run, and what fits on the screen?"""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from flowforge_graph.cli.cascades import Change
from flowforge_graph.cli.progress import PlainLines, change_lines, live_view, rows_that_fit
from flowforge_graph.model import Execution

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def execution(number: int = 1, **fields: Any) -> Execution:
    """An execution of the workflow ``w<number>``, created now."""
    return Execution(
        **{
            "seq": number,
            "id": f"e{number}",
            "workflow_id": f"w{number}",
            "workflow_name": f"w{number}",
            "status": "pending",
            "root_execution_id": "e1",
            "created_at": NOW,
            "run_after": NOW,
            "available_at": NOW,
            **fields,
        }
    )


def running(number: int = 1, **fields: Any) -> Execution:
    """One that was started now."""
    return execution(number, **{"status": "running", "started_at": NOW, "attempt": 1, **fields})


def ended(number: int = 1, status: str = "completed", **fields: Any) -> Execution:
    """One that ended two seconds after its start."""
    later = NOW + timedelta(seconds=2)
    return running(number, **{"status": status, "ended_at": later, "duration_ms": 2_000, **fields})


def lines(before: Execution | None, now: Execution) -> list[str]:
    """What is said of a change."""
    return change_lines(Change(before=before, now=now), NOW)


def test_that_it_stops_is_said_once_without_a_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever pressed Ctrl-C behind a pipe hears that it was heard."""
    plain = PlainLines()
    for stopping in (False, True, True):
        plain.show([], [running()], NOW, stopping=stopping)
    assert capsys.readouterr().err == "12:00:00Z stopping; Ctrl-C again does not wait for it\n"


def test_starts_and_ends_are_said_once() -> None:
    """Each when it happens, with the time at which it happened."""
    assert lines(None, execution()) == []
    assert lines(execution(), running()) == ["12:00:00Z started w1 (attempt 1)"]
    assert lines(running(), running(cancel_requested_at=NOW)) == []
    assert lines(running(), ended()) == ["12:00:02Z completed w1 after 2.0 s"]


def test_what_started_and_ended_between_two_looks_is_said_whole() -> None:
    """A short execution is never missing from the record."""
    assert lines(None, ended()) == ["12:00:00Z started w1 (attempt 1)", "12:00:02Z completed w1 after 2.0 s"]


def test_a_second_attempt_is_a_start_of_its_own() -> None:
    """Attempts are counted aloud."""
    assert lines(running(), running(attempt=2)) == ["12:00:00Z started w1 (attempt 2)"]


def test_a_delay_is_said_when_it_begins() -> None:
    """Until when, and why; once."""
    later = NOW + timedelta(minutes=5)
    fields = {"trigger_type": "dependency", "dependency_condition": "on_success", "upstream_workflow_id": "w0"}
    waiting = execution(available_at=later, delay_minutes=5, **fields)
    sentence = "12:00:00Z waiting for 2026-01-01T12:05:00Z to start w1: on_success of w0, 5 minutes later"
    assert lines(None, waiting) == [sentence]
    assert lines(waiting, waiting.evolve(cancel_requested_at=NOW)) == []


def test_a_failed_dispatch_says_what_went_wrong_and_when_it_is_tried_again() -> None:
    """The error stands instead of the rule."""
    again = execution(available_at=NOW + timedelta(seconds=2), error="no free slot", dispatch_failures=1)
    assert lines(execution(), again) == ["12:00:00Z waiting for 2026-01-01T12:00:02Z to start w1: no free slot"]


def test_a_failure_says_why() -> None:
    """The engine's reason and the executor's error; a very long one is cut."""
    assert lines(running(), ended(status="failed", error="exit code 1")) == [
        "12:00:02Z failed w1 after 2.0 s: exit code 1"
    ]
    lost = ended(status="failed", reason="lost", error="x" * 1_000)
    (line,) = lines(running(), lost)
    assert line.startswith("12:00:02Z failed w1 after 2.0 s: its process was lost")
    assert len(line) < 300


def test_a_cancelled_wait_says_why() -> None:
    """It never started, so no time is told."""
    cancelled = execution(status="cancelled", ended_at=NOW, reason="trigger_disabled")
    assert lines(execution(), cancelled) == ["12:00:00Z cancelled w1: its trigger was disabled while it waited"]


def test_what_runs_stays_visible_when_not_all_fits() -> None:
    """First what runs, then what waits, then what has ended last; in the order of creation."""
    early, late = ended(1), ended(2, ended_at=NOW + timedelta(seconds=9))
    waits, runs = execution(3), running(4)
    assert rows_that_fit([early, late, waits, runs], 4) == [early, late, waits, runs]
    assert rows_that_fit([early, late, waits, runs], 3) == [late, waits, runs]
    assert rows_that_fit([early, late, waits, runs], 1) == [runs]


def drawn(executions: list[Execution], rows: int, *, stopping: bool = False) -> list[str]:
    """The live view as lines of a terminal of 60 columns."""
    console = Console(file=io.StringIO(), width=60, color_system=None)
    console.print(live_view(executions, NOW + timedelta(seconds=7), rows=rows, stopping=stopping))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_live_view_shows_times_and_counts() -> None:
    """Elapsed seconds of what runs, a countdown of what waits, the duration of what has ended."""
    waiting = execution(3, available_at=NOW + timedelta(seconds=67))
    assert drawn([ended(1), running(2, attempt=2), waiting], rows=9) == [
        "WORKFLOW  STATUS     TIME            WHY",
        "w1        completed  2.0 s           by hand",
        "w2        running    7 s, attempt 2  by hand",
        "w3        pending    in 1 min 00 s   by hand",
        "1 completed · 1 running · 1 pending  (Ctrl-C cancels)",
    ]


def test_the_live_view_never_outgrows_the_terminal() -> None:
    """What does not fit is counted, and a long id is cut on the screen (never in the summary)."""
    many = [running(n, workflow_id="[red]" + "x" * 190) for n in range(1, 30)]
    view = drawn(many, rows=3, stopping=True)
    assert len(view) == 1 + 3 + 2
    assert all(len(line) <= 60 for line in view)
    assert view[1].startswith("[red]xxx")
    assert view[-2:] == ["… and 26 executions more", "29 running  (stopping; Ctrl-C again does not wait for it)"]
