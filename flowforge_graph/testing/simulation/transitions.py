"""What an invariant looks at: one committed transaction, who made it, and what the simulation remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from flowforge_graph.engine import Settings
from flowforge_graph.testing.simulation.rows import ExecutionRow, StoredRows
from flowforge_graph.testing.simulation.steps import Step

Sighting = tuple[str, str, int]


@dataclass(kw_only=True, slots=True)
class Memory:
    """What must be remembered from outside the database to know that nothing came twice and nothing was lost.

    Attributes:
        causes: the execution that each cause started, pruned ones too.
        unchanged_since: for each live claim (execution, token, renewals) the monotonic instant of its last change.
        looks: for each node, when its present engine first saw each claim.
    """

    causes: dict[tuple[str, str], str] = field(default_factory=dict)
    unchanged_since: dict[Sighting, float] = field(default_factory=dict)
    looks: dict[int, dict[Sighting, float]] = field(default_factory=dict)

    def saw(self, node: int, rows: StoredRows, monotonic: float) -> None:
        """The engine of this node looks at all live claims."""
        seen = self.looks.setdefault(node, {})
        for sighting in sightings(rows):
            seen.setdefault(sighting, monotonic)

    def was_watched(self, node: int, execution: ExecutionRow, *, until: float, lease_seconds: float) -> bool:
        """Whether this node has seen the claim unchanged for a whole lease."""
        sighting = (execution.id, str(execution.claim_token), execution.claim_renewals)
        since = max(self.unchanged_since.get(sighting, until), self.looks.get(node, {}).get(sighting, until))
        return until - since >= lease_seconds


def sightings(rows: StoredRows) -> Iterator[Sighting]:
    """The live claims as anybody can see them."""
    for execution in rows.executions.values():
        if execution.claim is not None:
            yield (execution.id, *execution.claim)


@dataclass(kw_only=True, slots=True)
class StepRun:
    """A step in progress.

    Attributes:
        now: the wall clock of its node, whole Unix seconds. No clock moves while a step runs.
        execution_ids: the ids behind the labels of the step, by label.
        seen: what was stored when it began and after each commit since, of other nodes too.
        counts: how often each kind of point was reached.
        tokens: the claims that it made itself.
        tokens_held: the claims that its caller holds, by execution.
        decided_on: what was stored when its first transaction was committed, None: there was none.
        committed: what was stored just after its last one, before anybody else could prune or change it.
    """

    step: Step
    now: int
    monotonic: float
    execution_ids: Mapping[str, str]
    seen: list[StoredRows]
    counts: dict[str, int] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    tokens_held: Mapping[str, str] = field(default_factory=dict)
    decided_on: StoredRows | None = None
    committed: StoredRows | None = None

    @property
    def may_dispatch(self) -> bool:
        """Whether it claims, takes over and settles by the engine's own decision."""
        return self.step.action in {"dispatch", "claim_due"}

    def holds(self, execution: ExecutionRow) -> bool:
        """Whether its caller holds the claim that is stored."""
        return execution.claim_token is not None and self.tokens_held.get(execution.id) == execution.claim_token

    def names(self, execution: ExecutionRow, argument: str = "execution") -> bool:
        """Whether an argument of the step is this execution."""
        return self.execution_ids.get(str(self.step.arguments.get(argument))) == execution.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """One committed transaction: what was stored before and after it, and in which step."""

    before: StoredRows
    after: StoredRows
    run: StepRun
    memory: Memory
    settings: Settings

    def changed(self) -> Iterator[tuple[ExecutionRow, ExecutionRow]]:
        """The executions whose rows it changed, as they were and as they are."""
        for execution_id, after in self.after.executions.items():
            before = self.before.executions.get(execution_id)
            if before is not None and before != after:
                yield before, after

    def new(self) -> list[ExecutionRow]:
        """The executions that it stored."""
        return [e for e in self.after.executions.values() if e.id not in self.before.executions]

    def ended(self) -> list[ExecutionRow]:
        """The executions that it ended, those recorded at once among them."""
        ended = [after for before, after in self.changed() if after.has_ended and not before.has_ended]
        return ended + [execution for execution in self.new() if execution.has_ended]


@dataclass(frozen=True, kw_only=True, slots=True)
class Invariant:
    """Something that every transaction must keep.

    Attributes:
        rule: the rule of the contract that demands it, or a word of the host's.
        says: one sentence, shown where it fails.
        complaints: yields a sentence for each thing that is not so.
    """

    rule: str
    says: str
    complaints: Callable[[Transition], Iterator[str]]


def invariant(rule: str, says: str) -> Callable[[Callable[[Transition], Iterator[str]]], Invariant]:
    """Make a function an :class:`Invariant`."""

    def made(complaints: Callable[[Transition], Iterator[str]]) -> Invariant:
        return Invariant(rule=rule, says=says, complaints=complaints)

    return made
