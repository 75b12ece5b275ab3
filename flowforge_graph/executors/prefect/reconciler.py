"""The reconciler: what Prefect says of ends, asked for again and again, so that none is missed.

Hooks are fast and run at most once; a process killed in one, or an engine that was down, loses them. The list of flow
runs by their end is durable, and read here from a durable cursor. Whoever else tells of the same end, it counts once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import CompletionConflict, DatabaseError
from flowforge_graph.executors.prefect.executor import cancel
from flowforge_graph.executors.prefect.flow_runs import end_of, ends_of, status_of
from flowforge_graph.executors.prefect.mapping import MappedWorkflows
from flowforge_graph.executors.prefect.queries import beating_since, ended_since, runs_by_id, server_time, states_of
from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer, as_uuid
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import FlowRunMissing, FlowRunSilent, PrefectBack, PrefectNotReconciled
from flowforge_graph.model import CompletionResult, EndStatus, Execution, ExternalEnd

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

CURSOR: Final = "prefect"
FIRST_CURSOR: Final = "prefect.first"
# An end: the run, how often it was started, and how it ended.
_Key = tuple[str, int, EndStatus | None]
_RUNS_AT_ONCE: Final = 200
_LONGEST_BACKOFF_SECONDS: Final = 30.0


@dataclass(kw_only=True, slots=True)
class Reconciliation:
    """What one round saw.

    ``ends``: ends that this process had not told of before; ``conflicts``: those that contradict what is recorded;
    ``cancels``: cancels that were passed on. ``silent``: executions whose flow runs have given no heartbeat for long;
    ``missing``: executions whose flow runs Prefect does not have. Both go on running by our account.
    """

    ends: int = 0
    conflicts: int = 0
    cancels: int = 0
    silent: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class PrefectReconciler:
    """Brings the ends of flow runs into the engine: those that we started, and those of the workflows' deployments.

    Args:
        engine: where the ends are recorded; what they trigger starts there.
        server: the connection to Prefect.
        overlap_seconds: how far before the cursor each round looks again: for ends that become visible late, and for
            servers whose clocks differ.
        sweep_seconds: how often all that runs by our account is looked up, whenever it ended.
        silent_after_seconds: after how long without a heartbeat a running flow run is reported. It stays running:
            Prefect's own automation can mark it as crashed, which then counts as failed.
        monotonic: the clock that spaces the sweeps, in seconds.

    Call :meth:`reconcile` in a loop of your own, or :meth:`run_until` in a thread. Several processes may do so at once.
    """

    def __init__(
        self,
        engine: TriggerEngine,
        server: PrefectServer,
        *,
        overlap_seconds: float = 30.0,
        sweep_seconds: float = 30.0,
        silent_after_seconds: float = 300.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._server = server
        self._overlap = timedelta(seconds=overlap_seconds)
        self._sweep_seconds = sweep_seconds
        self._monotonic = monotonic
        self._sweeps_at = monotonic()
        self._ends = _Ends(engine, server)
        self._running = _Running(engine, server, silent_after=timedelta(seconds=silent_after_seconds))

    def reconcile(self) -> Reconciliation:
        """One round: record what has ended, pass cancels on, and now and then look up all that runs.

        Raises PrefectFault and DatabaseError; the next round then begins where this one did.
        """
        done = Reconciliation()
        now = server_time(self._server)
        self._follow(now, done)
        done.cancels = self._running.pass_cancels_on()
        if self._monotonic() >= self._sweeps_at:
            self._ends.tell(self._running.sweep(now, done), done)
            self._sweeps_at = self._monotonic() + self._sweep_seconds
        return done

    def run_until(self, stop: threading.Event, *, every_seconds: float = 1.0) -> None:
        """Reconcile about every ``every_seconds`` until ``stop`` is set; while Prefect or the database is away, ask
        less and less often, and log it."""
        faults = 0
        while not stop.is_set():
            wait = every_seconds
            try:
                self.reconcile()
                if faults:
                    log(PrefectBack(times=faults))
                faults = 0
            except (PrefectFault, DatabaseError) as error:
                faults += 1
                wait = min(every_seconds * 2.0 ** min(faults, 10), _LONGEST_BACKOFF_SECONDS)
                log(PrefectNotReconciled(retry_seconds=round(wait, 1), error=str(error)))
            stop.wait(wait)

    def _follow(self, now: datetime, done: Reconciliation) -> None:
        """Record what ended since the cursor, and move it to the last end seen: in Prefect's time, never in ours."""
        cursor, first = self._engine.get_cursor(CURSOR), self._engine.get_cursor(FIRST_CURSOR)
        if cursor is None or first is None:
            self._engine.advance_cursor(FIRST_CURSOR, now)
            self._engine.advance_cursor(CURSOR, now)
            cursor = first = now
        since = _where_to_begin(cursor, first, now, self._overlap)
        runs = ended_since(self._server, since)
        self._ends.tell(runs, done, forget_before=since)
        if runs and (last := runs[-1].end_time) is not None and last > cursor:
            self._engine.advance_cursor(CURSOR, last)


