"""Real processes that tests play with: each runs one function after another in its main thread, and can be killed.

They come from a fork server: a process of its own that imports everything once and has neither threads nor a database
open, so that a process costs milliseconds and is still a clean one. An action is a function of
:mod:`tests.faults.actions`; its answer, or what it raised, comes back over a pipe.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.faults.forms import so_many

ROOT = Path(__file__).parents[2]
# Longer than anything takes: who waits so long hangs.
HANG_SECONDS = float(so_many(short=200, long=3_600))
# The last word of an action that may be killed before it comes to its end.
SURVIVED = "survived"

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "psycopg", "flowforge_graph.executors", "tests.faults.actions"])


@dataclass(frozen=True)
class Raised:
    """What an action raised instead of answering."""

    error: BaseException


class Worker:
    """One process. ``barrier`` lets the actions of several workers begin a step at the same instant."""

    def __init__(self, barrier: Any = None) -> None:
        self._pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_serve, args=(theirs, barrier), daemon=True)
        with _importable_from_the_root():
            self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    def ask(self, action: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
        """Let the process run an action; :meth:`answer` waits for its end."""
        self._pipe.send((action, arguments, keywords))

    def answer(self) -> Any:
        """What the action asked last answers or tells. Raises what it raised, EOFError if it was killed."""
        assert self._pipe.poll(HANG_SECONDS), f"process {self.pid} hangs"
        answer = self._receive()
        if isinstance(answer, Raised):
            raise answer.error
        return answer

    def call(self, action: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Run an action and wait for its answer."""
        self.ask(action, *arguments, **keywords)
        return self.answer()

    def words(self) -> Iterator[Any]:
        """What it answers or tells until it was killed, or came to the end of the action."""
        while True:
            try:
                word = self.answer()
            except EOFError:
                return
            yield word
            if word == SURVIVED:
                return

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self._process.kill()
        self.join()

    def join(self) -> int | None:
        """Wait until the process is gone, and answer its exit code: minus the signal that killed it."""
        self._process.join(HANG_SECONDS)
        assert not self._process.is_alive(), f"process {self.pid} does not end"
        return self._process.exitcode

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._process.is_alive():
            self.kill()
        self._pipe.close()

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except ConnectionResetError:
            raise EOFError from None


@contextmanager
def workers(count: int) -> Iterator[list[Worker]]:
    """So many processes with a common barrier; they are gone in the end."""
    barrier = CONTEXT.Barrier(count)
    crew = [Worker(barrier) for _ in range(count)]
    try:
        yield crew
    finally:
        for worker in crew:
            worker.close()


def all_call(crew: Sequence[Worker], action: Callable[..., Any], *arguments: Any, **keywords: Any) -> list[Any]:
    """Let every worker run the action at once, and wait for all answers."""
    for worker in crew:
        worker.ask(action, *arguments, **keywords)
    return [worker.answer() for worker in crew]


def each_calls(crew: Sequence[Worker], action: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
    """As :func:`all_call`, each with its own arguments."""
    for worker, own in zip(crew, arguments, strict=True):
        worker.ask(action, *own)
    return [worker.answer() for worker in crew]


@contextmanager
def _importable_from_the_root() -> Iterator[None]:
    """The fork server, started with the first process, finds this package wherever the tests are started from."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _serve(pipe: Connection, barrier: Any) -> None:
    from tests.faults import actions

    signal.signal(signal.SIGINT, signal.default_int_handler)
    actions.begin(pipe, barrier)
    while True:
        try:
            action, arguments, keywords = pipe.recv()
        except EOFError:
            return
        try:
            answer = action(*arguments, **keywords)
        except BaseException as error:
            answer = Raised(error)
        pipe.send(answer)
