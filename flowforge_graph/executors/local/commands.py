"""Runs one command to its end and says how it ended."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flowforge_graph.engine.protocols import ExecutionEnd
from flowforge_graph.errors import shown
from flowforge_graph.executors.local.environment import environment_of, with_our_python
from flowforge_graph.executors.local.held import Held, stopped_end
from flowforge_graph.executors.local.locks import ExecutionLock
from flowforge_graph.executors.local.output import KeptOutput
from flowforge_graph.executors.local.supervised import SupervisedCommand
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import AttemptWaits
from flowforge_graph.model import CommandRun

_LOOK_SECONDS: Final = 0.5
_LOCK_POLL_SECONDS: Final = 0.05
_POLLS_BEFORE_A_WARNING: Final = 200
_PARAMETERS: Final = b"FLOWFORGE_PARAMETERS"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSettings:
    """What all commands of one executor share. ``monotonic`` gives seconds."""

    folder_of_locks: Path
    namespace: str
    output_limit: int
    timeout_seconds: float | None
    grace_seconds: float
    lease_seconds: float
    monotonic: Callable[[], float]


class CommandExecution:
    """One command of one held execution, run by one thread."""

    def __init__(self, held: Held, run: CommandRun, settings: CommandSettings) -> None:
        self._held = held
        self._settings = settings
        self._command = with_our_python(run.command)
        self._timeout = run.timeout_seconds or settings.timeout_seconds
        self._kept = KeptOutput(settings.output_limit)
        self._began = settings.monotonic()

    def run(self) -> ExecutionEnd:
        """Wait for an earlier attempt on this machine to be gone, then run the command to its end."""
        try:
            lock = self._wait_for_lock()
        except OSError as error:
            return self._failed(f"the lock of the execution cannot be taken: {error.strerror}")
        if lock is None:
            return self._end_of(None)
        try:
            return self._run_locked(lock)
        finally:
            lock.release()

    def _wait_for_lock(self) -> ExecutionLock | None:
        """The lock; None where the execution was stopped before.

        Waiting here, with the lease renewed, costs no attempt and no failed dispatch; it is short, because the earlier
        attempt's supervisor is ending it.
        """
        settings, polls = self._settings, 0
        while not self._held.stopping.wait(_LOCK_POLL_SECONDS if polls else 0):
            lock = ExecutionLock.try_acquire(
                settings.folder_of_locks, namespace=settings.namespace, execution_id=self._held.id
            )
            if lock is not None:
                return lock
            self._lose_an_old_lease()
            polls += 1
            if polls == _POLLS_BEFORE_A_WARNING:
                log(AttemptWaits(execution_id=self._held.id))
        return None

    def _run_locked(self, lock: ExecutionLock) -> ExecutionEnd:
        folder = self._held.workflow.run_folder or os.getcwd()
        environment = environment_of(self._held.execution, os.environb)
        if not os.path.isdir(folder):
            return self._failed(f"the folder {folder!r} of workflow '{self._held.workflow.id}' does not exist")
        self._began = self._settings.monotonic()
        try:
            command = SupervisedCommand.start(
                self._command,
                folder=folder,
                environment=environment,
                lock=lock.descriptor,
                grace_seconds=self._settings.grace_seconds,
                kept=self._kept,
            )
        except OSError as error:
            return self._failed(self._refusal(error.errno or errno.EIO, environment))
        self._held.when_stopping(command.stop)
        command.watch(every_seconds=_LOOK_SECONDS, look=lambda: self._look_at(command))
        if command.refusal is not None:
            return self._failed(self._refusal(command.refusal, environment))
        return self._end_of(command.returncode)

    def _look_at(self, command: SupervisedCommand) -> None:
        if command.returncode is not None:
            self._held.outcome_is_known()
            return
        if self._timeout is not None and self._settings.monotonic() - self._began >= self._timeout:
            self._held.stop("timeout")
        self._lose_an_old_lease()

    def _lose_an_old_lease(self) -> None:
        """Another process may believe the lease to be lost by now, even while our renewal hangs in the database."""
        if self._settings.monotonic() - self._held.renewed_at > self._settings.lease_seconds:
            self._held.lose()

    def _end_of(self, returncode: int | None) -> ExecutionEnd:
        cause = self._held.outcome_is_known()
        if cause == "timeout":
            return self._failed(f"the command was stopped after its timeout of {self._timeout} seconds", cause)
        if cause is not None:
            return stopped_end(cause, output=self._kept.text(), duration_ms=self._duration_ms())
        if returncode == 0:
            return ExecutionEnd(status="completed", output=self._kept.text(), duration_ms=self._duration_ms())
        return self._failed(self._why(returncode))

    def _why(self, returncode: int | None) -> str:
        if returncode is None:
            return "the supervisor of the command was killed, and the command with it"
        if returncode < 0:
            return f"the command was ended by signal {_signal_name(-returncode)}{self._last_words()}"
        return f"the command ended with exit code {returncode}{self._last_words()}"

    def _last_words(self) -> str:
        lines = self._kept.text().split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"; its last line was {shown(last)}" if last else ""

    def _refusal(self, number: int, environment: Mapping[bytes, bytes]) -> str:
        program = shown(self._command[0])
        match number:
            case errno.ENOENT if "/" in self._command[0]:
                return f"the program {program} does not exist, or the interpreter that its first line names does not"
            case errno.ENOENT:
                return f"there is no program {program} on the PATH"
            case errno.EACCES:
                return f"the program {program} cannot be run: it is not executable, or not a file"
            case errno.ENOEXEC:
                return f"the program {program} is not one that this machine can run; a script's first line must be '#!'"
            case errno.E2BIG:
                return _too_big(environment)
        return f"the program {program} could not be started: {os.strerror(number)}"

    def _failed(self, error: str, reason: str | None = None) -> ExecutionEnd:
        output = self._kept.text()
        return ExecutionEnd(status="failed", error=error, reason=reason, output=output, duration_ms=self._duration_ms())

    def _duration_ms(self) -> int:
        return round((self._settings.monotonic() - self._began) * 1000)


def _too_big(environment: Mapping[bytes, bytes]) -> str:
    size = len(environment[_PARAMETERS])
    if size == max(map(len, environment.values())):
        return (
            f"the parameters are too large for an environment variable ({_PARAMETERS.decode()} would have {size:,} "
            "bytes): put them in a file and pass its name"
        )
    return "the command's arguments and environment are larger than this system allows"


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({number})"
    except ValueError:
        return str(number)
