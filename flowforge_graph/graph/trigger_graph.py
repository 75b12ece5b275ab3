"""The trigger graph: which workflow starts which, free of cycles at every instant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from flowforge_graph.errors import InvalidTrigger, InvalidWorkflow, WorkflowNotFound, shown
from flowforge_graph.graph.changes import ProposedChanges
from flowforge_graph.graph.drawing import Drawable
from flowforge_graph.graph.duplicates import refuse_used_id
from flowforge_graph.graph.edges import (
    EdgeTuple,
    Entry,
    StandaloneEntry,
    edge_of,
    edges_in,
    id_of,
    seq_of,
    seq_of_edge,
    value_of,
    without_names,
)
from flowforge_graph.graph.read_only import Adjacency, NodeAttributes, ReadOnlyDiGraph
from flowforge_graph.graph.settled import SettledDict
from flowforge_graph.graph.store import TriggerStore
from flowforge_graph.graph.walks import levels, reachable
from flowforge_graph.model import AnyTrigger, DependencyEdge, DependencyTrigger
from flowforge_graph.model.ids import RESERVED_WORKFLOW_IDS, checked_id, checked_name

if TYPE_CHECKING:
    from flowforge_graph.graph.drawing import Notes
    from flowforge_graph.rendering import Diagram, DiagramView, ImageLimits

# From this share of the graph on, one pass over everything is cheaper than one search for each new trigger.
_BULK_SHARE: Final = 1 / 8


class TriggerGraph(Drawable):
    """Workflows and the triggers between them, with no database.

    An edge ``upstream → downstream`` says that the completion of upstream is asked to start downstream; it carries
    all triggers that join the two. Disabled triggers are edges as well. The graph never holds a cycle: what would
    close one is refused with the shortest chain, and a refused call has changed nothing.

    Dependency triggers are kept as compact edges; ``get``, ``remove`` and ``remove_workflow`` give equal values back.
    ``len`` counts triggers and ``in`` asks for a trigger id.

    Not locked: whoever shares a graph between threads holds a lock around changes and around reads that must agree.
    """

    def __init__(self) -> None:
        self._adopt(TriggerStore())

    def _adopt(self, store: TriggerStore) -> None:
        self._store = store
        self._view = _view_of(store)

    @classmethod
    def _over(cls, store: TriggerStore) -> TriggerGraph:
        graph = cls.__new__(cls)
        graph._adopt(store)
        return graph

    @classmethod
    def load(cls, workflows: Iterable[tuple[str, str | None]], edges: Iterable[EdgeTuple]) -> TriggerGraph:
        """The graph of stored rows: ``(id, name)`` of workflows, and edges in any order, with or without their names.

        For rows that were checked when they were stored: neither ids nor conditions are looked at again, so that a
        strange row costs nobody the rest. Raises CycleError or DuplicateTrigger (an id twice) for what no database of
        this package can hold. Edges that share their texts (``sys.intern``) save memory. O(workflows + edges).
        """
        store = TriggerStore()
        for workflow_id, name in workflows:
            store.successors[workflow_id] = SettledDict()
            store.predecessors[workflow_id] = SettledDict()
            store.nodes[workflow_id] = NodeAttributes(name)
        duplicate = store.link(map(without_names, edges), refuse_equal=False)
        if duplicate is not None:
            raise refuse_used_id(duplicate)
        if not store.order_anew():
            _raise_first_cycle(store)
        store.last_seq = max(map(seq_of, store.entries.values()), default=0)
        return cls._over(store)

    # Triggers.

    def add(self, trigger: AnyTrigger) -> None:
        """Add a trigger, and the workflows that it names where they are new.

        Raises CycleError with the shortest chain, DuplicateTrigger (its id, or what it says, is there already) or
        InvalidTrigger (not a trigger at all). Cost: that of ``TopologicalOrder.admit``, O(1) for an edge that agrees
        with the order.
        """
        if isinstance(trigger, DependencyTrigger):
            self._store.add_dependency(trigger)
        else:
            self._store.add_standalone(trigger)

    def add_all(self, triggers: Iterable[AnyTrigger]) -> None:
        """Add all triggers or, on an error, none: the error that adding them one at a time would meet first.

        O(graph + triggers) when there are many: they are linked unchecked and ordered in one pass. Only if that fails
        they are taken back and added one at a time, to find the first that is refused.
        """
        triggers = tuple(triggers)
        store = self._store
        before = {"triggers": len(store.entries), "workflows": len(store.nodes), "last_seq": store.last_seq}
        try:
            if not (self._is_bulk(len(triggers)) and store.add_unordered(triggers)):
                store.take_back(**before)
                for trigger in triggers:
                    self.add(trigger)
        except BaseException:
            store.take_back(**before)
            raise

    def replace(self, trigger: AnyTrigger) -> None:
        """Put ``trigger`` in place of the one with its id, keeping that one's place in creation order.

        Checked as if the old one were gone. Raises TriggerNotFound, CycleError or DuplicateTrigger.
        """
        store = self._store
        old = store.entry(_id_of(trigger))
        ProposedChanges(store).put(trigger)
        seq = seq_of(old)
        new: Entry = (
            edge_of(trigger, seq=seq) if isinstance(trigger, DependencyTrigger) else StandaloneEntry(trigger, seq)
        )
        store.exchange(old, new)

    def remove(self, trigger_id: str) -> AnyTrigger:
        """Remove a trigger and answer it; its workflows stay. Raises TriggerNotFound."""
        entry = self._store.entry(trigger_id)
        self._store.remove(entry)
        return value_of(entry)

    def get(self, trigger_id: str) -> AnyTrigger:
        """The trigger of this id; raises TriggerNotFound."""
        return value_of(self._store.entry(trigger_id))

    def __contains__(self, trigger_id: object) -> bool:
        return trigger_id in self._store.entries

    def __len__(self) -> int:
        return len(self._store.entries)

    # Committed rows.

    def put_edge(self, edge: EdgeTuple) -> None:
        """Add the edge of a committed row, or put it in place of the one of its id. Raises CycleError.

        No field is looked at but the ids. Of rows committed together, what moves must be removed before it is put.
        """
        edge = without_names(edge)
        old = self._store.entries.get(id_of(edge))
        if old is None:
            self._store.insert(edge, refuse_equal=False)
            self._store.last_seq = max(self._store.last_seq, seq_of(edge))
        else:
            ProposedChanges(self._store).put_edge(edge)
            self._store.exchange(old, edge)

    # Workflows.

    def add_workflow(self, workflow_id: str, name: str | None = None) -> None:
        """Add a workflow; if it is there, give it ``name`` unless that is None. Raises InvalidWorkflow."""
        _check_workflow(workflow_id, name)
        store = self._store
        if workflow_id not in store.nodes:
            store.add_node(workflow_id)
        if name is not None:
            store.nodes[workflow_id] = NodeAttributes(name, store.nodes[workflow_id].triggers)

    def remove_workflow(self, workflow_id: str) -> tuple[AnyTrigger, ...]:
        """Remove a workflow with every trigger into and out of it, and answer those in creation order.

        Raises WorkflowNotFound.
        """
        store = self._store
        touching = (*self.edges_into(workflow_id), *self.edges_out_of(workflow_id), *store.nodes[workflow_id].triggers)
        gone: list[Entry] = sorted((store.entries[trigger.id] for trigger in touching), key=seq_of)
        store.cut_out(workflow_id)
        for entry in gone:
            del store.entries[id_of(entry)]
        return tuple(map(value_of, gone))

    def has_workflow(self, workflow_id: str) -> bool:
        """Whether the graph has this workflow."""
        return workflow_id in self._store.nodes

    # What would be refused.

    def chain_if_added(self, *, upstream: str, downstream: str) -> tuple[str, ...] | None:
        """The chain that "downstream depends on upstream" would close, or None if it would close none.

        The shortest one in data-flow order, from ``downstream`` back to itself: with A→B→C→D stored, upstream D and
        downstream A answer ``("A", "B", "C", "D", "A")``; a workflow with itself ``("A", "A")``. Among equally short
        chains the first by workflow ids, so that every process answers the same. Unknown workflows close nothing.
        """
        order = self._store.order
        if upstream == downstream:
            return (downstream, downstream)
        if upstream not in order.labels or downstream not in order.labels:
            return None
        return _closed(order.shortest_path(source=downstream, target=upstream))

    def chain_if_replaced(self, trigger_id: str, *, upstream: str, downstream: str) -> tuple[str, ...] | None:
        """As ``chain_if_added``, with the trigger of this id gone. Raises TriggerNotFound."""
        changes = ProposedChanges(self._store)
        changes.remove(trigger_id)
        return _closed(changes.path(source=downstream, target=upstream))

    def check_changes(self, *, removed_ids: Iterable[str] = (), put_triggers: Iterable[AnyTrigger] = ()) -> None:
        """Check a batch without changing anything: first the removals, then each put in the order given.

        A put adds a trigger, or replaces the one of its id. Raises what doing them one at a time would raise first:
        TriggerNotFound, CycleError, DuplicateTrigger. To ask about the outcome of several replacements only, name
        their ids among the removed as well. Cost: of the batch alone when it is small, else O(graph + batch).
        """
        removed_ids, put_triggers = tuple(removed_ids), tuple(put_triggers)
        if self._is_bulk(len(put_triggers)) and self._is_fine_at_once(removed_ids, put_triggers):
            return
        changes = ProposedChanges(self._store)
        for trigger_id in removed_ids:
            changes.remove(trigger_id)
        for trigger in put_triggers:
            changes.put(trigger)

    # Questions.

    def upstream(self, workflow_id: str, depth: int | None = None) -> list[str]:
        """The workflows that ``workflow_id`` depends on, at most ``depth`` hops away, in topological order.

        Without itself. Raises WorkflowNotFound, and InvalidWorkflow for a depth below 1.
        """
        return self._reachable(workflow_id, self._store.predecessors, depth)

    def downstream(self, workflow_id: str, depth: int | None = None) -> list[str]:
        """The workflows that depend on ``workflow_id``, at most ``depth`` hops away, in topological order.

        Without itself. Raises WorkflowNotFound, and InvalidWorkflow for a depth below 1.
        """
        return self._reachable(workflow_id, self._store.successors, depth)

    def direct_triggers(self, workflow_id: str) -> list[DependencyTrigger]:
        """The dependency triggers that a completion of ``workflow_id`` asks, disabled ones too, in creation order.

        Raises WorkflowNotFound. Values are built when asked for; ``edges_out_of`` is the same without that cost.
        """
        return [edge.as_trigger() for edge in self.edges_out_of(workflow_id)]

    def edges_out_of(self, workflow_id: str) -> tuple[DependencyEdge, ...]:
        """The direct triggers as the named tuples of the edges, in creation order.

        Raises WorkflowNotFound. O(triggers answered).
        """
        return _edges_of(self._store.successors, workflow_id)

    def edges_into(self, workflow_id: str) -> tuple[DependencyEdge, ...]:
        """The dependency triggers that start ``workflow_id``, as named tuples, in creation order.

        Raises WorkflowNotFound. O(triggers answered).
        """
        return _edges_of(self._store.predecessors, workflow_id)

    def topological_order(self) -> list[str]:
        """All workflows, each after everything it depends on. Ties stand as the history of the graph left them."""
        return self._store.order.in_order(self._store.nodes)

    def generations(self) -> list[list[str]]:
        """All workflows by the length of the longest chain into them, each generation by id. O(graph)."""
        return levels(self.topological_order(), self._store.predecessors)

    def snapshot(self) -> TriggerGraph:
        """An independent graph of the same content, free to change. O(graph), but the edges' values are shared."""
        return self._over(self._store.copy())

    @property
    def digraph(self) -> ReadOnlyDiGraph:
        """A live networkx DiGraph of this graph that cannot be changed. ``copy()`` gives an ordinary one.

        Each edge carries ``triggers``, a tuple of DependencyEdge in creation order; each node ``name`` (or None) and,
        where there are any, ``triggers``: the manual, scheduled and event triggers of the workflow.
        """
        return self._view

    def diagram(
        self, view: DiagramView | None = None, *, notes: Notes | None = None, limits: ImageLimits | None = None
    ) -> Diagram:
        """The picture of this graph as a value, from which the ``to_`` methods are written.

        Raises WorkflowNotFound where the root of ``view`` is no workflow of the graph, and ImageError where ``limits``
        are given and it would show more workflows than they allow. O(graph).
        """
        from flowforge_graph.rendering import diagram_of

        return diagram_of(_view_of(self._store), view, notes, limits=limits)

    def __repr__(self) -> str:
        return f"<TriggerGraph of {len(self._store.nodes):,} workflows and {len(self):,} triggers>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._over, (self._store,)

    def _reachable(self, workflow_id: str, neighbours: Adjacency, depth: int | None) -> list[str]:
        if workflow_id not in neighbours:
            raise WorkflowNotFound(workflow_id)
        if depth is not None and (type(depth) is not int or depth < 1):
            raise InvalidWorkflow(f"depth must be a whole number of at least 1, or None, not {shown(depth)}")
        return self._store.order.in_order(reachable(workflow_id, neighbours, depth=depth))

    def _is_bulk(self, size: int) -> bool:
        return size > (len(self._store.nodes) + len(self._store.entries)) * _BULK_SHARE

    def _is_fine_at_once(self, removed_ids: tuple[str, ...], put_triggers: tuple[AnyTrigger, ...]) -> bool:
        """Whether the graph without the removed and with all that is put holds no cycle and nothing twice.

        Then no step on the way does, for each step's graph is a part of this one. A put that replaces says False.
        """
        store = self._store.copy()
        for trigger_id in removed_ids:
            store.remove(store.entry(trigger_id))
        return store.add_unordered(put_triggers)


