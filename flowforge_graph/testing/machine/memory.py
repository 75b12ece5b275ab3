"""What the machine remembers of an engine, and what must be true of what it sees next, whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from flowforge_graph.engine import TriggerEngine
from flowforge_graph.model import AnyTrigger, DependencyTrigger, Execution, ScheduledTrigger, Verdict
from flowforge_graph.testing.chains import cycle_of, refused_chain
from flowforge_graph.testing.simulation.reference import ACCEPTS, reason_to_skip
from flowforge_graph.testing.simulation.rows import cause_of

_PAGE: Final = 500
_FORWARD: Final = {
    "pending": ("pending", "running", "completed", "failed", "cancelled"),
    "running": ("running", "pending", "completed", "failed", "cancelled"),
}
_OWN_COPY: Final = (
    *("seq", "workflow_id", "workflow_name", "trigger_type", "trigger_id", "dependency_condition", "delay_minutes"),
    *("upstream_execution_id", "root_execution_id", "hop", "fire_time", "event_key", "parameters", "run_after"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """Everything that an engine answers at one instant. Triggers and executions are in creation order, by id."""

    workflows: frozenset[str] = frozenset()
    triggers: Mapping[str, AnyTrigger] = field(default_factory=dict)
    executions: Mapping[str, Execution] = field(default_factory=dict)

    @property
    def dependencies(self) -> list[DependencyTrigger]:
        """The dependency triggers, in creation order."""
        return [trigger for trigger in self.triggers.values() if isinstance(trigger, DependencyTrigger)]


def sight_of(engine: TriggerEngine) -> Sight:
    """Ask an engine for everything."""
    executions = list(_all_executions(engine))
    return Sight(
        workflows=frozenset(workflow.id for workflow in engine.list_workflows()),
        triggers={trigger.id: trigger for trigger in reversed(engine.list_triggers())},
        executions={execution.id: execution for execution in reversed(executions)},
    )


def _all_executions(engine: TriggerEngine) -> Iterator[Execution]:
    before_seq: int | None = None
    while page := engine.list_executions(limit=_PAGE, before_seq=before_seq):
        yield from page
        if len(page) < _PAGE:
            return
        before_seq = page[-1].seq


class Memory:
    """The last sight of an engine, the verdicts of all that ended, and short labels for what has long ids.

    Attributes:
        sight: what there was when it was last looked at.
        verdicts: of each ended execution, by its id.
        labels: what executions and triggers are called: ``e1`` was started by hand, ``e1>t2`` by trigger ``t2`` when
            ``e1`` ended, ``t3@03:15`` at that fire time, ``t4!k1`` by the event ``k1``.
    """

    def __init__(self) -> None:
        self.sight = Sight()
        self.verdicts: dict[str, list[Verdict]] = {}
        self.labels: dict[str, str] = {}
        self._causes: dict[tuple[str, str], str] = {}

    def look(self, engine: TriggerEngine) -> None:
        """Look at an engine, and raise AssertionError with a sentence for the first thing that is not as it must be."""
        before, self.sight = self.sight, sight_of(engine)
        self._name_what_is_new(before)
        for complaint in self._complaints(before, engine):
            raise AssertionError(complaint)

    def id_of(self, label: str) -> str:
        """The id of what is called so."""
        return next(each for each, called in self.labels.items() if called == label)

    def refusal_of(self, trigger: DependencyTrigger) -> tuple[str, ...] | None:
        """What a dependency trigger must be refused with, as if the stored one of its id were gone; None: it is fine.

        The name of the error, and of a cycle the chain after it.
        """
        others = [other for other in self.sight.dependencies if other.id != trigger.id]
        upstream, downstream = trigger.depends_on_workflow_id, trigger.workflow_id
        chain = refused_chain(others, upstream=upstream, downstream=downstream)
        if chain is not None:
            return ("CycleError", *chain)
        said = {(o.depends_on_workflow_id, o.workflow_id, o.dependency_condition) for o in others}
        return ("DuplicateTrigger",) if (upstream, downstream, trigger.dependency_condition) in said else None

    # Labels

    def _name_what_is_new(self, before: Sight) -> None:
        for trigger_id in self.sight.triggers.keys() - before.triggers.keys():
            self.labels.setdefault(trigger_id, trigger_id)
        for execution in self.sight.executions.values():
            if execution.id not in self.labels:
                self.labels[execution.id] = self._label_of(execution)

    def _label_of(self, execution: Execution) -> str:
        trigger = self.labels.get(str(execution.trigger_id), execution.trigger_id)
        if execution.trigger_type == "dependency":
            return f"{self.labels.get(str(execution.upstream_execution_id))}>{trigger}"
        if execution.fire_time is not None:
            return f"{trigger}@{execution.fire_time:%d %H:%M}"
        return f"{trigger}!{execution.event_key}" if execution.event_key else execution.id

    # What must be true

    def _complaints(self, before: Sight, engine: TriggerEngine) -> Iterator[str]:
        yield from self._about_the_graph(engine)
        for execution in self.sight.executions.values():
            seen = before.executions.get(execution.id)
            if seen is None:
                yield from self._about_a_start(execution)
            elif seen != execution:
                yield from self._about_a_change(seen, execution)
            if execution.has_ended and (seen is None or not seen.has_ended):
                yield from self._about_an_end(execution, before, engine)
        for execution_id in before.executions.keys() - self.sight.executions.keys():
            yield f"{self.labels[execution_id]} is gone: what was acknowledged must stay (rule 4)"

    def _about_the_graph(self, engine: TriggerEngine) -> Iterator[str]:
        chain = cycle_of(self.sight.dependencies)
        if chain is not None:
            yield f"a cycle is stored: {' → '.join(chain)} (rule 1)"
        pairs = {(trigger.depends_on_workflow_id, trigger.workflow_id) for trigger in self.sight.dependencies}
        graph = engine.graph.digraph
        if set(graph.edges) != pairs or set(graph) != self.sight.workflows:
            yield f"the live graph joins {sorted(graph.edges)}, stored is {sorted(pairs)} (rule 1)"

    def _about_a_start(self, execution: Execution) -> Iterator[str]:
        label, cause = self.labels[execution.id], cause_of(execution)
        if cause is not None and self._causes.setdefault(cause, execution.id) != execution.id:
            yield f"{label} is a second execution of one cause (rule 5)"
        if execution.trigger_type == "dependency":
            yield from self._about_a_downstream_start(label, execution)
        elif execution.caused_by_execution_id is None and execution.root_execution_id != execution.id:
            yield f"{label} is in the cascade of {execution.root_execution_id}, not its own root (rule 9)"

    def _about_a_downstream_start(self, label: str, execution: Execution) -> Iterator[str]:
        upstream = self.sight.executions.get(str(execution.upstream_execution_id))
        if upstream is None or upstream.ended_at is None:
            yield f"{label} was started by an execution that has not ended (rule 4)"
        elif upstream.status not in ACCEPTS[str(execution.dependency_condition)]:
            yield f"{label} was started {execution.dependency_condition} of one that {upstream.status} (rule 6)"
        elif (execution.root_execution_id, execution.hop) != (upstream.root_execution_id, upstream.hop + 1):
            yield f"{label} is hop {execution.hop} of {execution.root_execution_id}, unlike its upstream (rule 9)"
        elif execution.run_after != upstream.ended_at + timedelta(minutes=execution.delay_minutes):
            yield f"{label} is due at {execution.run_after}, {upstream.ended_at} was its cause's end (rule 13)"

    def _about_a_change(self, before: Execution, after: Execution) -> Iterator[str]:
        label = self.labels[after.id]
        if before.has_ended:
            yield f"{label} had ended {before.status} and was changed to {after.status} (rule 4)"
        elif after.status not in _FORWARD[before.status]:
            yield f"{label} went from {before.status} to {after.status} (rule 4)"
        for name in _OWN_COPY:
            if getattr(before, name) != getattr(after, name):
                yield f"{name} of {label} was {getattr(before, name)} and is {getattr(after, name)} (rule 3)"

    def _about_an_end(self, execution: Execution, before: Sight, engine: TriggerEngine) -> Iterator[str]:
        self.verdicts[execution.id] = verdicts = engine.get_verdicts(execution.id)
        for verdict in verdicts:
            if verdict.outcome == "triggered" and verdict.execution_id not in self.sight.executions:
                yield f"the verdict of {verdict.trigger_id} on {self.labels[execution.id]} started nothing (rule 4)"
        if before.triggers == self.sight.triggers or _are_only_planned(before.triggers, self.sight.triggers):
            yield from self._about_verdicts(execution, verdicts)

    def _about_verdicts(self, execution: Execution, verdicts: Sequence[Verdict]) -> Iterator[str]:
        asked = [t for t in self.sight.dependencies if t.depends_on_workflow_id == execution.workflow_id]
        expected = [(trigger.id, reason_to_skip(trigger, execution.status, room=1)) for trigger in asked]
        answered = [(verdict.trigger_id, verdict.reason) for verdict in verdicts]
        if answered != expected:
            yield f"the verdicts on {self.labels[execution.id]} are {answered}, not {expected} (rule 4)"


def _are_only_planned(before: Mapping[str, AnyTrigger], after: Mapping[str, AnyTrigger]) -> bool:
    """Whether no trigger changed but for what a tick writes into schedules."""
    if before.keys() != after.keys():
        return False
    changed = [trigger for trigger in after.values() if trigger != before[trigger.id]]
    return all(isinstance(trigger, ScheduledTrigger) for trigger in changed)
