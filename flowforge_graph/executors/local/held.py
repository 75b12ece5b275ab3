"""One execution while this process holds it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from flowforge_graph.engine.protocols import ExecutionEnd
from flowforge_graph.model import Execution, Workflow

StopCause = Literal["cancel_requested", "engine_stopped", "timeout"]


class Held:
    """An execution, whether it was told to stop and why, and whether its end still is ours to report.

    The first cause of a stop stands. Once the outcome is known nothing can stop it any more: a completion that arrives
    first stands.
    """

    def __init__(self, execution: Execution, workflow: Workflow, *, renewed_at: float) -> None:
        self.execution = execution
        self.workflow = workflow
        self.renewed_at = renewed_at
        self.stopping = threading.Event()
        self.stop_cause: StopCause | None = None
        self._lock = threading.Lock()
        self._may_report = True
        self._is_lost = False
        self._outcome_is_known = False
        self._tell: Callable[[], None] | None = None

    @property
    def id(self) -> str:
        """The id of the execution."""
        return self.execution.id

    @property
    def is_lost(self) -> bool:
        """Whether the lease was lost before the outcome was known."""
        return self._is_lost

    def stop(self, cause: StopCause) -> bool:
        """Ask it to stop; False where the outcome is known already."""
        with self._lock:
            if self._outcome_is_known:
                return False
            if self.stop_cause is None:
                self.stop_cause = cause
        self._pass_on()
        return True

    def lose(self) -> None:
        """The lease is lost: stop without a word. An outcome that is known already is reported; the claim fences it."""
        with self._lock:
            if self._outcome_is_known:
                return
            self._is_lost, self._may_report = True, False
        self._pass_on()

    def when_stopping(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` once it is to stop, at once if that has been said already."""
        self._tell = tell
        if self.stopping.is_set():
            tell()

    def outcome_is_known(self) -> StopCause | None:
        """From now on nothing can stop it; return what did before."""
        with self._lock:
            self._outcome_is_known = True
            return self.stop_cause

    def give_up(self) -> bool:
        """Take it as stopped although it still runs; False where the outcome is known already."""
        with self._lock:
            gives_up, self._outcome_is_known = not self._outcome_is_known, True
            return gives_up

    def take_report(self) -> bool:
        """Whether the caller is the one to report the end: true once, and never after the lease was lost."""
        with self._lock:
            may_report, self._may_report = self._may_report, False
            return may_report

    def _pass_on(self) -> None:
        self.stopping.set()
        if self._tell is not None:
            self._tell()


def stopped_end(cause: StopCause, *, output: str | None, duration_ms: int) -> ExecutionEnd:
    """The end of an execution that was stopped for ``cause``, a timeout excepted."""
    return ExecutionEnd(status="cancelled", reason=cause, output=output, duration_ms=duration_ms)