def _view_of(store: TriggerStore) -> ReadOnlyDiGraph:
    return ReadOnlyDiGraph.over(successors=store.successors, predecessors=store.predecessors, nodes=store.nodes)


def _id_of(trigger: object) -> str:
    if isinstance(trigger, AnyTrigger):
        return trigger.id
    raise InvalidTrigger(f"a trigger value is wanted, not {shown(trigger)}")


def _closed(path: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if path is None else (*path, path[0])


def _edges_of(adjacency: Adjacency, workflow_id: str) -> tuple[DependencyEdge, ...]:
    try:
        neighbours = adjacency[workflow_id]
    except KeyError:
        raise WorkflowNotFound(workflow_id) from None
    edges = [edge for carried in neighbours.values() for edge in edges_in(carried)]
    return tuple(map(DependencyEdge._make, sorted(edges, key=seq_of_edge)))


def _check_workflow(workflow_id: str, name: str | None) -> None:
    try:
        checked_id(workflow_id, field="workflow id", reserved=RESERVED_WORKFLOW_IDS)
        if name is not None:
            checked_name(name, field="name")
    except ValueError as error:
        raise InvalidWorkflow(str(error)) from None


def _raise_first_cycle(store: TriggerStore) -> None:
    """Link the edges of a store that holds a cycle one at a time, to name the first that closes one."""
    replay = TriggerStore()
    for entry in store.entries.values():
        if not isinstance(entry, StandaloneEntry):
            replay.insert(entry, refuse_equal=False)
