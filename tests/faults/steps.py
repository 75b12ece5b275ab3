"""Named points of death: a process kills itself with SIGKILL before its n-th step, without touching production code.

A step is a statement that writes or locks, a COMMIT and the instant after it, and an executor's start and the instant
after it. What lies between two steps leaves no trace behind: Python, and statements that only read (which are steps as
well in the long form).
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from flowforge_graph.model import Execution, Workflow
from tests.faults.forms import LONG
from tests.faults.ledgers import note_start


class _Countdown:
    """How many steps are left to live; None: for ever."""

    def __init__(self) -> None:
        self.left: int | None = None

    def step(self) -> None:
        if self.left is None:
            return
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


_countdown = _Countdown()
step = _countdown.step


def die_before(number: int) -> None:
    """Kill this process before its step of this number, counting from now."""
    _watch_the_database()
    _countdown.left = number


def live() -> None:
    """Count no more."""
    _countdown.left = None


def _watch_the_database() -> None:
    event.listen(Engine, "before_cursor_execute", _before_statement)
    event.listen(Engine, "after_cursor_execute", _after_statement)
    commit = PGDialect_psycopg.do_commit

    def watched(dialect: PGDialect_psycopg, connection: Any) -> None:
        step()
        commit(dialect, connection)
        step()

    PGDialect_psycopg.do_commit = watched  # type: ignore[method-assign]


def _before_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    only_reads = statement.startswith(("SELECT", "PRAGMA")) and "FOR UPDATE" not in statement
    if LONG or not only_reads:
        step()


def _after_statement(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if statement == "COMMIT":
        step()


class LedgerExecutor:
    """Writes each start into a file that is on the disk before the start is answered."""

    def __init__(self, ledger: str | Path) -> None:
        self._ledger = ledger

    def start(self, execution: Execution, workflow: Workflow) -> str:
        """Note the execution, its attempt and its cause."""
        step()
        note_start(self._ledger, execution)
        step()
        return f"{workflow.id}/{execution.id}/{execution.attempt}"
