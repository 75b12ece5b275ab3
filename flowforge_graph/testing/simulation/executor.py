"""The scripted executors of a simulation, and the ledger of what really started, which no crash can take back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from flowforge_graph.engine import ExecutionEnd, ExecutionHost
from flowforge_graph.errors import DispatchError, PermanentDispatchError
from flowforge_graph.model import EndStatus, Execution, Workflow
from flowforge_graph.testing.simulation.rows import StoredRows, cause_of


@dataclass(kw_only=True, slots=True)
class Ledger:
    """What was really started: outside the database, as a world of its own would know it.

    ``started`` has for each execution the number of its last attempt, ``causes`` the execution that each cause led to.
    """

    started: dict[str, int] = field(default_factory=dict)
    causes: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, execution: Execution) -> Iterator[tuple[str, str]]:
        """Write one start down; yield (rule, sentence) for what it must not be."""
        if execution.attempt <= self.started.get(execution.id, 0):
            yield "10", f"{execution.id} was started again as attempt {execution.attempt}"
        self.started[execution.id] = execution.attempt
        cause = cause_of(execution)
        if cause is not None and self.causes.setdefault(cause, execution.id) != execution.id:
            yield "5", f"{cause} started {execution.id} after {self.causes[cause]}"


def complaints_about_start(
    execution: Execution, committed: Iterable[StoredRows], *, is_in_transaction: bool
) -> Iterator[str]:
    """Rule 10: the claim commits token and attempt before the executor is called.

    It may have ended since, by a hook that was quicker than the start.
    """
    rows = [row for rows in committed if (row := rows.executions.get(execution.id)) is not None]
    if is_in_transaction:
        yield f"{execution.id} was handed over while its claim was not committed"
    elif not any(row.claim is not None and row.attempt == execution.attempt for row in rows):
        yield f"{execution.id} was handed over as attempt {execution.attempt} without a claim"


class ScriptedExecutor:
    """Hands over as its script says: each start takes the next word, ``ok`` when there is none left.

    ``busy`` raises DispatchError, ``never`` PermanentDispatchError, ``broken`` something unforeseen.
    """

    def __init__(self, starting: Callable[[Execution], None], started: Callable[[Execution], None]) -> None:
        self._starting, self._started = starting, started
        self.script: list[str] = []

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        """Note the start, or fail as the script says."""
        self.take(execution)
        return f"external-{execution.id}-{execution.attempt}"

    def take(self, execution: Execution) -> None:
        """One start: fail, or write it down."""
        self._starting(execution)
        word = self.script.pop(0) if self.script else "ok"
        if word != "ok":
            raise _FAILURES[word](f"the executor is {word}")
        self._started(execution)


_FAILURES: dict[str, type[Exception]] = {
    "busy": DispatchError,
    "never": PermanentDispatchError,
    "broken": RuntimeError,
}
FAILURES = tuple(_FAILURES)


class ScriptedHost(ScriptedExecutor):
    """A scripted executor that holds what it starts, as the local one does, until the script ends it."""

    def __init__(self, starting: Callable[[Execution], None], started: Callable[[Execution], None]) -> None:
        super().__init__(starting, started)
        self._held: dict[str, Execution] = {}
        self._host: ExecutionHost | None = None

    def attach(self, host: ExecutionHost) -> None:
        """Learn to whom to report."""
        self._host = host

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        """Hold the execution from now on, or fail as the script says."""
        self.take(execution)
        self._held[execution.id] = execution
        return None

    def free_slots(self) -> int:
        """Room is never what decides here."""
        return 8

    def running(self) -> frozenset[str]:
        """What is held."""
        return frozenset(self._held)

    def cancel(self, execution_id: str) -> bool:
        """Told to stop; the end comes when the script says so."""
        return execution_id in self._held

    def end(self, execution_id: str, status: EndStatus) -> None:
        """The execution ends so, if it is held."""
        if self._held.pop(execution_id, None) is not None and self._host is not None:
            self._host.ended(execution_id, ExecutionEnd(status=status))

    def renew(self) -> Collection[str]:
        """Give a sign of life for all that is held; what is lost is held no more, and answered."""
        assert self._host is not None
        renewal = self._host.renew(self.running())
        for execution_id in renewal.lost:
            self._held.pop(execution_id, None)
            self._host.let_go(execution_id)
        return renewal.lost

    def wait(self, timeout: float | None = None) -> None:
        """Nothing runs in the background."""

    def close(self) -> None:
        """Whatever is held dies with its process."""
        self._held.clear()
