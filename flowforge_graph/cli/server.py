"""The loop of ``serve``: tick, dispatch, wait; whatever happens to the database, the loop goes on."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from flowforge_graph.cli.api_server import ApiOptions, ApiServer
from flowforge_graph.cli.exits import ExitCode, Refusal, say, without_password
from flowforge_graph.cli.interrupts import Interrupts
from flowforge_graph.cli.logs import show_as_json, show_more, show_servers_errors
from flowforge_graph.cli.prefect import PREFECT_VARIABLE, connected_prefect
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import count, duration, instant, shown
from flowforge_graph.cli.wording import why_started
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.engine.clock import SystemClock
from flowforge_graph.engine.protocols import Clock, HoldingExecutor
from flowforge_graph.errors import DatabaseError, ExecutionNotFound
from flowforge_graph.executors.local import LocalExecutor
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import ServeNotice, ServeTrouble
from flowforge_graph.model import Execution

if TYPE_CHECKING:
    from flowforge_graph.cli.prefect_side import PrefectSide
    from flowforge_graph.engine.protocols import Deployments
    from flowforge_graph.executors.prefect.server import PrefectServer

# The longest between two looks at schedules, at what others completed, and at signals.
_STEP_SECONDS: Final = 0.5
_LONGEST_BACKOFF_SECONDS: Final = 30.0
_LONGEST_TURN_SECONDS: Final = 60.0


def serve_until_stopped(
    session: Session, *, api: ApiOptions | None, prefect_api: str | None, grace_seconds: float, as_json: bool
) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code. ``as_json``: log each fact as a JSON object."""
    if as_json:
        show_as_json()
    show_more(logging.INFO if as_json else logging.WARNING)
    show_servers_errors()
    executor, clock = LocalExecutor(), SystemClock()
    with (
        Interrupts() as interrupts,
        _prefect(prefect_api) as prefect,
        session.engine(executor, may_create=True, deployments=_deployments(prefect)) as engine,
    ):
        server = Server(engine, executor, clock, interrupts, as_json=as_json)
        with _api(engine, api, server.hindrance) as listening, _prefect_side(engine, prefect, session, server) as side:
            where = f", API on {listening.url}" if listening else ""
            there = f", Prefect at {prefect.api_url}" if prefect else ""
            server.log(f"serving {without_password(shown(session.database))}{where}{there}; Ctrl-C stops")
            parts = {"the API": listening, "the part that serves Prefect": side}
            server.serve(goes_on=lambda: _ended_by_itself(parts) is None)
            ended = _ended_by_itself(parts)
            if side is not None:
                side.stop_starting()
            # Flows that run elsewhere still tell of their ends meanwhile.
            server.wait_for_what_runs(grace_seconds)
            if ended is not None:
                raise Refusal(f"{ended} has ended by itself: start again", ExitCode.FAILED)
    server.log("stopped")
    return ExitCode.INTERRUPTED if interrupts.received == signal.SIGINT else ExitCode.OK


class _Part(Protocol):
    @property
    def is_alive(self) -> bool: ...


def _ended_by_itself(parts: Mapping[str, _Part | None]) -> str | None:
    return next((name for name, part in parts.items() if part is not None and not part.is_alive), None)


@contextmanager
def _prefect(api_url: str | None) -> Iterator[PrefectServer | None]:
    """The Prefect that is named, by option or environment; None where none is."""
    if api_url is None and not os.environ.get(PREFECT_VARIABLE):
        yield None
        return
    with connected_prefect(api_url) as server:
        yield server


def _deployments(server: PrefectServer | None) -> Deployments | None:
    if server is None:
        return None
    from flowforge_graph.executors.prefect.deployments import PrefectDeployments

    return PrefectDeployments(server)


@contextmanager
def _prefect_side(
    engine: TriggerEngine, prefect: PrefectServer | None, session: Session, server: Server
) -> Iterator[PrefectSide | None]:
    if prefect is None:
        yield None
        return
    from flowforge_graph.cli.prefect_side import PrefectSide

    with PrefectSide(engine, prefect, session.accepted_url, server.log_of_prefect) as side:
        yield side


