"""What each word of a script does to a node: one call of the engine, as any host would make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Protocol

from flowforge_graph.engine import DefinitionChanges, TriggerEngine
from flowforge_graph.model import Claim, Workflow, parse_trigger
from flowforge_graph.testing.fakes import FixedClock
from flowforge_graph.testing.simulation.executor import ScriptedExecutor, ScriptedHost


class NothingToDo(Exception):
    """The step names something that an earlier step would have made, and that step was left out."""


class Caller(Protocol):
    """The node that acts, and the names that the script has given."""

    @property
    def engine(self) -> TriggerEngine:
        """The engine of its process."""

    @property
    def clock(self) -> FixedClock:
        """Its clocks."""

    @property
    def executor(self) -> ScriptedExecutor:
        """Its executor."""

    def id_of(self, label: str) -> str:
        """The id of an execution by its label."""

    def claim_of(self, label: str) -> Claim:
        """The claim of a label. Raises NothingToDo."""


def define(caller: Caller, *, workflows: Sequence[str] = (), triggers: Sequence[Mapping[str, Any]] = ()) -> Any:
    """Put workflows and triggers in one transaction, as a file would."""
    changes = DefinitionChanges(
        put_workflows=tuple(Workflow(id=workflow) for workflow in workflows),
        put_triggers=tuple(parse_trigger(fields) for fields in triggers),
    )
    return caller.engine.change_definitions(lambda _: changes)


def create_workflow(caller: Caller, *, workflow: str) -> Any:
    """Create one workflow."""
    return caller.engine.create_workflow(workflow)


def rename_workflow(caller: Caller, *, workflow: str, name: str) -> Any:
    """Give a workflow another name."""
    return caller.engine.update_workflow(workflow, name=name)


def delete_workflow(caller: Caller, *, workflow: str) -> Any:
    """Delete a workflow with all that leads into and out of it."""
    return caller.engine.delete_workflow(workflow)


def create_triggers(caller: Caller, *, triggers: Sequence[Mapping[str, Any]]) -> Any:
    """Create triggers, all or nothing."""
    return caller.engine.create_triggers([parse_trigger(fields) for fields in triggers])


def update_trigger(caller: Caller, *, trigger: str, changes: Mapping[str, Any]) -> Any:
    """Change some fields of a trigger."""
    return caller.engine.update_trigger(trigger, **changes)


def delete_trigger(caller: Caller, *, trigger: str) -> Any:
    """Delete a trigger."""
    return caller.engine.delete_trigger(trigger)


def start(caller: Caller, *, execution: str, workflow: str, caused_by: str | None = None) -> Any:
    """Start a workflow by hand, under an id of the caller's."""
    cause = None if caused_by is None else caller.id_of(caused_by)
    parameters = {"asked": execution}
    return caller.engine.start(workflow, parameters, execution_id=caller.id_of(execution), caused_by=cause)


def complete(
    caller: Caller, *, execution: str, status: str, workflow: str | None = None, claim: str | None = None
) -> Any:
    """Report one end, as a holder (with a claim) or as a hook (without)."""
    held = None if claim is None else caller.claim_of(claim)
    return caller.engine.complete(caller.id_of(execution), status, workflow_id=workflow, claim=held)


def complete_many(caller: Caller, *, completions: Sequence[Mapping[str, Any]]) -> Any:
    """Report several ends in one call."""
    return caller.engine.complete_many(
        {
            "execution_id": caller.id_of(item["execution"]),
            "status": item["status"],
            "workflow_id": item.get("workflow"),
        }
        for item in completions
    )


def cancel(caller: Caller, *, execution: str) -> Any:
    """Cancel an execution."""
    return caller.engine.cancel(caller.id_of(execution))


def emit(caller: Caller, *, event_type: str, key: str) -> Any:
    """Tell of an event."""
    return caller.engine.emit(event_type, {"told": key}, key=key)


def tick(caller: Caller) -> Any:
    """Look at the schedules."""
    return caller.engine.tick()


def dispatch(caller: Caller, *, executor: Sequence[str] = ()) -> Any:
    """Dispatch what is due to an executor that answers as this script says."""
    caller.executor.script = list(executor)
    return caller.engine.dispatch_due()


def claim_due(caller: Caller, *, limit: int) -> Any:
    """Claim as a host that runs executions itself."""
    return caller.engine.claim_due(limit)


def mark_running(caller: Caller, *, claim: str, external_id: str | None = None) -> Any:
    """Say that a claimed execution runs: here, or elsewhere under an id."""
    return caller.engine.mark_running(caller.claim_of(claim), external_id)


def renew(caller: Caller, *, claim: str) -> Any:
    """Give a sign of life."""
    return caller.engine.renew(caller.claim_of(claim))


def release(caller: Caller, *, claim: str) -> Any:
    """Hand a claimed execution back."""
    return caller.engine.release(caller.claim_of(claim))


def held_ends(caller: Caller, *, execution: str, status: Any) -> Any:
    """An execution that the node's executor holds ends."""
    host = _holding(caller)
    if caller.id_of(execution) not in host.running():
        raise NothingToDo
    host.end(caller.id_of(execution), status)


def held_renew(caller: Caller) -> Any:
    """The node's executor renews all that it holds."""
    return _holding(caller).renew()


def _holding(caller: Caller) -> ScriptedHost:
    if not isinstance(caller.executor, ScriptedHost):
        raise NothingToDo
    return caller.executor


def prune(caller: Caller, *, age: int) -> Any:
    """Prune what ended longer ago than that, in seconds."""
    return caller.engine.prune(caller.clock.now() - timedelta(seconds=age))


def look(caller: Caller) -> Any:
    """Ask for the live graph: its workflows, the pairs it joins, and for each workflow the triggers out of it."""
    graph = caller.engine.graph
    workflows = sorted(graph.digraph.nodes)
    return (
        workflows,
        set(graph.digraph.edges),
        [edge for workflow in workflows for edge in graph.edges_out_of(workflow)],
    )


ACTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    action.__name__: action
    for action in (
        *(define, create_workflow, rename_workflow, delete_workflow),
        *(create_triggers, update_trigger, delete_trigger),
        *(start, complete, complete_many, cancel, emit, tick, dispatch),
        *(claim_due, mark_running, renew, release, held_ends, held_renew),
        *(prune, look),
    )
}
