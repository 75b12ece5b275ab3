"""A host that remembers, in place of the engine, and the values to hand to an executor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flowforge_graph.engine.protocols import ExecutionEnd, Renewal
from flowforge_graph.errors import DatabaseError
from flowforge_graph.executors import LocalExecutor
from flowforge_graph.model import Execution, Workflow

DEADLINE_SECONDS = 60.0
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class RememberingHost:
    """Answers renewals as told, remembers every end."""

    def __init__(self, *, lease_seconds: float = 15.0, namespace: str = "tests") -> None:
        self.lease_seconds = lease_seconds
        self.namespace = namespace
        self.ends: dict[str, ExecutionEnd] = {}
        self.reports: list[str] = []
        self.let_go_of: list[str] = []
        self.renewed: list[frozenset[str]] = []
        self.answer = Renewal()
        self.failures: list[Exception] = []
        self.recording = threading.Event()
        self.recording.set()

    def renew(self, execution_ids: Collection[str]) -> Renewal:
        self.renewed.append(frozenset(execution_ids))
        if self.failures:
            raise self.failures.pop(0)
        return self.answer

    def request_cancel(self, execution_id: str) -> None:
        """Somebody asks to cancel; learned at the next renewal."""
        self.answer = Renewal(cancel_requested=frozenset({execution_id}))

    def take_away(self, execution_id: str) -> None:
        """Another process took the execution over; learned at the next renewal."""
        self.answer = Renewal(lost=frozenset({execution_id}))

    def ended(self, execution_id: str, end: ExecutionEnd) -> None:
        self.recording.wait(DEADLINE_SECONDS)
        self.ends[execution_id] = end
        self.reports.append(execution_id)

    def let_go(self, execution_id: str) -> None:
        self.let_go_of.append(execution_id)


class UnreachableHost(RememberingHost):
    """A host whose database never answers a renewal."""

    def renew(self, execution_ids: Collection[str]) -> Renewal:
        self.renewed.append(frozenset(execution_ids))
        raise DatabaseError("the database cannot be reached")


def execution(execution_id: str = "e-1", **fields: Any) -> Execution:
    """A running execution of workflow ``w``, its own root, first attempt."""
    known: dict[str, Any] = {
        "seq": 1,
        "id": execution_id,
        "workflow_id": "w",
        "workflow_name": "w",
        "status": "running",
        "root_execution_id": execution_id,
        "attempt": 1,
        "created_at": NOW,
        "run_after": NOW,
        "available_at": NOW,
    }
    return Execution(**(known | fields))


def command(*words: str, folder: Path | None = None, timeout_seconds: int | None = None) -> Workflow:
    """Workflow ``w``, which runs a command."""
    run = {"command": list(words), "timeout_seconds": timeout_seconds}
    return Workflow(id="w", run=run, run_folder=None if folder is None else str(folder))


def python(name: str, folder: Path) -> Workflow:
    """Workflow ``w``, which runs the Python callable ``name`` of ``folder``."""
    return Workflow(id="w", run={"python": name}, run_folder=str(folder))


def eventually(is_so: Callable[[], object]) -> None:
    """Wait until ``is_so``; how long it takes decides nothing."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)


def run_all(executor: LocalExecutor, pairs: Iterable[tuple[Execution, Workflow]]) -> None:
    """Start every execution as soon as there is a slot, and wait until all have ended."""
    for one, workflow in pairs:
        while not executor.free_slots():
            executor.wait(DEADLINE_SECONDS)
        executor.start(one, workflow)
    settle(executor)


def settle(executor: LocalExecutor) -> None:
    """Wait until nothing runs."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while executor.running():
        assert time.monotonic() < deadline, f"still running: {sorted(executor.running())[:5]}"
        executor.wait(1.0)


def is_alive(process_id: int) -> bool:
    """Whether the process still runs; a zombie, which nobody has collected yet, does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


def gone(*process_ids: int) -> None:
    """Wait until none of the processes runs."""
    eventually(lambda: not any(map(is_alive, process_ids)))


def number_in(path: Path) -> int:
    """The number that a command writes into ``path``, once it is there."""
    eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def supervisor_of(process: int) -> int:
    """The process that started ``process``."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
