"""Does the loop of ``serve`` go on whatever the database answers?"""

from __future__ import annotations

import os
import signal
from typing import Any, cast

import pytest

from flowforge_graph.cli.interrupts import Interrupts
from flowforge_graph.cli.server import Server
from flowforge_graph.engine import HoldingExecutor, SystemClock, TriggerEngine
from flowforge_graph.errors import DatabaseError
from flowforge_graph.model import TickResult


class FlakyEngine:
    """Fails at its first tick, and is told to stop at its third."""

    def __init__(self) -> None:
        self.ticks = 0
        self.dispatches = 0

    def tick(self) -> TickResult:
        self.ticks += 1
        if self.ticks == 1:
            raise DatabaseError("the database postgresql://ann:s3cret@host/db answered: gone\x1b[2J")
        if self.ticks == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return TickResult()

    def dispatch_due(self) -> int:
        self.dispatches += 1
        return 0

    def wait(self, timeout: float | None) -> None:
        """Nothing happens here that is worth a wait."""


class IdleExecutor:
    """Runs nothing."""

    def running(self) -> frozenset[str]:
        return frozenset()


def test_a_database_fault_is_logged_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    """The loop waits, ticks again, and stops only by a signal; the log shows neither passwords nor escapes."""
    engine = FlakyEngine()
    with Interrupts() as interrupts:
        server = Server(
            cast(TriggerEngine, engine), cast(HoldingExecutor, cast(Any, IdleExecutor())), SystemClock(), interrupts
        )
        server.serve()
        server.wait_for_what_runs(60)
    log = capsys.readouterr().err
    assert (engine.ticks, engine.dispatches) == (3, 2)
    assert interrupts.received == signal.SIGTERM
    assert (
        "database trouble, trying again in 1 s: the database postgresql://ann:***@host/db answered: gone\\x1b[2J" in log
    )


def test_signals_are_handled_as_before_afterwards() -> None:
    """Handlers are given back."""
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts
    assert signal.getsignal(signal.SIGINT) is before
