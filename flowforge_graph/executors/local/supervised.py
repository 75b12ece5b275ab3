"""The engine's side of one supervised command: its three pipes and its life."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from flowforge_graph.executors.local.inheritance import STARTING, close_private, keep_private
from flowforge_graph.executors.local.output import KeptOutput

_SUPERVISOR: Final = str(Path(__file__).with_name("supervisor.py"))
_CHUNK: Final = 1 << 16
_MAX_DRAINED: Final = 1 << 20  # more than a pipe can hold by default
SHORT_GRACE_SECONDS: Final = 1.0


class SupervisedCommand:
    """A command that runs under its supervisor, from :meth:`start` to the end of :meth:`watch`.

    ``refusal`` is the error number where the command could not be started, ``returncode`` what it ended with (negative:
    a signal). Both None after the watch: the supervisor itself was killed.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], *, control: int, status: int, output: int, kept: KeptOutput
    ) -> None:
        self._process = process
        self._control: int | None = control
        self._control_lock = threading.Lock()
        self._status = status
        self._output = output
        self._kept = kept
        self._news = b""
        self._group: int | None = None
        self.refusal: int | None = None
        self.returncode: int | None = None

    @classmethod
    def start(
        cls,
        command: tuple[str, ...],
        *,
        folder: str,
        environment: Mapping[bytes, bytes],
        lock: int,
        grace_seconds: float,
        kept: KeptOutput,
    ) -> SupervisedCommand:
        """Start the supervisor, which starts ``command`` in ``folder``; both inherit the descriptor ``lock``.

        Raises OSError where the supervisor cannot be started.
        """
        with STARTING, ExitStack() as theirs, ExitStack() as ours:
            control_reader, control = _pipe(theirs, ours)
            status_writer, status = _pipe(theirs, ours, we_read=True)
            output_writer, output = _pipe(theirs, ours, we_read=True)
            process = subprocess.Popen(
                [*_supervisor(status_writer, grace_seconds), *(word.encode() for word in command)],
                cwd=folder,
                env=environment,
                stdin=control_reader,
                stdout=output_writer,
                stderr=output_writer,
                pass_fds=(status_writer, lock),
                start_new_session=True,
            )
            ours.pop_all()
        os.set_blocking(output, False)
        return cls(process, control=control, status=status, output=output, kept=kept)

    def stop(self) -> None:
        """Ask the supervisor to end the command: TERM, then KILL. From any thread, any number of times."""
        with self._control_lock:
            if self._control is not None:
                with suppress(BrokenPipeError):
                    os.write(self._control, b"S")

    def watch(self, *, every_seconds: float, look: Callable[[], None]) -> None:
        """Read output and news until nothing of the command is left; call ``look`` at least ``every_seconds``."""
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._output, selectors.EVENT_READ, self._read_output)
                selector.register(self._status, selectors.EVENT_READ, self._read_news)
                self._watch(selector, every_seconds, look)
            self._drain()
        finally:
            self._close()

    def _watch(self, selector: selectors.BaseSelector, every_seconds: float, look: Callable[[], None]) -> None:
        while True:
            for key, _ in selector.select(every_seconds):
                if key.data():
                    continue
                if key.fd == self._status:
                    return
                selector.unregister(key.fd)
            look()

    def _read_output(self) -> bool:
        """Keep one chunk; False at the end of the output."""
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return True
        self._kept.add(chunk)
        return bool(chunk)

    def _read_news(self) -> bool:
        """Take what the supervisor says; False once it has ended, and with it the command."""
        news = os.read(self._status, _CHUNK)
        *lines, self._news = (self._news + news).split(b"\n")
        for line in lines:
            self._hear(line.decode().split())
        return bool(news)

    def _hear(self, words: list[str]) -> None:
        match words:
            case ["started", number]:
                self._group = int(number)
            case ["refused", number]:
                self.refusal, self._group = int(number), None
            case ["ended", number]:
                self.returncode = int(number)
            case ["gone"]:
                self._group = None

    def _drain(self) -> None:
        """Read what is left in the pipe, and no more: a process that escaped may hold its other end for ever."""
        left = _MAX_DRAINED
        with suppress(BlockingIOError):
            while left > 0 and (chunk := os.read(self._output, _CHUNK)):
                self._kept.add(chunk)
                left -= len(chunk)

    def _close(self) -> None:
        with self._control_lock:
            if self._control is not None:
                close_private(self._control)
            self._control = None
        self._process.wait()
        close_private(self._status)
        close_private(self._output)
        if self._group is not None:  # the supervisor was killed before it had ended everything
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)


def _pipe(theirs: ExitStack, ours: ExitStack, *, we_read: bool = False) -> tuple[int, int]:
    """A pipe as (the supervisor's end, our end); the stacks close them."""
    reader, writer = os.pipe()
    their_end, our_end = (writer, reader) if we_read else (reader, writer)
    theirs.callback(os.close, their_end)
    ours.callback(close_private, keep_private(our_end))
    return their_end, our_end


def _supervisor(status: int, grace_seconds: float) -> list[str]:
    short = min(SHORT_GRACE_SECONDS, grace_seconds)
    return [sys.executable, "-I", "-S", _SUPERVISOR, str(status), str(grace_seconds), str(short)]
