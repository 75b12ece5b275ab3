"""Trying changes out: what would be refused, answered without touching the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from flowforge_graph.errors import CycleError, TriggerNotFound
from flowforge_graph.graph.duplicates import refuse_equal_edge, refuse_equal_standalone
from flowforge_graph.graph.edges import (
    Carried,
    EdgeTuple,
    Entry,
    StandaloneEntry,
    carrying,
    edge_of,
    edges_in,
    id_of,
    seq_of,
    with_edge,
    without_edge,
)
from flowforge_graph.graph.read_only import UNNAMED, Adjacency, NodeAttributes
from flowforge_graph.graph.settled import SettledDict
from flowforge_graph.graph.store import TriggerStore
from flowforge_graph.graph.topological_order import TopologicalOrder
from flowforge_graph.model import AnyTrigger, DependencyTrigger

_V = TypeVar("_V")


class _Layer(dict[str, _V]):
    """A dictionary on top of another: what is not in it is read below, what is written stays in it.

    Only item access falls through. ``in`` and ``get`` speak of this layer alone, which tells what was changed.
    """

    __slots__ = ("_below",)

    def __init__(self, below: Mapping[str, _V]) -> None:
        super().__init__()
        self._below = below

    def __missing__(self, key: str) -> _V:
        return self._below[key]


class ProposedChanges:
    """A layer of changes over a graph. Each step is checked against the graph with the steps before it.

    After a step has raised, the layer is of no more use. Cost: that of the steps alone, plus a copy of the neighbours
    of each workflow whose edges change.
    """

    def __init__(self, store: TriggerStore) -> None:
        self._successors: Adjacency = _Layer(store.successors)
        self._predecessors: Adjacency = _Layer(store.predecessors)
        self._nodes: dict[str, NodeAttributes] = _Layer(store.nodes)
        self._entries: dict[str, Entry] = _Layer(store.entries)
        self._gone: set[str] = set()
        lowest, highest = store.order.bounds
        self._order = TopologicalOrder(
            successors=self._successors,
            predecessors=self._predecessors,
            labels=_Layer(store.order.labels),
            lowest=lowest,
            highest=highest,
        )

    def remove(self, trigger_id: str) -> None:
        """The trigger goes; raise TriggerNotFound if there is none."""
        entry = self._entry(trigger_id)
        if entry is None:
            raise TriggerNotFound(trigger_id)
        self._gone.add(trigger_id)
        self._detach(entry)

    def put(self, trigger: AnyTrigger) -> None:
        """The trigger comes, or takes the place of the one of its id; raise DuplicateTrigger or CycleError."""
        old = self._entry(trigger.id)
        seq = 0 if old is None else seq_of(old)
        if isinstance(trigger, DependencyTrigger):
            edge = edge_of(trigger, seq=seq)
            refuse_equal_edge(edge, among=self._edges_of_pair(edge))
            self.put_edge(edge)
        else:
            own = self._node(trigger.workflow_id).triggers
            refuse_equal_standalone(trigger, among=own)
            self._replace(old, StandaloneEntry(trigger, seq))

    def put_edge(self, edge: EdgeTuple) -> None:
        """As ``put``, for an edge whose equals do not matter; raise CycleError."""
        trigger_id, downstream, upstream = edge[:3]
        old = self._entry(trigger_id)
        if old is not None:
            self._detach(old)
        path = self._admit(tail=upstream, head=downstream)
        if path is not None:
            raise CycleError((*path, downstream))
        self._replace(None, edge)

    def path(self, *, source: str, target: str) -> tuple[str, ...] | None:
        """The shortest path through the changed graph, or None."""
        if source == target:
            return (source,)
        if not (self._has_node(source) and self._has_node(target)):
            return None
        return self._order.shortest_path(source=source, target=target)

    def _replace(self, old: Entry | None, new: Entry) -> None:
        if old is not None:
            self._detach(old)
        if isinstance(new, StandaloneEntry):
            self._need_node(new.value.workflow_id)
            node = self._node(new.value.workflow_id)
            self._nodes[new.value.workflow_id] = NodeAttributes(node.name, (*node.triggers, new.value))
        else:
            self._link(new, with_edge(self._edges_of_pair(new), new))
        self._entries[id_of(new)] = new
        self._gone.discard(id_of(new))

    def _detach(self, entry: Entry) -> None:
        if isinstance(entry, StandaloneEntry):
            node = self._node(entry.value.workflow_id)
            left = tuple(trigger for trigger in node.triggers if trigger.id != entry.value.id)
            self._nodes[entry.value.workflow_id] = NodeAttributes(node.name, left)
        else:
            self._link(entry, without_edge(self._edges_of_pair(entry), entry[0]))

    def _link(self, edge: EdgeTuple, edges: tuple[EdgeTuple, ...]) -> None:
        """Let the edge of these two workflows carry ``edges``; with none left there is no edge."""
        _, downstream, upstream = edge[:3]
        after = _own_neighbours(self._successors, upstream)
        before = _own_neighbours(self._predecessors, downstream)
        if edges:
            after[downstream] = before[upstream] = carrying(edges)
        else:
            after.pop(downstream, None)
            before.pop(upstream, None)

    def _admit(self, *, tail: str, head: str) -> tuple[str, ...] | None:
        self._need_node(tail)
        self._need_node(head)
        return self._order.admit(tail=tail, head=head)

    def _edges_of_pair(self, edge: EdgeTuple) -> tuple[EdgeTuple, ...]:
        _, downstream, upstream = edge[:3]
        known = self._successors[upstream].get(downstream) if self._has_node(upstream) else None
        return () if known is None else edges_in(known)

    def _entry(self, trigger_id: str) -> Entry | None:
        try:
            return None if trigger_id in self._gone else self._entries[trigger_id]
        except KeyError:
            return None

    def _node(self, workflow_id: str) -> NodeAttributes:
        return self._nodes[workflow_id] if self._has_node(workflow_id) else UNNAMED

    def _has_node(self, workflow_id: str) -> bool:
        try:
            self._order.labels[workflow_id]
        except KeyError:
            return False
        return True

    def _need_node(self, workflow_id: str) -> None:
        if not self._has_node(workflow_id):
            self._successors[workflow_id] = SettledDict()
            self._predecessors[workflow_id] = SettledDict()
            self._nodes[workflow_id] = UNNAMED
            self._order.place_last(workflow_id)


def _own_neighbours(adjacency: Adjacency, node: str) -> SettledDict[str, Carried]:
    """The neighbours of ``node`` in this layer: a copy of those below at the first change."""
    if node not in adjacency:
        adjacency[node] = SettledDict(adjacency[node])
    return adjacency[node]
