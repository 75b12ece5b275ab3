"""The local executor: holds executions on this machine, runs them in parallel, reports how each ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar, Final

from flowforge_graph.engine.protocols import ExecutionEnd, ExecutionHost
from flowforge_graph.errors import DispatchError, PermanentDispatchError
from flowforge_graph.executors.local.callables import run_callable
from flowforge_graph.executors.local.commands import CommandExecution, CommandSettings
from flowforge_graph.executors.local.held import Held, StopCause, stopped_end
from flowforge_graph.executors.local.keeper import LeaseKeeper
from flowforge_graph.executors.local.locks import default_state_folder, private_folder
from flowforge_graph.executors.local.workers import Workers
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import CallableNotStopped, EndNotReported, ExecutionBroke
from flowforge_graph.model import CommandRun, Execution, PythonRun, Workflow

DEFAULT_OUTPUT_LIMIT: Final = 65_536
_LEAST_CONCURRENT: Final = 8
_MAX_UNRECORDED: Final = 64
_UNATTACHED: Final = "the local executor is not attached to an engine: give it to one as its executor"


def default_max_concurrent() -> int:
    """One for each processor, at least eight: most commands wait for others (databases, networks) most of the time."""
    return max(_LEAST_CONCURRENT, os.cpu_count() or 1)


class LocalExecutor:
    """Runs commands (without a shell, under a supervisor) and Python callables (in this process), in parallel.

    ``max_concurrent``: how many run at once (default: one for each processor, at least eight). ``output_limit``: bytes
    of a command's output kept, half from its beginning, half from its end. ``timeout_seconds``: for commands whose
    workflow names none. ``grace_seconds``: from TERM to KILL where an execution is stopped. ``state_folder``: where the
    locks of running commands lie; all engines of this user on this machine that share a database must name the same
    one.
    ``monotonic``: the clock that measures durations, timeouts and leases, in seconds.

    An execution that is cancelled before its outcome is known ends as cancelled, whatever its outcome. If its lease is
    lost, it is stopped and not reported. What workflows without a run are to do is left to the host, what Prefect is to
    run to an engine that has Prefect.
    """

    runs: ClassVar[frozenset[str]] = frozenset({"command", "python"})

    def __init__(
        self,
        *,
        max_concurrent: int | None = None,
        output_limit: int = DEFAULT_OUTPUT_LIMIT,
        timeout_seconds: float | None = None,
        grace_seconds: float = 5.0,
        state_folder: str | os.PathLike[str] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if max_concurrent is not None and max_concurrent < 1:
            raise ValueError(f"max_concurrent must be at least 1, not {max_concurrent}")
        if output_limit < 2 or grace_seconds < 0 or (timeout_seconds is not None and timeout_seconds <= 0):
            raise ValueError("output_limit must be at least 2, grace_seconds at least 0 and timeout_seconds above 0")
        self.max_concurrent = max_concurrent or default_max_concurrent()
        self._output_limit = output_limit
        self._timeout_seconds = timeout_seconds
        self._grace_seconds = grace_seconds
        self._state_folder = default_state_folder() if state_folder is None else Path(state_folder)
        self._monotonic = monotonic
        self._host: ExecutionHost | None = None
        self._keeper: LeaseKeeper | None = None
        self._settings: CommandSettings | None = None
        self._workers = Workers("flowforge-execution")
        self._changed = threading.Condition()
        self._held: dict[str, Held] = {}
        self._busy = 0
        self._ended = 0
        self._ended_seen = 0
        self._closed = False

    def attach(self, host: ExecutionHost) -> None:
        """Learn to whom to report; once, by the engine that owns this executor."""
        if self._host is not None:
            raise ValueError("this local executor already belongs to an engine; make one for each engine")
        self._host = host
        self._keeper = LeaseKeeper(host, self._snapshot, monotonic=self._monotonic)

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        """Start ``execution`` in a thread of its own and return None at once.

        Raises DispatchError where it cannot start now (no free slot, its earlier attempt still ends here, closed), and
        PermanentDispatchError where ``workflow`` is not one that runs on this machine.
        """
        keeper = self._the_keeper()
        work = self._work_for(workflow)
        held = self._hold(execution, workflow)
        try:
            keeper.wake()
            self._workers.run(partial(self._run, held, work))
        except RuntimeError as error:
            self._let_go(held, was_busy=True)
            raise DispatchError(f"execution '{execution.id}' cannot start: {error}") from error
        return None

    def free_slots(self) -> int:
        """How many more executions may be started now."""
        with self._changed:
            return self._free()

    def running(self) -> frozenset[str]:
        """The ids of the executions that were started and whose end was not yet recorded with the host."""
        with self._changed:
            return frozenset(self._held)

    def cancel(self, execution_id: str) -> bool:
        """Ask a running execution to stop; False if it does not run here, or its outcome is known already."""
        held = self._held.get(execution_id)
        return held is not None and held.stop("cancel_requested")

    def wait(self, timeout: float | None = None) -> None:
        """Block until any execution has ended since the last call, or nothing runs, or ``timeout`` seconds passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended > self._ended_seen or not self._held, timeout)
            self._ended_seen = self._ended

    def close(self) -> None:
        """Stop what runs and report each as cancelled, reason ``engine_stopped``; return when all commands are gone.

        A callable cannot be stopped: one that still runs after ``grace_seconds`` is reported as cancelled too, and dies
        with this process. Idempotent.
        """
        with self._changed:
            self._closed = True
        for held in self._snapshot():
            held.stop("engine_stopped")
        self._wait_for_callables()
        with self._changed:
            self._changed.wait_for(lambda: not self._held)
        self._workers.close()
        if self._keeper is not None:
            self._keeper.close()

    def _work_for(self, workflow: Workflow) -> Callable[[Held], ExecutionEnd]:
        match workflow.run:
            case CommandRun() as command:
                settings = self._command_settings()
                return lambda held: CommandExecution(held, command, settings).run()
            case PythonRun() as python:
                return lambda held: run_callable(
                    held, python, output_limit=self._output_limit, monotonic=self._monotonic
                )
            case None:
                raise PermanentDispatchError(f"workflow '{workflow.id}' has no run: there is nothing to start")
        raise PermanentDispatchError(f"workflow '{workflow.id}' runs with Prefect, not with the local executor")

    def _command_settings(self) -> CommandSettings:
        if self._settings is None:
            host = self._the_host()
            self._settings = CommandSettings(
                folder_of_locks=private_folder(self._state_folder),
                namespace=host.namespace,
                output_limit=self._output_limit,
                timeout_seconds=self._timeout_seconds,
                grace_seconds=self._grace_seconds,
                lease_seconds=host.lease_seconds,
                monotonic=self._monotonic,
            )
        return self._settings

    def _hold(self, execution: Execution, workflow: Workflow) -> Held:
        held = Held(execution, workflow, renewed_at=self._monotonic())
        with self._changed:
            if self._closed:
                raise DispatchError("the local executor is closed")
            if execution.id in self._held:
                raise DispatchError(f"the earlier attempt of execution '{execution.id}' is still ending")
            if self._free() < 1:
                raise DispatchError(f"the local executor runs {self._busy} executions at once and no more")
            self._held[execution.id] = held
            self._busy += 1
        return held

    def _free(self) -> int:
        """A slot is free as soon as the work is done: while ends wait for the disk others run, and ends share a commit.
        How many ends may wait is limited too."""
        return max(0, min(self.max_concurrent - self._busy, self.max_concurrent + _MAX_UNRECORDED - len(self._held)))

    def _run(self, held: Held, work: Callable[[Held], ExecutionEnd]) -> None:
        try:
            end = work(held)
        except Exception as error:  # noqa: BLE001 - whatever broke here, the execution ends and says so
            log(ExecutionBroke(execution_id=held.id), error=error)
            held.outcome_is_known()
            end = ExecutionEnd(status="failed", error=f"the local executor failed: {type(error).__name__}: {error}")
        with self._changed:
            self._busy -= 1
        self._report(held, end)

    def _report(self, held: Held, end: ExecutionEnd) -> None:
        try:
            if held.take_report():
                self._the_host().ended(held.id, end)
            elif held.is_lost:
                self._the_host().let_go(held.id)
        except Exception as error:  # noqa: BLE001 - nobody is left to tell but the log
            log(EndNotReported(execution_id=held.id), error=error)
        finally:
            self._let_go(held)

    def _let_go(self, held: Held, *, was_busy: bool = False) -> None:
        with self._changed:
            self._busy -= was_busy
            if self._held.get(held.id) is held:
                del self._held[held.id]
            self._ended += 1
            self._changed.notify_all()

    def _wait_for_callables(self) -> None:
        def callables() -> list[Held]:
            return [held for held in self._held.values() if isinstance(held.workflow.run, PythonRun)]

        with self._changed:
            self._changed.wait_for(lambda: not callables(), self._grace_seconds)
            still_running = callables()
        for held in still_running:
            if not held.give_up():
                continue
            log(CallableNotStopped(execution_id=held.id))
            cause: StopCause = held.stop_cause or "engine_stopped"
            self._report(held, stopped_end(cause, output=None, duration_ms=0))

    def _snapshot(self) -> tuple[Held, ...]:
        with self._changed:
            return tuple(self._held.values())

    def _the_host(self) -> ExecutionHost:
        if self._host is None:
            raise DispatchError(_UNATTACHED)
        return self._host

    def _the_keeper(self) -> LeaseKeeper:
        if self._keeper is None:
            raise DispatchError(_UNATTACHED)
        return self._keeper
