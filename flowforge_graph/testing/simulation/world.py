"""The world of a simulation: two nodes with real engines on one database, their clocks and executors, and the judge."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from flowforge_graph.engine import Settings, TriggerEngine
from flowforge_graph.model import Claim, Execution
from flowforge_graph.testing.fakes import FixedClock
from flowforge_graph.testing.simulation.actions import ACTIONS, NothingToDo
from flowforge_graph.testing.simulation.answers import SAYS, Answered, complaints_about_answer
from flowforge_graph.testing.simulation.database import Crash, SimulatedDatabase
from flowforge_graph.testing.simulation.executor import (
    Ledger,
    ScriptedExecutor,
    ScriptedHost,
    complaints_about_start,
)
from flowforge_graph.testing.simulation.names import BEGINNING, Names
from flowforge_graph.testing.simulation.rows import StoredRows
from flowforge_graph.testing.simulation.steps import Step
from flowforge_graph.testing.simulation.transitions import Invariant, Memory, StepRun, Transition, sightings

NODES: Final = 2
KNOWN: Final = tuple(sorted({*ACTIONS, "wait", "set_clock"}))
_LOGGER: Final = logging.getLogger("flowforge_graph")

EXECUTOR: Final = "the executor is called for committed claims, each attempt of a cause once"
WHOLE: Final = "a transaction is written whole or not at all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """Something that was not as it must be: the rule, what it says, and what was seen instead."""

    rule: str
    says: str
    seen: str


class Node:
    """One process: an engine (opened when it is first asked), its own wall clock, its own executor."""

    def __init__(self, number: int, world: World) -> None:
        self.number = number
        self.clock = FixedClock(BEGINNING)
        self.tokens: dict[str, str] = {}
        self._world = world
        self._engine: TriggerEngine | None = None
        self.executor: ScriptedExecutor = self._new_executor()

    @property
    def engine(self) -> TriggerEngine:
        """The engine of this process as it lives now."""
        self.open()
        assert self._engine is not None
        return self._engine

    def open(self) -> None:
        """Start the process, unless it lives."""
        if self._engine is None:
            self._engine = self._world.open_engine(self)

    def die(self) -> None:
        """All that was in memory is gone; what is asked next is asked of a new process."""
        self._engine, self.executor = None, self._new_executor()
        self.tokens.clear()

    def tokens_held(self) -> dict[str, str]:
        """The tokens of the claims that this process holds, by execution."""
        held = self.executor.running() if isinstance(self.executor, ScriptedHost) else frozenset()
        return {execution_id: self.tokens[execution_id] for execution_id in held}

    def id_of(self, label: str) -> str:
        """The id of an execution by its label."""
        return self._world.id_of(label)

    def claim_of(self, label: str) -> Claim:
        """The claim of this label."""
        return self._world.claim_of(label)

    def _new_executor(self) -> ScriptedExecutor:
        # The first hands over, as to another system; the second holds, as the local executor does.
        kind = ScriptedHost if self.number % 2 else ScriptedExecutor
        return kind(
            lambda execution: self._world.is_starting(self, execution),
            self._world.has_started,
        )


class World:
    """Performs steps and judges every transaction, every start and every answer.

    Args:
        database: an empty one.
        settings: the numbers of every engine.
        invariants: what must hold of every transaction.

    Attributes:
        settings: the numbers of every engine.
        rows: what is stored.
        violation: the first thing that was not as it must be; nothing is performed after it.
    """

    def __init__(
        self, database: SimulatedDatabase, *, settings: Mapping[str, Any], invariants: Sequence[Invariant]
    ) -> None:
        self._database = database
        self._keywords, self.settings = dict(settings), Settings.of(settings)
        self._invariants = invariants
        self._running: list[StepRun] = []
        self._ledger = Ledger()
        self._names = Names()
        self._memory = Memory()
        self.nodes = [Node(number, self) for number in range(NODES)]
        self.violation: Violation | None = None
        self._fault: Exception | None = None
        self.rows = StoredRows()
        self._written = -1
        database.reach = self._reach

    # What scripts and choices ask

    @property
    def claims(self) -> Mapping[str, Claim]:
        """The claims that were ever given to hosts, by label."""
        return self._names.claims

    def label_of(self, execution_id: str) -> str:
        """The label of a stored execution."""
        return self._names.labels.get(execution_id, execution_id)

    def id_of(self, label: str) -> str:
        """The id behind a label; a label that nothing has yet is an id."""
        return self._names.ids.get(label, label)

    def claim_of(self, label: str) -> Claim:
        """The claim of a label. Raises NothingToDo."""
        if label not in self._names.claims:
            raise NothingToDo
        return self._names.claims[label]

    def open_engine(self, node: Node) -> TriggerEngine:
        """A new process of a node. Its opening is no part of the step that asks."""
        with self._unwatched():
            return TriggerEngine(self._database.engine, executor=node.executor, clock=node.clock, **self._keywords)

    # Performing

    def perform(self, step: Step) -> None:
        """Do one step and judge it. Raises what an invariant raises instead of complaining."""
        if self.violation is not None:
            return
        if step.action == "wait":
            self._let_pass(step.arguments["seconds"])
        elif step.action == "set_clock":
            clock = self.nodes[step.node].clock
            clock.set(clock.now() + timedelta(seconds=step.arguments["seconds"]))
        else:
            self._call(self.nodes[step.node], step)
        if self._fault is not None and not self._running:
            raise self._fault

    def _let_pass(self, seconds: float) -> None:
        for node in self.nodes:
            node.clock.advance(seconds)

    def _call(self, node: Node, step: Step) -> None:
        node.open()
        run = self._run_of(node, step)
        answer: Any = None
        error: Exception | None = None
        if run.may_dispatch:
            self._memory.saw(node.number, self.rows, run.monotonic)
        self._running.append(run)
        try:
            answer = ACTIONS[step.action](node, **step.arguments)
        except Crash:
            self._bury(node)
            return
        except NothingToDo:
            return
        except Exception as raised:  # noqa: BLE001 - whatever it is, it must be what the contract says
            error = raised
        finally:
            self._running.pop()
        self._judge_answer(run, answer, error)
        if step.action == "claim_due" and error is None and answer is not None:
            for claim in answer:
                self._names.name_claim(claim)

    def _run_of(self, node: Node, step: Step) -> StepRun:
        labels = _labels_in(step)
        held = node.tokens_held()
        label = step.arguments.get("claim")
        if label in self._names.claims:
            claim = self._names.claims[label]
            held[claim.execution_id] = claim.token
        return StepRun(
            step=step,
            now=int(node.clock.now().timestamp()),
            monotonic=node.clock.monotonic(),
            execution_ids={label: self.id_of(label) for label in labels},
            tokens_held=held,
            seen=[self.rows],
        )

    def _bury(self, node: Node) -> None:
        """The transaction in which a process died has left nothing behind (rule 4)."""
        node.die()
        self._memory.looks.pop(node.number, None)
        if self._database.is_in_transaction:
            self._blame("4", WHOLE, "a transaction was left open by a process that died")
        elif self._database.rows() != self.rows:
            self._blame("4", WHOLE, "rows changed without a commit")

    # Points

    def _reach(self, point: str) -> None:
        if not self._running:
            return
        run = self._running[-1]
        if point == "after commit":
            self._judge_commit(run)
        run.counts[point] = run.counts.get(point, 0) + 1
        named = f"{point} {run.counts[point]}"
        step = run.step
        if step.meanwhile is not None and step.meanwhile_at == named:
            self.perform(step.meanwhile)
        if step.crash_at == named:
            raise Crash

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        running, self._running = self._running, []
        try:
            yield
        finally:
            self._running = running

    # Judging

    def _blame(self, rule: str, says: str, seen: str) -> None:
        if self.violation is None:
            self.violation = Violation(rule=rule, says=says, seen=self._names.in_words(seen))

    def _judge_commit(self, run: StepRun) -> None:
        before, after = self.rows, self._rows_if_written()
        if run.decided_on is None:
            run.decided_on = before
        run.committed = after
        if after is before:
            return
        change = Transition(before=before, after=after, run=run, memory=self._memory, settings=self.settings)
        self._check(change)
        self._remember(change)

    def _check(self, change: Transition) -> None:
        try:
            for invariant in self._invariants:
                for complaint in invariant.complaints(change):
                    self._blame(invariant.rule, invariant.says, complaint)
        except Exception as fault:  # noqa: BLE001 - raised again outside of the engine, which would take it for its own
            self._fault = self._fault or fault

    def _rows_if_written(self) -> StoredRows:
        written = self._database.raw.total_changes
        if written == self._written:
            return self.rows
        self._written = written
        return self._database.rows()

    def _remember(self, change: Transition) -> None:
        self.rows = change.after
        for run in self._running:
            run.seen.append(change.after)
        for execution in change.new():
            self._names.name(execution)
            if execution.cause is not None:
                self._memory.causes.setdefault(execution.cause, execution.id)
        seen = set(sightings(change.before))
        looks = self._memory.looks.setdefault(change.run.step.node, {})
        for sighting in sightings(change.after):
            if sighting not in seen:
                self._memory.unchanged_since[sighting] = looks[sighting] = change.run.monotonic
                change.run.tokens.add(sighting[1])

    def _judge_answer(self, run: StepRun, answer: Any, error: Exception | None) -> None:
        if self.violation is not None:
            return
        answered = Answered(
            run=run,
            decided_on=self.rows if run.decided_on is None else run.decided_on,
            after=self.rows if run.committed is None else run.committed,
            answer=answer,
            error=error,
            claim_tokens={label: claim.token for label, claim in self._names.claims.items()},
            settings=self.settings,
            memory=self._memory,
        )
        for rule, complaint in complaints_about_answer(answered):
            self._blame(rule, SAYS[rule], f"{run.step.action}: {complaint}")

    # What the executors tell

    def is_starting(self, node: Node, execution: Execution) -> None:
        """An executor is called: is the claim committed?"""
        committed, is_in_transaction = self._running[-1].seen, self._database.is_in_transaction
        for complaint in complaints_about_start(execution, committed, is_in_transaction=is_in_transaction):
            self._blame("10", EXECUTOR, complaint)
        stored = self.rows.executions.get(execution.id)
        node.tokens[execution.id] = str(stored.claim_token if stored else None)
        self._reach("before start")

    def has_started(self, execution: Execution) -> None:
        """An execution really runs now."""
        for rule, complaint in self._ledger.note(execution):
            self._blame(rule, EXECUTOR, complaint)
        self._reach("after start")


def _labels_in(step: Step) -> list[str]:
    arguments = step.arguments
    labels = [arguments[name] for name in ("execution", "caused_by") if arguments.get(name)]
    return labels + [item["execution"] for item in arguments.get("completions", ())]


@contextmanager
def quiet() -> Iterator[None]:
    """The engine logs what it meets, and a simulation makes it meet everything."""
    level = _LOGGER.level
    _LOGGER.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        _LOGGER.setLevel(level)
