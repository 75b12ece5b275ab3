"""The state machine: what hosts ask of an engine, in any order, with a look at everything after each step."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from flowforge_graph.engine import DefinitionChanges, TriggerEngine
from flowforge_graph.errors import CycleError, FlowforgeGraphError
from flowforge_graph.model import (
    CONDITIONS,
    END_STATUSES,
    AnyTrigger,
    DependencyTrigger,
    EventTrigger,
    Execution,
    ScheduledTrigger,
    Workflow,
)
from flowforge_graph.testing.chains import chains_from
from flowforge_graph.testing.databases import fresh_database
from flowforge_graph.testing.fakes import FixedClock, RecordingExecutor
from flowforge_graph.testing.graphs import ReadableGraph
from flowforge_graph.testing.machine.memory import Memory, sight_of
from flowforge_graph.testing.machine.suites import QuickTestCase
from flowforge_graph.testing.strategies import trigger_graphs


class RefusedByHost(Exception):
    """Raised by a ``do_`` method where the host refuses by a rule of its own what the engine would accept."""


def _drawn_from(pool: Callable[[Any], Sequence[Any]]) -> st.SearchStrategy[Any]:
    """One of what the machine has now."""
    return st.runner().flatmap(lambda machine: st.sampled_from(pool(machine)))


def _beginnings() -> st.SearchStrategy[ReadableGraph]:
    """Graphs of the workflows that the machine may use, mostly with some way to go."""
    return st.runner().flatmap(
        lambda machine: st.one_of([_graphs_of(machine.workflow_ids, fewest) for fewest in (0, 3, 3)])
    )


def _graphs_of(workflow_ids: Sequence[str], fewest: int) -> st.SearchStrategy[ReadableGraph]:
    most = len(workflow_ids)
    return trigger_graphs(min(fewest, most), most, workflow_ids=workflow_ids, is_shuffled=False)


# Most wait, so that something waits at a restart.
_DELAY_MINUTES = st.sampled_from((0, 5, 5))
# Most executions end well.
_STATUS = st.sampled_from(("completed", "completed", *END_STATUSES))
_STATUS_OR_PENDING = st.sampled_from(("completed", "completed", "completed", *END_STATUSES, "pending"))


class TriggerEngineMachine(RuleBasedStateMachine):
    """Asks an engine for everything that hosts ask for, in any order, restarts included, and checks what it answers.

    It creates, changes and deletes workflows and triggers, starts, completes and cancels executions, tells of events,
    lets time pass, dispatches, and opens the same database file anew.

    After each step it looks at everything and checks it against a small model: no cycle, the live graph is the stored
    one, one execution per cause, statuses move forward, history stays, each end has the verdicts that its triggers
    had to give, and each downstream execution its accepted cause, its root and its delay. What is disabled starts
    nothing, and what was called off while it waited is not dispatched. Refusals must be the expected ones, with the
    right chain.

    A host subclasses it, says in :meth:`make_engine` how its service is opened, overrides the ``do_`` methods that its
    callers reach through the service, and adds what it promises as ``@invariant()`` and what else may happen as
    ``@rule()``. ``TestService = ServiceMachine.TestCase`` is what pytest collects; its settings have no explain phase.

    Attributes:
        workflow_ids: the ids that are used: few, so that they meet.
        cron_expressions: what schedules are created with.
        database: the URL of this run's database.
        clock, executor: what the engine is made with.
        engine: the engine as it lives now.
        memory: the last sight of the engine; ``memory.labels`` names executions as the steps do.
    """

    workflow_ids: ClassVar[Sequence[str]] = "abcd"
    cron_expressions: ClassVar[Sequence[str]] = ("*/5 * * * *", "0 * * * *")

    TestCase = QuickTestCase()  # type: ignore[assignment]  # Hypothesis types its own descriptor

    def __init__(self) -> None:
        super().__init__()
        self.clock = FixedClock()
        self.executor = RecordingExecutor()
        self.memory = Memory()
        self._made = {"t": 0, "e": 0}
        self._ends_since_restart = 0
        self._may_delete = True
        self._folder = Path(tempfile.mkdtemp(prefix="flowforge-"))
        try:
            self.database = self.make_database(self._folder)
            self.engine = self.make_engine(self.database)
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    def teardown(self) -> None:
        """Close the engine and remove the database's folder."""
        try:
            self.close_engine()
        finally:
            shutil.rmtree(self._folder)

    # For the host: how its service is made

    def make_database(self, folder: Path) -> str:
        """The URL of an empty database: a SQLite file in ``folder``, which is removed at the end."""
        return fresh_database(folder)

    def make_engine(self, database: str) -> TriggerEngine:
        """Open the engine (and the host's service around it) on a database; again after each restart."""
        return TriggerEngine(database, clock=self.clock, executor=self.executor)

    def close_engine(self) -> None:
        """Close what :meth:`make_engine` opened."""
        self.engine.close()

    # For the host: how its callers ask. Refusals are raised as the engine raises them, or as RefusedByHost.

    def do_begin(self, graph: ReadableGraph) -> object:
        """Create the workflows and triggers of a graph, in one transaction as a file would."""
        workflows = tuple(Workflow(id=workflow_id) for workflow_id in graph.workflow_ids)
        changes = DefinitionChanges(put_workflows=workflows, put_triggers=graph.triggers)
        return self.engine.change_definitions(lambda _: changes)

    def do_create_workflow(self, workflow_id: str) -> object:
        """Create a workflow."""
        return self.engine.create_workflow(workflow_id)

    def do_delete_workflow(self, workflow_id: str) -> object:
        """Delete a workflow with its triggers."""
        return self.engine.delete_workflow(workflow_id)

    def do_create_trigger(self, trigger: AnyTrigger) -> object:
        """Create a trigger. The host may give it another id."""
        return self.engine.create_trigger(trigger)

    def do_update_trigger(self, trigger_id: str, **changes: Any) -> object:
        """Change fields of a trigger."""
        return self.engine.update_trigger(trigger_id, **changes)

    def do_delete_trigger(self, trigger_id: str) -> object:
        """Delete a trigger."""
        return self.engine.delete_trigger(trigger_id)

    def do_start(self, workflow_id: str, execution_id: str) -> object:
        """Start a workflow by hand. The host may give the execution another id."""
        return self.engine.start(workflow_id, execution_id=execution_id)

    def do_complete(self, execution_id: str, workflow_id: str, status: str) -> object:
        """Tell that an execution of this workflow has ended so."""
        return self.engine.complete(execution_id, status)

    def do_cancel(self, execution_id: str) -> object:
        """Cancel an execution."""
        return self.engine.cancel(execution_id)

    def do_emit(self, event_type: str, key: str) -> object:
        """Tell of an event."""
        return self.engine.emit(event_type, key=key)

    def do_tick(self) -> object:
        """Look at the schedules."""
        return self.engine.tick()

    def do_dispatch(self) -> object:
        """Start what is due."""
        return self.engine.dispatch_due()

    # What there is now, for rules

    @property
    def known_workflows(self) -> list[str]:
        """The ids of the workflows that there are."""
        return sorted(self.memory.sight.workflows)

    @property
    def free_workflows(self) -> list[str]:
        """The ids that no workflow has."""
        return [workflow_id for workflow_id in self.workflow_ids if workflow_id not in self.memory.sight.workflows]

    @property
    def known_triggers(self) -> list[str]:
        """The labels of the triggers that there are."""
        return [self.memory.labels[trigger_id] for trigger_id in self.memory.sight.triggers]

    @property
    def known_dependencies(self) -> list[str]:
        """The labels of the dependency triggers."""
        return [self.memory.labels[trigger.id] for trigger in self.memory.sight.dependencies]

    @property
    def cycles_to_close(self) -> list[tuple[str, str]]:
        """Upstream and downstream of dependencies that would close a cycle, for each downstream the longest way."""
        chains = {first: chains_from(self.memory.sight.dependencies, first) for first in self.known_workflows}
        return [(list(chains[first])[-1], first) for first in chains if len(chains[first]) > 1]

    @property
    def known_events(self) -> list[str]:
        """The labels of the event triggers."""
        triggers = self.memory.sight.triggers.values()
        return [self.memory.labels[trigger.id] for trigger in triggers if isinstance(trigger, EventTrigger)]

    @property
    def awaited_workflows(self) -> list[str]:
        """The ids of the workflows of which an execution is pending."""
        return sorted({execution.workflow_id for execution in self._pending} & self.memory.sight.workflows)

    @property
    def awaited_triggers(self) -> list[str]:
        """The labels of the triggers of which an execution is pending."""
        awaited = {execution.trigger_id for execution in self._pending}
        return [self.memory.labels[trigger_id] for trigger_id in self.memory.sight.triggers if trigger_id in awaited]

    @property
    def awaited_dependencies(self) -> list[str]:
        """The labels of the dependency triggers of which an execution is pending."""
        return [trigger for trigger in self.awaited_triggers if trigger in self.known_dependencies]

    @property
    def _pending(self) -> list[Execution]:
        return [execution for execution in self.memory.sight.executions.values() if execution.status == "pending"]

    @property
    def known_executions(self) -> list[str]:
        """The labels of the executions, those that have not ended first."""
        executions = sorted(self.memory.sight.executions.values(), key=lambda execution: execution.has_ended)
        return [self.memory.labels[execution.id] for execution in executions]

    @property
    def ended_executions(self) -> list[str]:
        """The labels of the executions that have ended, the newest first."""
        return [self.memory.labels[execution.id] for execution in reversed(self.memory.ended)]

    # Steps

    @initialize(graph=_beginnings())
    def begin_with(self, graph: ReadableGraph) -> None:
        """Most of what goes wrong needs a graph: there is one from the first step on."""
        self._made["t"] += len(graph.triggers)
        self._ask(lambda: self.do_begin(graph))

    @precondition(lambda self: self.free_workflows)
    @rule(workflow_id=_drawn_from(lambda machine: machine.free_workflows))
    def create_workflow(self, workflow_id: str) -> None:
        """A workflow is created."""
        self._ask(lambda: self.do_create_workflow(workflow_id))

    @precondition(lambda self: self._may_delete and self.known_workflows)
    # Those that something waits for count twice.
    @rule(workflow_id=_drawn_from(lambda machine: [*machine.known_workflows, *machine.awaited_workflows]))
    def delete_workflow(self, workflow_id: str) -> None:
        """A workflow is deleted with all that leads into and out of it; the next one when something has ended again."""
        # Else most graphs are gone before anything has come of them.
        self._may_delete = False
        self._ask(lambda: self.do_delete_workflow(workflow_id))

    @precondition(lambda self: self.known_workflows)
    @rule(
        upstream=_drawn_from(lambda machine: machine.known_workflows),
        downstream=_drawn_from(lambda machine: machine.known_workflows),
        condition=st.sampled_from(CONDITIONS),
        delay_minutes=_DELAY_MINUTES,
    )
    def create_dependency(self, upstream: str, downstream: str, condition: str, delay_minutes: int) -> None:
        """A workflow comes to depend on another one, unless that closes a cycle or says what is said already."""
        self._depend(upstream, downstream, dependency_condition=condition, delay_minutes=delay_minutes)

    @precondition(lambda self: self.cycles_to_close)
    @rule(pair=_drawn_from(lambda machine: machine.cycles_to_close))
    def close_cycle(self, pair: tuple[str, str]) -> None:
        """A workflow is to depend on one that depends on it, however long the way, and is refused."""
        self._depend(*pair)

    @precondition(lambda self: self.known_workflows)
    @rule(
        workflow_id=_drawn_from(lambda machine: machine.known_workflows),
        when=_drawn_from(lambda machine: ("event", *machine.cron_expressions)),
        enabled=st.sampled_from((True, True, False)),
    )
    def create_trigger(self, workflow_id: str, when: str, enabled: bool) -> None:
        """A workflow comes to be started by events, or by a schedule; or would, were that not disabled."""
        label = self._new("t")
        # Named, so that no two schedules say the same.
        named: dict[str, Any] = {"id": label, "trigger_name": label, "workflow_id": workflow_id, "enabled": enabled}
        if when == "event":
            self._ask(lambda: self.do_create_trigger(EventTrigger(**named, event_type="arrived")))
        else:
            self._ask(lambda: self.do_create_trigger(ScheduledTrigger(**named, cron_expression=when)))

    @precondition(lambda self: self.known_dependencies)
    @rule(
        trigger=_drawn_from(lambda machine: machine.known_dependencies),
        upstream=_drawn_from(lambda machine: machine.known_workflows),
        delay_minutes=_DELAY_MINUTES,
    )
    def update_dependency(self, trigger: str, upstream: str, delay_minutes: int) -> None:
        """A dependency is turned to another workflow, unless that closes a cycle, and gets another delay."""
        self._turn(trigger, depends_on_workflow_id=upstream, delay_minutes=delay_minutes)

    @precondition(lambda self: self.known_triggers)
    @rule(
        trigger=_drawn_from(lambda machine: machine.known_triggers),
        change=st.sampled_from(("delete", "disable", "enable")),
    )
    def change_trigger(self, trigger: str, change: str) -> None:
        """A trigger is deleted, disabled or enabled."""
        self._change_trigger(trigger, change)

    @precondition(lambda self: self.awaited_triggers)
    @rule(
        trigger=_drawn_from(lambda machine: machine.awaited_triggers),
        change=st.sampled_from(("delete", "disable")),
    )
    def call_off(self, trigger: str, change: str) -> None:
        """A trigger is deleted or disabled while something that it started waits; when its time comes, it is off."""
        self._change_trigger(trigger, change)
        self.memory.look(self.engine)
        self._serve(60)

    @precondition(lambda self: self.awaited_dependencies)
    @rule(
        trigger=_drawn_from(lambda machine: machine.awaited_dependencies),
        upstream=_drawn_from(lambda machine: machine.known_workflows),
    )
    def turn_away(self, trigger: str, upstream: str) -> None:
        """A dependency is turned to another workflow while something that it started waits, which is off by that."""
        self._turn(trigger, depends_on_workflow_id=upstream)
        self.memory.look(self.engine)
        self._serve(60)

    @precondition(lambda self: self.known_workflows)
    @rule(
        workflow_ids=st.lists(_drawn_from(lambda machine: machine.known_workflows), min_size=1, max_size=4),
        status=_STATUS_OR_PENDING,
    )
    def run(self, workflow_ids: list[str], status: str) -> None:
        """Workflows are started by hand, one after the other, and each ends at once unless it is left pending."""
        for workflow_id in workflow_ids:
            before = self.memory.sight.executions.keys()
            self._ask(partial(self.do_start, workflow_id, self._new("e")))
            self.memory.look(self.engine)
            for started in self.memory.sight.executions.keys() - before:
                if status != "pending":
                    self._complete(self.memory.sight.executions[started], status)

    @precondition(lambda self: self.known_workflows)
    @rule(workflow_id=_drawn_from(lambda machine: machine.known_workflows), status=_STATUS)
    def run_cascade(self, workflow_id: str, status: str) -> None:
        """A workflow is started by hand and ends so, and all that comes of it and is due ends well."""
        seen = set(self.memory.sight.executions)
        self._ask(lambda: self.do_start(workflow_id, self._new("e")))
        # No cascade has more hops than there are workflows, whatever the host adds to it.
        for _ in self.workflow_ids:
            self.memory.look(self.engine)
            born = [execution for execution in self.memory.sight.executions.values() if execution.id not in seen]
            seen.update(execution.id for execution in born)
            for execution_id in [execution.id for execution in born]:
                # As it is by now: a host may have ended it along with another one.
                execution = self.memory.sight.executions[execution_id]
                if not execution.has_ended and execution.run_after <= self.clock.now():
                    self._complete(execution, status if execution.hop == 0 else "completed")
                    self.memory.look(self.engine)

    @precondition(lambda self: self.known_executions)
    @rule(execution=_drawn_from(lambda machine: machine.known_executions), status=_STATUS)
    def complete(self, execution: str, status: str) -> None:
        """An execution ends, or its end is told again; another end is a conflict."""
        self._complete(self._execution(execution), status)

    @precondition(lambda self: self.memory.ended)
    @rule(execution=_drawn_from(lambda machine: machine.ended_executions))
    def tell_again(self, execution: str) -> None:
        """An end is told again, as callers do that never heard the answer: nothing happens twice."""
        stored = self._execution(execution)
        self._complete(stored, stored.status)

    @precondition(lambda self: self.known_executions)
    @rule(execution=_drawn_from(lambda machine: machine.known_executions))
    def cancel(self, execution: str) -> None:
        """An execution is cancelled, or asked to stop where it runs."""
        stored = self._execution(execution)
        refusal = ("ExecutionConflict",) if stored.status in {"completed", "failed"} else None
        self._ask(lambda: self.do_cancel(stored.id), refusal=refusal)

    @precondition(lambda self: self.known_events)
    @rule(key=st.sampled_from(("k1", "k2")))
    def emit(self, key: str) -> None:
        """An event happens, or is told again."""
        self._ask(lambda: self.do_emit("arrived", key))

    @rule(minutes=st.sampled_from((0, 1, 5, 60)))
    def serve(self, minutes: int) -> None:
        """Time passes, the schedules are looked at, and what is due is started."""
        self._serve(minutes)

    @precondition(lambda self: self._ends_since_restart)
    @rule()
    def restart(self) -> None:
        """The process ends, having recorded something, and another opens the same database: all is as it was."""
        self._ends_since_restart = 0
        before = sight_of(self.engine)
        self.memory.compare(before)
        self.close_engine()
        self.engine = self.make_engine(self.database)
        after = sight_of(self.engine)
        assert after == before, f"a restart changed {before} to {after}"
        for execution_id, verdicts in self.memory.verdicts.items():
            assert self.engine.get_verdicts(execution_id) == verdicts, (
                f"the verdicts on {execution_id} changed (rule 4)"
            )

    # What must hold

    def check_invariants(self, *arguments: Any, **keywords: Any) -> None:
        """Look at the engine before any invariant is asked, those of hosts too: they may read ``memory``."""
        self.memory.look(self.engine)
        starts = [(execution.id, execution.attempt) for execution in self.executor.started]
        assert len(starts) == len(set(starts)), f"an attempt was started twice: {starts} (rule 10)"
        super().check_invariants(*arguments, **keywords)

    # How a step asks

    def _ask(self, call: Callable[[], object], *, refusal: tuple[str, ...] | None = None) -> bool:
        """Let the host do something; whether it did. Asserts that the engine refuses what it must, and no more."""
        try:
            call()
        except RefusedByHost:
            return False
        except FlowforgeGraphError as error:
            chain = error.chain if isinstance(error, CycleError) else ()
            answer: tuple[str, ...] | None = (type(error).__name__, *chain)
            if answer != refusal:
                raise
        else:
            answer = None
        assert answer == refusal, f"accepted, where {refusal} was expected"
        return answer is None

    def _depend(self, upstream: str, downstream: str, **fields: Any) -> None:
        trigger = DependencyTrigger(
            id=self._new("t"), workflow_id=downstream, depends_on_workflow_id=upstream, **fields
        )
        self._ask(lambda: self.do_create_trigger(trigger), refusal=self.memory.refusal_of(trigger))

    def _turn(self, trigger: str, **changes: Any) -> None:
        stored = self.memory.sight.triggers[self.memory.id_of(trigger)]
        assert isinstance(stored, DependencyTrigger)
        refusal = self.memory.refusal_of(stored.evolve(**changes))
        self._ask(lambda: self.do_update_trigger(stored.id, **changes), refusal=refusal)

    def _change_trigger(self, trigger: str, change: str) -> None:
        trigger_id = self.memory.id_of(trigger)
        if change == "delete":
            self._ask(lambda: self.do_delete_trigger(trigger_id))
        else:
            self._ask(lambda: self.do_update_trigger(trigger_id, enabled=change == "enable"))

    def _serve(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)
        self._ask(self.do_tick)
        # What is dispatched is looked at once more: a start that should not have been would be cancelled by then.
        self.memory.look(self.engine)
        self._ask(self.do_dispatch)

    def _complete(self, execution: Execution, status: str) -> None:
        refusal = ("CompletionConflict",) if execution.has_ended and execution.status != status else None
        if self._ask(lambda: self.do_complete(execution.id, execution.workflow_id, status), refusal=refusal):
            self._ends_since_restart += 1
            self._may_delete = True
            stored = self.engine.get_execution(execution.id)
            assert stored.status == status, f"{stored.id} was acknowledged as {status} and is {stored.status} (rule 4)"

    def _new(self, letter: str) -> str:
        self._made[letter] += 1
        return f"{letter}{self._made[letter]}"

    def _execution(self, label: str) -> Execution:
        return self.memory.sight.executions[self.memory.id_of(label)]
