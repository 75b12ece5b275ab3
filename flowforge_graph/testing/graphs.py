"""Graphs that a person can read, and paste from a counterexample into a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flowforge_graph.graph import TriggerGraph
from flowforge_graph.model import DependencyTrigger

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine

Edge = Sequence[Any]


class ReadableGraph(TriggerGraph):
    """A graph of dependency triggers whose ``repr`` is the call of :func:`graph_of` that makes it."""

    @property
    def workflow_ids(self) -> tuple[str, ...]:
        """The workflows, in the order in which they came."""
        return tuple(self.digraph)

    @property
    def triggers(self) -> tuple[DependencyTrigger, ...]:
        """The dependency triggers, in creation order."""
        edges = [edge for workflow_id in self.digraph for edge in self.edges_out_of(workflow_id)]
        return tuple(edge.as_trigger() for edge in sorted(edges, key=lambda edge: edge.seq))

    def create_in(self, engine: TriggerEngine) -> None:
        """Create its workflows and triggers in an engine. Raises what the engine raises, after the workflows."""
        for workflow_id in self.workflow_ids:
            engine.create_workflow(workflow_id)
        engine.create_triggers(self.triggers)

    def __repr__(self) -> str:
        triggers = self.triggers
        joined = {end for trigger in triggers for end in (trigger.workflow_id, trigger.depends_on_workflow_id)}
        alone = tuple(workflow_id for workflow_id in self.workflow_ids if workflow_id not in joined)
        edges = [repr(_edge_of(trigger, number)) for number, trigger in enumerate(triggers, 1)]
        return f"graph_of({', '.join([*edges, f'workflows={alone!r}'] if alone else edges)})"


def graph_of(*edges: Edge, workflows: Iterable[str] = ()) -> ReadableGraph:
    """A graph in short.

    Args:
        edges: ``(upstream, downstream)``, and where it matters the condition and further fields of the trigger:
            ``("a", "b", "on_failure", {"delay_minutes": 5})``. A text of two letters will do: ``"ab"``. The triggers
            are ``t1``, ``t2``, … in this order.
        workflows: those that no edge names, or that are to come first.

    Raises:
        CycleError, DuplicateTrigger, InvalidTrigger, InvalidWorkflow: as the graph answers to the first bad edge.
    """
    graph = ReadableGraph()
    for workflow_id in workflows:
        graph.add_workflow(workflow_id)
    for number, edge in enumerate(edges, 1):
        graph.add(_trigger_of(number, *edge))
    return graph


def _trigger_of(
    number: int, upstream: str, downstream: str, condition: str = "on_success", fields: Mapping[str, Any] | None = None
) -> DependencyTrigger:
    named = {"id": f"t{number}", "dependency_condition": condition, **(fields or {})}
    return DependencyTrigger(workflow_id=downstream, depends_on_workflow_id=upstream, **named)


def _edge_of(trigger: DependencyTrigger, number: int) -> tuple[Any, ...]:
    ends = (trigger.depends_on_workflow_id, trigger.workflow_id)
    plain = _trigger_of(number, *ends, trigger.dependency_condition)
    fields = {name: value for name, value in trigger if value != getattr(plain, name)}
    if fields:
        return (*ends, trigger.dependency_condition, fields)
    return ends if trigger.dependency_condition == "on_success" else (*ends, trigger.dependency_condition)
