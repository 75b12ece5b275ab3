"""What a person sees while cascades run, on stderr: plain lines, or a table on a terminal that follows them."""

from __future__ import annotations

import heapq
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from flowforge_graph.cli.cascades import Change
from flowforge_graph.cli.exits import say
from flowforge_graph.cli.output import STATUS_STYLES, console_on, is_terminal, styled
from flowforge_graph.cli.text import count, countdown, duration, instant, shown, time_of_day
from flowforge_graph.cli.wording import why_ended, why_started
from flowforge_graph.model import Execution

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

# The head and the foot of the live table, the note of what does not fit, and the line of the cursor.
_LINES_BESIDE_ROWS: Final = 5
_LONGEST_ERROR: Final = 200
_STOPPING: Final = "stopping; Ctrl-C again does not wait for it"


class Progress(Protocol):
    """Follows executions."""

    def show(
        self, changes: Sequence[Change], executions: Sequence[Execution], now: datetime, *, stopping: bool
    ) -> None:
        """Show what changed, and what all known executions look like at ``now``. ``stopping``: they are cancelled."""


def progress_on_stderr() -> AbstractContextManager[Progress]:
    """A live table where stderr is a terminal, plain lines elsewhere."""
    return _LiveTable() if is_terminal(sys.stderr) else nullcontext(PlainLines())


class PlainLines:
    """One line for each thing that happens: ``12:00:01Z started silver (attempt 1)``."""

    def __init__(self) -> None:
        self._said_that_it_stops = False

    def show(
        self, changes: Sequence[Change], executions: Sequence[Execution], now: datetime, *, stopping: bool
    ) -> None:
        """Print a line for each start, end and wait, and one when what runs is told to stop."""
        if stopping and not self._said_that_it_stops:
            self._said_that_it_stops = True
            say(f"{time_of_day(now)} {_STOPPING}")
        for change in changes:
            for line in change_lines(change, now):
                say(shown(line))


def change_lines(change: Change, now: datetime) -> list[str]:
    """What happened to one execution since it was last seen, each thing on a line with the time of it."""
    execution, before = change.now, change.before
    lines = []
    if execution.started_at and (before is None or before.attempt < execution.attempt):
        lines.append(
            f"{time_of_day(execution.started_at)} started {execution.workflow_id} (attempt {execution.attempt})"
        )
    if execution.ended_at:
        lines.append(f"{time_of_day(execution.ended_at)} {_end(execution)}")
    elif _begins_to_wait(before, execution, now):
        why = execution.error or why_started(execution)
        until = instant(execution.available_at)
        lines.append(f"{time_of_day(now)} waiting for {until} to start {execution.workflow_id}: {why}")
    return lines


def _begins_to_wait(before: Execution | None, execution: Execution, now: datetime) -> bool:
    if execution.status != "pending" or execution.available_at <= now:
        return False
    return before is None or before.available_at != execution.available_at


def _end(execution: Execution) -> str:
    took = f" after {duration(execution.duration_ms)}" if execution.duration_ms is not None else ""
    causes = [cause for cause in (why_ended(execution), execution.error) if cause]
    why = f": {'; '.join(causes)[:_LONGEST_ERROR]}" if causes and execution.status != "completed" else ""
    return f"{execution.status} {execution.workflow_id}{took}{why}"


class _LiveTable(AbstractContextManager["_LiveTable"]):
    """The executions as rows that fit the terminal: what runs and waits, and what has ended most recently."""

    def __init__(self) -> None:
        from rich.live import Live

        self._console = console_on(sys.stderr)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> _LiveTable:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(
        self, changes: Sequence[Change], executions: Sequence[Execution], now: datetime, *, stopping: bool
    ) -> None:
        """Draw the table anew."""
        room = max(3, self._console.height - _LINES_BESIDE_ROWS)
        self._live.update(live_view(executions, now, rows=room, stopping=stopping), refresh=True)


def live_view(executions: Sequence[Execution], now: datetime, *, rows: int, stopping: bool) -> RenderableType:
    """The table of at most ``rows`` executions, and a line that counts all."""
    from rich.console import Group
    from rich.text import Text

    visible = rows_that_fit(executions, rows)
    hidden = len(executions) - len(visible)
    more = [Text(f"… and {count(hidden, 'execution')} more", style="dim")] if hidden else []
    return Group(_table(visible, now), *more, Text(_foot(executions, stopping=stopping), style="bold"))


def rows_that_fit(executions: Sequence[Execution], limit: int) -> list[Execution]:
    """At most ``limit`` executions, in their order: the running ones first, then what waits, then what ended last."""
    urgency = {"running": 0, "pending": 1}
    most_urgent = heapq.nsmallest(limit, executions, key=lambda e: (urgency.get(e.status, 2), _recency(e)))
    chosen = {execution.id for execution in most_urgent}
    return [execution for execution in executions if execution.id in chosen]


def _recency(execution: Execution) -> float:
    return -execution.ended_at.timestamp() if execution.ended_at else execution.available_at.timestamp()


def _table(executions: Sequence[Execution], now: datetime) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    rows = [(e.workflow_id, e.status, _time(e, now), why_started(e)) for e in executions]
    for number, column in enumerate(("WORKFLOW", "STATUS", "TIME", "WHY")):
        # In a narrow terminal names give way first: how far it is, is what people look for.
        whole = max((len(row[number]) for row in rows), default=0) if column in {"STATUS", "TIME"} else None
        table.add_column(column, no_wrap=True, overflow="ellipsis", min_width=whole)
    for row in rows:
        table.add_row(*map(styled, row))
    return table


def _time(execution: Execution, now: datetime) -> str:
    if execution.has_ended:
        return duration(execution.duration_ms)
    if execution.status == "running" and execution.started_at:
        attempt = f", attempt {execution.attempt}" if execution.attempt > 1 else ""
        return f"{_seconds_since(execution.started_at, now)}{attempt}"
    wait = execution.available_at - now
    return f"in {countdown(wait)}" if wait > timedelta() else "next"


def _seconds_since(start: datetime, now: datetime) -> str:
    seconds = max(timedelta(), now - start) // timedelta(seconds=1)
    return f"{seconds} s" if seconds < 60 else duration(seconds * 1_000)


def _foot(executions: Sequence[Execution], *, stopping: bool) -> str:
    counts: Counter[str] = Counter(execution.status for execution in executions)
    parts = [f"{counts[status]} {status}" for status in STATUS_STYLES if counts[status]]
    hint = _STOPPING if stopping else "Ctrl-C cancels"
    return f"{' · '.join(parts)}  ({hint})"
