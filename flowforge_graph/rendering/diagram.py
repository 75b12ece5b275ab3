"""Reading a graph into a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from flowforge_graph.errors import WorkflowNotFound
from flowforge_graph.model import CONDITIONS
from flowforge_graph.rendering.limits import ImageLimits
from flowforge_graph.rendering.picture import Box, Diagram, Line, TextLine
from flowforge_graph.rendering.view import DiagramView, WorkflowNote
from flowforge_graph.rendering.wording import schedule_line

if TYPE_CHECKING:
    import networkx as nx

    AnyGraph: TypeAlias = nx.DiGraph[str]

_NO_NOTE: Final = WorkflowNote()
_PLACES: Final = {condition: place for place, condition in enumerate(CONDITIONS)}


def diagram_of(
    graph: AnyGraph,
    view: DiagramView | None = None,
    notes: Mapping[str, WorkflowNote] | None = None,
    *,
    limits: ImageLimits | None = None,
) -> Diagram:
    """The diagram of a graph.

    Args:
        graph: any DiGraph from upstream to downstream. An edge carries ``triggers`` (values with the fields of
            DependencyTrigger), a node ``name`` and ``triggers`` (scheduled, event, manual); all of it may be missing.
        view: what to show and how.
        notes: what is known of each workflow, by id, beside the graph.
        limits: those of the image that will be made of it, to be refused before it costs anything.

    Raises:
        WorkflowNotFound: the graph has no workflow of the view's root.
        ImageError: the view shows more workflows than ``limits`` allow.

    Cost: O(graph), and O(workflows x edges) for ``reduce``.
    """
    view, notes = view or DiagramView(), notes or {}
    shown = _shown_ids(graph, view)
    if limits is not None:
        limits.refuse_more(len(shown))
    edges, reduced = _shown_edges(graph, shown, view)
    chain = set(pairwise(view.refused))
    return Diagram(
        view=view,
        boxes=tuple(_box(graph, each, shown, view, notes.get(each, _NO_NOTE)) for each in sorted(shown)),
        lines=tuple(_lines(graph, edges, chain, closing=view.refused[-2:])),
        reduced=reduced,
    )


def _shown_ids(graph: AnyGraph, view: DiagramView) -> set[str]:
    if view.root is None:
        return {*graph, *view.refused}
    if view.root not in graph:
        raise WorkflowNotFound(view.root)
    import networkx as nx

    downstream = nx.single_source_shortest_path_length(graph, view.root, cutoff=view.depth)
    upstream = nx.single_source_shortest_path_length(graph.reverse(copy=False), view.root, cutoff=view.depth)
    return {*upstream, *downstream, *view.refused}


def _shown_edges(graph: AnyGraph, shown: set[str], view: DiagramView) -> tuple[set[tuple[str, str]], int]:
    """The edges to draw, those of the refused chain among them, and how many of the graph's were left out."""
    edges = {(upstream, downstream) for upstream in shown & set(graph) for downstream in graph.succ[upstream]}
    edges = {edge for edge in edges if edge[1] in shown}
    kept = _without_implied(edges) if view.reduce else edges
    chain = set(pairwise(view.refused))
    return kept | chain, len(edges - kept - chain)


def _without_implied(edges: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The transitive reduction; edges within a cycle (a refused one is drawn) imply nothing and stay."""
    import networkx as nx

    graph: AnyGraph = nx.DiGraph(sorted(edges))
    turning = {node for part in nx.strongly_connected_components(graph) if len(part) > 1 for node in part}
    turning |= {node for node in graph if graph.has_edge(node, node)}
    straight = graph.subgraph(set(graph) - turning)
    return set(nx.transitive_reduction(straight).edges) | {edge for edge in edges if not turning.isdisjoint(edge)}


def _box(graph: AnyGraph, workflow_id: str, shown: set[str], view: DiagramView, note: WorkflowNote) -> Box:
    attributes: Mapping[str, Any] = graph.nodes[workflow_id] if workflow_id in graph else {}
    triggers = note.triggers or tuple(attributes.get("triggers", ()))
    known = workflow_id in graph
    return Box(
        id=workflow_id,
        name=note.name or attributes.get("name") or workflow_id,
        lines=(*_schedule_lines(triggers), *(TextLine(text=text) for text in note.lines)),
        status=note.status,
        group=_group(note, view),
        tags=note.tags,
        url=note.url,
        is_off=known and _is_off([*triggers, *_triggers_into(graph, workflow_id)]),
        is_root=workflow_id == view.root,
        is_refused=workflow_id in view.refused,
        hidden_upstream=len(set(graph.pred[workflow_id]) - shown) if known else 0,
        hidden_downstream=len(set(graph.succ[workflow_id]) - shown) if known else 0,
    )


def _group(note: WorkflowNote, view: DiagramView) -> str | None:
    if view.group_by == "tag":
        return min(note.tags, default=None)
    return note.source if view.group_by == "source" else None


def _schedule_lines(triggers: Iterable[Any]) -> list[TextLine]:
    lines = [
        TextLine(text=text, is_off=not trigger.enabled)
        for trigger in triggers
        if (text := schedule_line(trigger)) is not None
    ]
    return sorted(lines, key=lambda line: (line.is_off, line.text))


def _is_off(triggers: Iterable[Any]) -> bool:
    enabled = [trigger.enabled for trigger in triggers]
    return bool(enabled) and not any(enabled)


def _triggers_into(graph: AnyGraph, workflow_id: str) -> Iterator[Any]:
    for attributes in graph.pred[workflow_id].values():
        yield from attributes.get("triggers", ())


def _lines(
    graph: AnyGraph, edges: set[tuple[str, str]], chain: set[tuple[str, str]], *, closing: tuple[str, ...]
) -> Iterator[Line]:
    for upstream, downstream in sorted(edges):
        refused, closes = (upstream, downstream) in chain, (upstream, downstream) == closing
        carried = graph.succ[upstream][downstream].get("triggers", ()) if graph.has_edge(upstream, downstream) else ()
        for trigger in sorted(carried, key=_place_of) or (None,):
            yield _line(trigger, upstream=upstream, downstream=downstream, refused=refused, closes=closes)


def _place_of(trigger: Any) -> tuple[int, str, str]:
    condition = trigger.dependency_condition
    return _PLACES.get(condition, len(_PLACES)), condition, trigger.id


def _line(trigger: Any, *, upstream: str, downstream: str, refused: bool, closes: bool) -> Line:
    if trigger is None:
        return Line(upstream=upstream, downstream=downstream, is_refused=refused, closes=closes)
    return Line(
        upstream=upstream,
        downstream=downstream,
        condition=trigger.dependency_condition,
        trigger_id=trigger.id,
        trigger_name=trigger.trigger_name,
        delay_minutes=trigger.delay_minutes,
        is_off=not trigger.enabled,
        is_refused=refused,
        closes=closes,
    )
