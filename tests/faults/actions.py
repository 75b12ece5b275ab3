"""What a worker process can be asked to do. State is global: a process has one engine, one pipe and one barrier."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import Pool, event

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import CycleError, FlowforgeGraphError
from flowforge_graph.executors import LocalExecutor
from flowforge_graph.model import DependencyTrigger
from flowforge_graph.testing import FixedClock
from tests.faults import steps
from tests.faults.scenarios import SCENARIOS
from tests.faults.workers import HANG_SECONDS, SURVIVED


class _This:
    """This process."""

    pipe: Connection
    barrier: Any
    engine: TriggerEngine
    executor: LocalExecutor


this = _This()


def begin(pipe: Connection, barrier: Any) -> None:
    """Called once, before the first action."""
    this.pipe, this.barrier = pipe, barrier


def tell(word: Any) -> None:
    """Answer something before the action's end."""
    this.pipe.send(word)


def together() -> None:
    """Wait for the other workers."""
    this.barrier.wait(HANG_SECONDS)


def open_engine(url: str, *, rollback_journal: bool = False, **keywords: Any) -> None:
    """Open this process's engine; ``rollback_journal``: as with a SQLite that lacks the WAL-reset fix."""
    if rollback_journal:
        from flowforge_graph.storage import sqlite

        sqlite.wal_is_safe = lambda _: False
    this.engine = TriggerEngine(url, **keywords)


def limit_pages_while(flag: str) -> None:
    """As long as there is a file ``flag``, no SQLite database may grow beyond the size that it has."""

    @event.listens_for(Pool, "checkout")
    def limit(connection: Any, *_: object) -> None:
        pages = 1 if os.path.exists(flag) else 2**32 - 2
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()


def open_together(url: str, *, rollback_journal: bool = False) -> str:
    """Open an engine at the same instant as the other workers, and make a workflow of its own."""
    together()
    open_engine(url, rollback_journal=rollback_journal)
    this.engine.create_workflow(f"of-{os.getpid()}")
    this.engine.close()
    return f"of-{os.getpid()}"


def with_engine(method: str, *arguments: Any, **keywords: Any) -> Any:
    """Call a method of the engine."""
    return getattr(this.engine, method)(*arguments, **keywords)


def depend(downstream: str, upstream: str) -> tuple[str, ...] | None:
    """Add a dependency; None where it was stored, the chain where it was refused."""
    try:
        this.engine.create_trigger(DependencyTrigger(workflow_id=downstream, depends_on_workflow_id=upstream))
    except CycleError as error:
        return error.chain
    return None


