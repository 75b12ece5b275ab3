"""What the graph's tests share: short ways to name triggers, and the checks that hold at every instant."""

from __future__ import annotations

import networkx as nx

from flowforge_graph.errors import CycleError, DuplicateTrigger, FlowforgeGraphError
from flowforge_graph.graph import DependencyEdge, TriggerGraph
from flowforge_graph.model import AnyTrigger, DependencyTrigger, ScheduledTrigger


def depends(
    downstream: str, upstream: str, *, condition: str = "on_success", id: str | None = None, **fields: object
) -> DependencyTrigger:
    """A dependency trigger; its id says what it is unless another is given."""
    return DependencyTrigger(
        id=id or f"{downstream} after {upstream} {condition}",
        workflow_id=downstream,
        depends_on_workflow_id=upstream,
        dependency_condition=condition,
        **fields,
    )


def scheduled(workflow_id: str, cron: str = "0 2 * * *", *, id: str, **fields: object) -> ScheduledTrigger:
    """A scheduled trigger."""
    return ScheduledTrigger(id=id, workflow_id=workflow_id, cron_expression=cron, **fields)


def row(
    downstream: str, upstream: str, *, seq: int, id: str | None = None, condition: str = "on_success"
) -> DependencyEdge:
    """An edge as storage reads it."""
    return DependencyEdge(
        id=id or f"row {seq}",
        workflow_id=downstream,
        depends_on_workflow_id=upstream,
        dependency_condition=condition,
        seq=seq,
    )


def graph_of(*pairs: str) -> TriggerGraph:
    """A graph of edges written ``"ab"``: b depends on a."""
    graph = TriggerGraph()
    for upstream, downstream in pairs:
        graph.add(depends(downstream, upstream))
    return graph


def content(graph: TriggerGraph) -> tuple[object, ...]:
    """Everything the outside can see of a graph, in the order in which it is seen."""
    return (
        [(node, dict(data)) for node, data in graph.digraph.nodes(data=True)],
        [(*edge[:2], dict(edge[2])) for edge in graph.digraph.edges(data=True)],
        [(*edge[:2], dict(edge[2])) for edge in graph.digraph.in_edges(data=True)],
        len(graph),
    )


def outcome(graph: TriggerGraph, triggers: list[AnyTrigger]) -> object:
    """What adding the triggers one at a time answers: the first error, as a comparable value, or None."""
    try:
        for trigger in triggers:
            graph.add(trigger)
    except FlowforgeGraphError as error:
        return comparable(error)
    return None


def comparable(error: FlowforgeGraphError) -> object:
    """An error by what it says."""
    if isinstance(error, CycleError):
        return error.chain
    if isinstance(error, DuplicateTrigger):
        return str(error), error.existing_id
    return type(error), str(error)


def assert_sound(graph: TriggerGraph) -> None:
    """Order, adjacency and triggers agree with each other."""
    digraph = graph.digraph
    assert nx.is_directed_acyclic_graph(digraph)
    place = {node: index for index, node in enumerate(graph.topological_order())}
    assert place.keys() == set(digraph.nodes)
    assert all(place[upstream] < place[downstream] for upstream, downstream in digraph.edges)
    labels = graph._store.order.labels
    assert all(labels[upstream] < labels[downstream] for upstream, downstream in digraph.edges)
    triggers = [edge for _, _, held in digraph.edges(data="triggers") for edge in held]
    own = [trigger for _, held in digraph.nodes(data="triggers", default=()) for trigger in held]
    assert len(graph) == len(triggers) + len(own)
    assert all(trigger.id in graph for trigger in [*triggers, *own])
    assert all((edge.depends_on_workflow_id, edge.workflow_id) in digraph.edges for edge in triggers)
    assert list(digraph.in_edges(data="triggers")) or not triggers
