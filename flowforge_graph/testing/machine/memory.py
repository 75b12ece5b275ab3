"""What the machine remembers of an engine, and what must be true of what it sees next, whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from flowforge_graph.engine import TriggerEngine
from flowforge_graph.model import AnyTrigger, DependencyTrigger, Event, Execution, ScheduledTrigger, Verdict
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
        workflows=_workflows_of(engine),
        triggers=_triggers_of(engine),
        executions={execution.id: execution for execution in reversed(executions)},
    )


def _workflows_of(engine: TriggerEngine) -> frozenset[str]:
    return frozenset(workflow.id for workflow in engine.list_workflows())


def _triggers_of(engine: TriggerEngine) -> dict[str, AnyTrigger]:
    return {trigger.id: trigger for trigger in reversed(engine.list_triggers())}


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
        verdicts: of each ended execution, by its id, in the order in which they ended.
        labels: what executions and triggers are called: ``e1`` was started by hand, ``e1>t2`` by trigger ``t2`` when
            ``e1`` ended, ``t3@03:15`` at that fire time, ``t4!k1`` by the event ``k1``.
    """

    def __init__(self) -> None:
        self.sight = Sight()
        self.verdicts: dict[str, list[Verdict]] = {}
        self.labels: dict[str, str] = {}
        self._causes: dict[tuple[str, str], str] = {}
        # The triggers that changed since the last look, perhaps more than once.
        self._touched: frozenset[str] = frozenset()
        self._position = 0

    @property
    def ended(self) -> list[Execution]:
        """The executions that have ended, in the order in which they did."""
        return [self.sight.executions[execution_id] for execution_id in self.verdicts]

    def look(self, engine: TriggerEngine) -> None:
        """Look at what changed, and raise AssertionError with a sentence for the first thing that is not as it must be.

        Costs one query where nothing has changed: the engine's feed says what did, and in which order.
        """
        events = self._new_events(engine)
        before, self.sight = self.sight, self._sight_after(events, engine)
        self._touched = frozenset(event.subject_id for event in events if event.kind == "trigger")
        changed = list(dict.fromkeys(event.subject_id for event in events if event.kind == "execution"))
        for execution_id in changed:
            self.labels.setdefault(execution_id, self._label_of(self.sight.executions[execution_id]))
        for complaint in self._complaints(before, changed, engine):
            raise AssertionError(complaint)

    def compare(self, sight: Sight) -> None:
        """Compare what was remembered step by step with a sight of everything; raise AssertionError."""
        kept = {trigger_id: _without_plan(trigger) for trigger_id, trigger in self.sight.triggers.items()}
        stored = {trigger_id: _without_plan(trigger) for trigger_id, trigger in sight.triggers.items()}
        assert self.sight.workflows == sight.workflows, f"{sorted(sight.workflows)} are not what the feed told of"
        assert kept == stored, f"the triggers {stored} are not what the feed told of: {kept}"
        statuses = {execution.id: execution.status for execution in sight.executions.values()}
        told = {execution.id: execution.status for execution in self.sight.executions.values()}
        assert statuses == told, f"the executions {statuses} are not what the feed told of: {told}"

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

    # What has changed

    def _new_events(self, engine: TriggerEngine) -> list[Event]:
        events: list[Event] = []
        while True:
            page = engine.read_events(self._position)
            assert not page.pruned, "events were pruned: the engine of this machine must keep its whole feed"
            events += page.events
            self._position = page.position
            if page.is_complete:
                return events

    def _sight_after(self, events: Sequence[Event], engine: TriggerEngine) -> Sight:
        sight = self.sight
        if any(event.kind != "execution" for event in events):
            sight = replace(sight, workflows=_workflows_of(engine), triggers=_triggers_of(engine))
            self.labels |= {trigger_id: trigger_id for trigger_id in sight.triggers}
        changed = {event.subject_id: None for event in events if event.kind == "execution"}
        if changed:
            now = {execution_id: engine.get_execution(execution_id) for execution_id in changed}
            in_order = sorted({**sight.executions, **now}.values(), key=lambda execution: execution.seq)
            sight = replace(sight, executions={execution.id: execution for execution in in_order})
        return sight

    def _label_of(self, execution: Execution) -> str:
        trigger = self.labels.get(str(execution.trigger_id), execution.trigger_id)
        if execution.trigger_type == "dependency":
            return f"{self.labels.get(str(execution.upstream_execution_id))}>{trigger}"
        if execution.fire_time is not None:
            return f"{trigger}@{execution.fire_time:%d %H:%M}"
        return f"{trigger}!{execution.event_key}" if execution.event_key else execution.id

    # What must be true

    def _complaints(self, before: Sight, changed: Sequence[str], engine: TriggerEngine) -> Iterator[str]:
        if (before.triggers, before.workflows) != (self.sight.triggers, self.sight.workflows):
            yield from self._about_the_graph(engine)
        if before.workflows != self.sight.workflows:
            yield from self._about_what_waits()
        for execution_id in changed:
            seen, execution = before.executions.get(execution_id), self.sight.executions[execution_id]
            if seen is None:
                yield from self._about_a_start(execution, before)
            else:
                yield from self._about_a_change(seen, execution)
            if execution.status == "running" and (seen is None or seen.status == "pending"):
                yield from self._about_a_claim(execution, before)
            if execution.has_ended and (seen is None or not seen.has_ended):
                yield from self._about_an_end(execution, before, engine)

    def _about_the_graph(self, engine: TriggerEngine) -> Iterator[str]:
        chain = cycle_of(self.sight.dependencies)
        if chain is not None:
            yield f"a cycle is stored: {' → '.join(chain)} (rule 1)"
        pairs = {(trigger.depends_on_workflow_id, trigger.workflow_id) for trigger in self.sight.dependencies}
        graph = engine.graph.digraph
        if set(graph.edges) != pairs or set(graph) != self.sight.workflows:
            yield f"the live graph joins {sorted(graph.edges)}, stored is {sorted(pairs)} (rule 1)"

    def _about_what_waits(self) -> Iterator[str]:
        for execution in self.sight.executions.values():
            if execution.status == "pending" and execution.workflow_id not in self.sight.workflows:
                yield f"{self.labels[execution.id]} is pending, and its workflow is deleted (rule 3)"

    def _about_a_start(self, execution: Execution, before: Sight) -> Iterator[str]:
        label, cause = self.labels[execution.id], cause_of(execution)
        if cause is not None and self._causes.setdefault(cause, execution.id) != execution.id:
            yield f"{label} is a second execution of one cause (rule 5)"
        if execution.trigger_type == "dependency":
            yield from self._about_a_downstream_start(label, execution)
        elif cause is not None and not execution.has_ended and not self._may_start(execution, before):
            # What ended elsewhere may have been started there while its trigger was still enabled.
            yield f"{label} was started by a trigger that is disabled (rule 16)"
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
        if before.has_ended and before != after:
            yield f"{label} had ended {before.status} and was changed to {after.status} (rule 4)"
        elif not before.has_ended and after.status not in _FORWARD[before.status]:
            yield f"{label} went from {before.status} to {after.status} (rule 4)"
        for name in _OWN_COPY:
            if getattr(before, name) != getattr(after, name):
                yield f"{name} of {label} was {getattr(before, name)} and is {getattr(after, name)} (rule 3)"

    def _about_a_claim(self, execution: Execution, before: Sight) -> Iterator[str]:
        if execution.trigger_type != "manual" and not self._may_start(execution, before):
            yield f"{self.labels[execution.id]} was dispatched, and its trigger starts it no more (rule 14)"

    def _may_start(self, execution: Execution, before: Sight) -> bool:
        """Whether its trigger may start an execution, by this sight or the last one, or by what was between the two."""
        if execution.trigger_id in self._touched:
            return True
        triggers = (sight.triggers.get(str(execution.trigger_id)) for sight in (before, self.sight))
        return any(
            trigger is not None and trigger.enabled and _upstream_of(trigger) == execution.upstream_workflow_id
            for trigger in triggers
        )

    def _about_an_end(self, execution: Execution, before: Sight, engine: TriggerEngine) -> Iterator[str]:
        self.verdicts[execution.id] = verdicts = engine.get_verdicts(execution.id)
        for verdict in verdicts:
            started = self.sight.executions.get(str(verdict.execution_id))
            if verdict.outcome == "triggered" and started is None:
                yield f"the verdict of {verdict.trigger_id} on {self.labels[execution.id]} started nothing (rule 4)"
            elif started is not None and started.delay_minutes != verdict.delay_minutes:
                promised = verdict.delay_minutes
                yield f"{self.labels[started.id]} waits {started.delay_minutes} min, not {promised} (rule 13)"
        if before.triggers == self.sight.triggers:
            yield from self._about_verdicts(execution, verdicts)

    def _about_verdicts(self, execution: Execution, verdicts: Sequence[Verdict]) -> Iterator[str]:
        asked = [t for t in self.sight.dependencies if t.depends_on_workflow_id == execution.workflow_id]
        expected = [(t.id, reason_to_skip(t, execution.status, room=1), t.delay_minutes) for t in asked]
        answered = [(verdict.trigger_id, verdict.reason, verdict.delay_minutes) for verdict in verdicts]
        if answered != expected:
            yield f"the verdicts on {self.labels[execution.id]} are {answered}, not {expected} (rule 4)"


def _upstream_of(trigger: AnyTrigger) -> str | None:
    return trigger.depends_on_workflow_id if isinstance(trigger, DependencyTrigger) else None


def _without_plan(trigger: AnyTrigger) -> AnyTrigger:
    """A trigger without what ticks write into schedules, of which the feed does not tell."""
    if not isinstance(trigger, ScheduledTrigger):
        return trigger
    return trigger.evolve_trusted(planned_until=None, next_run_at=None, last_run_at=None)