def race_edges(edges: Sequence[tuple[str, str]]) -> list[tuple[str, ...] | None]:
    """Add (upstream, downstream) after (upstream, downstream), each at the same instant as the others' next one."""
    outcomes = []
    for upstream, downstream in edges:
        together()
        outcomes.append(depend(downstream, upstream))
    return outcomes


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What ``work(0)``, ``work(1)``, … answer or raise when they run at once."""
    answers: list[Any] = [None] * count
    begins = threading.Barrier(count)

    def run(number: int) -> None:
        begins.wait(HANG_SECONDS)
        try:
            answers[number] = work(number)
        except BaseException as error:
            answers[number] = error

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
        assert not thread.is_alive(), "a thread hangs"
    return answers


def complete_at_once(execution_ids: Sequence[str], statuses: Sequence[str], **keywords: Any) -> list[list[Any]]:
    """Complete each execution from as many threads as there are statuses, with one status each."""
    answers = []
    for execution_id in execution_ids:
        together()

        def complete(number: int, execution_id: str = execution_id) -> Any:
            return this.engine.complete(execution_id, statuses[number], **keywords)

        answers.append(in_threads(len(statuses), complete))
    return answers


def report_at_once(words: Mapping[str, Sequence[str]], *, workflow_id: str) -> dict[str, list[Any]]:
    """Tell of each execution from as many threads as it has words: a status that it ended with, or ``start``."""
    answers = {}
    for execution_id, own in words.items():
        together()

        def report(number: int, execution_id: str = execution_id, own: Sequence[str] = own) -> Any:
            if own[number] == "start":
                return this.engine.start(workflow_id, execution_id=execution_id)
            return this.engine.complete(execution_id, own[number], workflow_id=workflow_id)

        answers[execution_id] = in_threads(len(own), report)
    return answers


def complete_batches(execution_ids: Sequence[str], *, size: int, rounds: int, seed: int) -> dict[str, list[Any]]:
    """Complete all executions in shuffled batches, again and again; answer what each was answered, by its id."""
    chance = random.Random(seed)
    answers: dict[str, list[Any]] = {execution_id: [] for execution_id in execution_ids}
    for _ in range(rounds):
        together()
        shuffled = chance.sample(list(execution_ids), len(execution_ids))
        for start in range(0, len(shuffled), size):
            batch = shuffled[start : start + size]
            items = [{"execution_id": one, "status": "completed", "workflow_id": "w"} for one in batch]
            for one, answer in zip(batch, this.engine.complete_many(items), strict=True):
                answers[one].append(answer)
    return answers


def start_many(workflow_id: str, count: int) -> float:
    """Start a workflow so often, one transaction each, without pause; answer the longest wait for one, in seconds.

    The ids of the executions begin with the id of this process.
    """
    together()
    longest = 0.0
    for _ in range(count):
        began = time.monotonic()
        this.engine.start(workflow_id, execution_id=f"{os.getpid()}-{uuid.uuid4().hex}")
        longest = max(longest, time.monotonic() - began)
    return longest


def outcome_of(work: Callable[[], Any]) -> Any:
    """What ``work`` answers, or the error of ours that it raises."""
    try:
        return work()
    except FlowforgeGraphError as error:
        return error


def live_until(number: int, url: str, now: datetime, ledger: str, scenario: str) -> str:
    """Play a scenario, killed before the step of this number if there are so many."""
    clock = FixedClock(now)
    open_engine(url, clock=clock, executor=steps.LedgerExecutor(ledger))
    steps.die_before(number)
    SCENARIOS[scenario](str(number)).act(this.engine, clock, tell)
    steps.live()
    return SURVIVED


def die_in(number: int, method: str, *arguments: Any, **keywords: Any) -> str:
    """Call a method of the engine, killed before the step of this number if there are so many."""
    steps.die_before(number)
    with_engine(method, *arguments, **keywords)
    steps.live()
    return SURVIVED


def open_dispatcher(url: str, state_folder: str, *, max_concurrent: int | None = None, **keywords: Any) -> None:
    """Open an engine that runs commands; another ``state_folder`` stands for another machine."""
    this.executor = LocalExecutor(state_folder=state_folder, grace_seconds=0.3, max_concurrent=max_concurrent)
    open_engine(url, executor=this.executor, **keywords)


def dispatch_until(stop: str) -> int:
    """Dispatch whatever is due or lost until there is a file ``stop``; answer how many were started."""
    started = 0
    while not os.path.exists(stop):
        started += this.engine.dispatch_due()
        this.engine.wait(0.05)
    this.engine.close()
    return started


def dispatch_and_wait() -> int:
    """Dispatch once, and wait until nothing of it runs here any more; answer how many were started."""
    started = this.engine.dispatch_due()
    # The renewals and the ends alone use the database now.
    while this.executor.running():
        time.sleep(0.02)
    return started


def dispatch_and_freeze(freeze: str) -> int:
    """As :func:`dispatch_and_wait`; SIGSTOP this process between two transactions once there is a file ``freeze``.

    After SIGCONT it goes on as before.
    """

    @event.listens_for(Pool, "checkin")
    def stop_between_transactions(*_: object) -> None:
        if os.path.exists(freeze):
            os.unlink(freeze)
            os.kill(os.getpid(), signal.SIGSTOP)

    return dispatch_and_wait()


def graph_of_this_process() -> dict[str, list[str]]:
    """The live graph: the direct downstream workflows of each, by id."""
    digraph = this.engine.graph.digraph
    return {node: sorted(digraph.successors(node)) for node in digraph}


def open_until(number: int, url: str, *, rollback_journal: bool) -> str:
    """Open an engine on a new database, killed before the step of this number if there are so many."""
    steps.die_before(number)
    open_engine(url, rollback_journal=rollback_journal)
    steps.live()
    return SURVIVED
