"""What a file as a whole must hold: every upstream exists, and no trigger closes a cycle."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import networkx as nx

from flowforge_graph.definitions.loading import Definitions, nearest
from flowforge_graph.errors import CycleError
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.model import AnyTrigger, DependencyTrigger


def check_definitions(definitions: Definitions, outside: Collection[str] = ()) -> TriggerGraph:
    """Whether a file would be accepted, without any database.

    Args:
        definitions: the loaded file.
        outside: ids of workflows that are defined elsewhere and may be upstreams. None by default, so that a
            misspelled upstream is refused.

    Returns:
        The graph that the file describes.

    Raises:
        InvalidDefinition: a trigger depends on a workflow that does not exist.
        CycleError: a trigger would close a cycle; ``source`` is the path and line of the first that does.
    """
    inside = {workflow.id for workflow in definitions.workflows}
    refuse_unknown_upstreams(definitions, inside.union(outside), whereabouts="in this file")
    graph = TriggerGraph()
    for workflow in definitions.workflows:
        graph.add_workflow(workflow.id)
    add_in_file_order(graph, definitions.triggers, definitions)
    return graph


def unchecked_graph(definitions: Definitions) -> nx.DiGraph[str]:
    """The graph that a file describes as an ordinary DiGraph, cycles and all, for a picture of what was refused.

    Each edge carries ``triggers``, the dependency triggers of its two workflows.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(workflow.id for workflow in definitions.workflows)
    for trigger in definitions.triggers:
        if isinstance(trigger, DependencyTrigger):
            pair = (trigger.depends_on_workflow_id, trigger.workflow_id)
            carried = graph.edges[pair]["triggers"] if graph.has_edge(*pair) else ()
            graph.add_edge(*pair, triggers=(*carried, trigger))
    return graph


def refuse_unknown_upstreams(definitions: Definitions, known: Collection[str], *, whereabouts: str) -> None:
    """Raise InvalidDefinition for the first trigger that depends on none of the ``known`` workflows."""
    for trigger in definitions.triggers:
        if isinstance(trigger, DependencyTrigger) and trigger.depends_on_workflow_id not in known:
            upstream = trigger.depends_on_workflow_id
            place = definitions.trigger_places[trigger.id]
            raise place.refuse(f"there is no workflow '{upstream}' {whereabouts}{nearest(upstream, known)}")


def add_in_file_order(graph: TriggerGraph, triggers: Iterable[AnyTrigger], definitions: Definitions) -> None:
    """Add the file's triggers, all or none; a CycleError names the line of the first that closes a cycle."""
    try:
        graph.add_all(triggers)
    except CycleError as error:
        raise CycleError(error.chain, source=_line_that_closes(error, definitions)) from error


def _line_that_closes(error: CycleError, definitions: Definitions) -> str | None:
    """The first trigger that joins the refused pair: had it been accepted, a later one could close no new cycle."""
    refused = (error.downstream, error.upstream)
    for trigger in definitions.triggers:
        if isinstance(trigger, DependencyTrigger) and (trigger.workflow_id, trigger.depends_on_workflow_id) == refused:
            return definitions.trigger_places[trigger.id].source
    return None