def _where_to_begin(cursor: datetime, first: datetime, now: datetime, overlap: timedelta) -> datetime:
    """The earliest end to look for. What ended before anybody followed is history, the overlap included.

    Of a server whose clock was set back, the ends of today lie before the cursor, and perhaps before the first one.
    """
    since = min(cursor, now) - overlap
    return max(since, first) if first <= now else since


class _Ends:
    """Tells the engine of ends, each once by this process: the rounds overlap."""

    def __init__(self, engine: TriggerEngine, server: PrefectServer) -> None:
        self._engine = engine
        self._server = server
        self._workflows = MappedWorkflows(engine, server)
        self._told: dict[_Key, datetime | None] = {}

    def tell(self, runs: Iterable[FlowRun], done: Reconciliation, *, forget_before: datetime | None = None) -> None:
        """Tell of these runs' ends, in their order. Raises PrefectFault and DatabaseError; then tell them again."""
        new = [run for run in runs if (str(run.id), run.run_count, status_of(run.state)) not in self._told]
        if new:
            self._workflows.forget()
            ends = [end for run in new for end in self._ends_of(run) if (*end.key, end.status) not in self._told]
            answers = self._engine.record_external_ends(ends)
            done.ends += sum(isinstance(answer, CompletionResult) for answer in answers)
            done.conflicts += sum(isinstance(answer, CompletionConflict) for answer in answers)
            end_times = {str(run.id): run.end_time for run in new}
            self._told.update(((*end.key, end.status), end_times[end.external_id]) for end in ends)
            self._told.update(((str(run.id), run.run_count, status_of(run.state)), run.end_time) for run in new)
        if forget_before is not None:
            self._told = {
                key: end_time for key, end_time in self._told.items() if end_time is None or end_time >= forget_before
            }

    def _ends_of(self, run: FlowRun) -> list[ExternalEnd]:
        workflow_id = self._workflows.workflow_of(run)
        if workflow_id is None:
            return []
        if run.run_count > 1:
            return ends_of(run, states_of(self._server, run), workflow_id)
        end = end_of(run, workflow_id)
        return [] if end is None else [end]


class _Running:
    """What runs by our account, and what Prefect says of it."""

    def __init__(self, engine: TriggerEngine, server: PrefectServer, *, silent_after: timedelta) -> None:
        self._engine = engine
        self._server = server
        self._silent_after = silent_after
        self._asked_to_stop: set[str] = set()
        self._reported: set[str] = set()

    def pass_cancels_on(self) -> int:
        """Ask Prefect to cancel what we were asked to cancel, each once; count them."""
        asked = self._engine.list_running_elsewhere(cancel_requested=True, limit=_RUNS_AT_ONCE)
        wanted = {execution.id: execution for execution in asked}
        self._asked_to_stop &= wanted.keys()
        new = [execution for execution in wanted.values() if execution.id not in self._asked_to_stop]
        for execution in new:
            self._pass_on(execution)
            self._asked_to_stop.add(execution.id)
        return len(new)

    def sweep(self, now: datetime, done: Reconciliation) -> list[FlowRun]:
        """The runs that have ended though we think that they run; report those that are silent or missing."""
        ended: list[FlowRun] = []
        running: dict[str, Execution] = {}
        missing: list[Execution] = []
        for page in self._in_pages():
            found = runs_by_id(self._server, [execution.external_id or "" for execution in page])
            for execution in page:
                run = found.get(execution.external_id or "")
                if run is None:
                    missing += [execution] if as_uuid(execution.external_id) else []
                elif status_of(run.state) is not None:
                    ended.append(run)
                elif _has_run_long(run, now - self._silent_after):
                    running[str(run.id)] = execution
        silent = self._silent(running, now)
        self._report(missing, silent)
        done.missing = tuple(execution.id for execution in missing)
        done.silent = tuple(execution.id for execution in silent)
        return ended

    def _pass_on(self, execution: Execution) -> None:
        if cancel(self._server, execution.external_id or ""):
            return
        try:
            # Nothing runs there that could be cancelled, nor will.
            self._engine.complete(execution.id, "cancelled")
        except CompletionConflict:
            # It ended meanwhile, and that stands.
            return

    def _silent(self, running: dict[str, Execution], now: datetime) -> list[Execution]:
        beating = beating_since(self._server, running.keys(), now - self._silent_after) if running else set()
        return [execution for run_id, execution in running.items() if run_id not in beating]

    def _report(self, missing: Sequence[Execution], silent: Sequence[Execution]) -> None:
        for execution in missing:
            if execution.id not in self._reported:
                log(FlowRunMissing(execution_id=execution.id, flow_run_id=execution.external_id or ""))
        for execution in silent:
            if execution.id not in self._reported:
                log(
                    FlowRunSilent(
                        execution_id=execution.id,
                        flow_run_id=execution.external_id or "",
                        silent_seconds=round(self._silent_after.total_seconds()),
                    )
                )
        self._reported = {execution.id for execution in (*missing, *silent)}

    def _in_pages(self) -> Iterable[list[Execution]]:
        after = 0
        while page := self._engine.list_running_elsewhere(after_seq=after, limit=_RUNS_AT_ONCE):
            yield page
            after = page[-1].seq


def _has_run_long(run: FlowRun, since: datetime) -> bool:
    state = run.state
    return state is not None and state.type.value == "RUNNING" and state.timestamp < since