@contextmanager
def _api(
    engine: TriggerEngine, options: ApiOptions | None, hindrance: Callable[[], str | None]
) -> Iterator[ApiServer | None]:
    """The API while the block runs; none without options."""
    if options is None:
        yield None
        return
    with ApiServer(engine, options, hindrance) as server:
        yield server


class Server:
    """Starts what is due, in a loop. ``as_json``: every line is a fact, and what runs is left to the engine's own."""

    def __init__(
        self,
        engine: TriggerEngine,
        executor: HoldingExecutor,
        clock: Clock,
        interrupts: Interrupts,
        *,
        as_json: bool = False,
    ) -> None:
        self._engine = engine
        self._executor = executor
        self._clock = clock
        self._interrupts = interrupts
        self._as_json = as_json
        self._running: frozenset[str] = frozenset()
        self._faults = 0
        self._last_turn = clock.monotonic()

    def hindrance(self) -> str | None:
        """Why this process does not do its work now: it stops, or its loop has not come round for very long."""
        if self._interrupts:
            return "the server is stopping"
        is_late = self._clock.monotonic() - self._last_turn > _LONGEST_TURN_SECONDS
        return "no sign of life from the scheduler and dispatcher" if is_late else None

    def log(self, message: str) -> None:
        """One line with the time, on stderr."""
        if self._as_json:
            log(ServeNotice(notice=message))
        else:
            say(f"{instant(self._clock.now())} {shown(message)}")

    def log_of_prefect(self, message: str) -> None:
        """One line of what happens on Prefect; left to the facts where they are the log."""
        if not self._as_json:
            self.log(message)

    def serve(self, *, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Tick and dispatch until a signal comes, or ``goes_on`` says that it has no use any more."""
        while not self._interrupts and goes_on():
            self._last_turn = self._clock.monotonic()
            try:
                self._turn()
                self._faults = 0
            except DatabaseError as error:
                self._back_off(error)

    def wait_for_what_runs(self, grace_seconds: float) -> None:
        """Start nothing more, and let what runs go on for at most ``grace_seconds``."""
        deadline = self._clock.monotonic() + grace_seconds
        running = self._executor.running()
        if running:
            self.log(f"stopping: waiting for {count(len(running), 'execution')} (a second signal does not wait)")
        while self._executor.running() and self._clock.monotonic() < deadline:
            self._executor.wait(timeout=min(_STEP_SECONDS, max(0.0, deadline - self._clock.monotonic())))
            self._log_what_changed()
        if left := self._executor.running():
            self.log(f"stopping what still runs: {count(len(left), 'execution')}")

    def _turn(self) -> None:
        self._engine.tick()
        self._engine.dispatch_due()
        self._log_what_changed()
        self._wait()
        self._log_what_changed()

    def _wait(self) -> None:
        """Until this process has work again; schedules, other processes and signals are looked for after a step."""
        self._engine.wait(_STEP_SECONDS)

    def _log_what_changed(self) -> None:
        running = self._executor.running()
        if not self._as_json:
            self._log_each(running - self._running, "started")
            self._log_each(self._running - running, "ended")
        self._running = running

    def _log_each(self, execution_ids: Collection[str], happened: str) -> None:
        for execution_id in sorted(execution_ids):
            try:
                self.log(_event(self._engine.get_execution(execution_id), happened))
            except (DatabaseError, ExecutionNotFound):
                self.log(f"{happened}: execution {execution_id}")

    def _back_off(self, error: DatabaseError) -> None:
        self._faults += 1
        seconds = min(2.0 ** min(self._faults - 1, 10), _LONGEST_BACKOFF_SECONDS)
        trouble = ServeTrouble(retry_seconds=round(seconds), error=without_password(str(error)))
        if self._as_json:
            log(trouble)
        else:
            self.log(trouble.sentence % trouble.fields())
        deadline = self._clock.monotonic() + seconds
        while not self._interrupts and self._clock.monotonic() < deadline:
            threading.Event().wait(_STEP_SECONDS)


def _event(execution: Execution, happened: str) -> str:
    if happened == "started":
        return f"started {execution.workflow_id} ({why_started(execution)}), execution {execution.id}"
    why = f": {execution.error}" if execution.error else ""
    took = duration(execution.duration_ms)
    return f"{execution.status} {execution.workflow_id} after {took}, execution {execution.id}{why}"
