"""What the graph consists of, and the steps that change it: each leaves adjacency, triggers and order in agreement."""

from __future__ import annotations

from collections.abc import Iterable

from flowforge_graph.errors import CycleError, DuplicateTrigger, InvalidTrigger, TriggerNotFound, shown
from flowforge_graph.graph.bulk import collector_resting, link_all
from flowforge_graph.graph.duplicates import refuse_equal_edge, refuse_equal_standalone, refuse_used_id
from flowforge_graph.graph.edges import (
    Carried,
    EdgeTuple,
    Entry,
    StandaloneEntry,
    StandaloneTrigger,
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
from flowforge_graph.graph.topological_order import TopologicalOrder, whole_order
from flowforge_graph.model import AnyTrigger, DependencyTrigger, EventTrigger, ManualTrigger, ScheduledTrigger


class TriggerStore:
    """The dictionaries behind a trigger graph.

    ``successors`` and ``predecessors`` share what each edge carries, which is never changed in place: copies of the
    store share it too. ``entries`` finds a trigger by id.
    """

    def __init__(self) -> None:
        self.successors: Adjacency = {}
        self.predecessors: Adjacency = {}
        self.nodes: dict[str, NodeAttributes] = {}
        self.entries: dict[str, Entry] = SettledDict()
        self.last_seq = 0
        self.order = TopologicalOrder(successors=self.successors, predecessors=self.predecessors)

    def copy(self) -> TriggerStore:
        """An independent store of the same content."""
        copy = TriggerStore()
        copy.successors.update((node, SettledDict(after)) for node, after in self.successors.items())
        copy.predecessors.update((node, SettledDict(before)) for node, before in self.predecessors.items())
        copy.nodes.update(self.nodes)
        copy.entries.update(self.entries)
        copy.last_seq = self.last_seq
        copy.order.follow(self.order)
        return copy

    def entry(self, trigger_id: str) -> Entry:
        """The entry of this id; raises TriggerNotFound."""
        try:
            return self.entries[trigger_id]
        except KeyError:
            raise TriggerNotFound(trigger_id) from None

    # One at a time.

    def add_dependency(self, trigger: DependencyTrigger) -> None:
        """Add a new dependency trigger; raises CycleError or DuplicateTrigger."""
        seq = self.last_seq + 1
        edge = edge_of(trigger, seq=seq)
        if edge[0] in self.entries:
            raise refuse_used_id(trigger.id)
        self.insert(edge, refuse_equal=True)
        self.last_seq = seq

    def insert(self, edge: EdgeTuple, *, refuse_equal: bool) -> None:
        """Check a new edge, then link it: when this raises CycleError or DuplicateTrigger, nothing has changed.

        The hot path, so in one piece for workflows that are known and an edge that agrees with the order.
        """
        trigger_id, downstream, upstream = edge[:3]
        labels = self.order.labels
        tail, head = labels.get(upstream), labels.get(downstream)
        known = None
        if tail is None or head is None:
            self._add_nodes(upstream=upstream, downstream=downstream)
        elif tail >= head:
            self._admit(upstream=upstream, downstream=downstream)
        else:
            known = self.successors[upstream].get(downstream)
        carried: Carried = edge
        if known is not None:
            others = edges_in(known)
            if refuse_equal:
                refuse_equal_edge(edge, among=others)
            carried = carrying(with_edge(others, edge))
        self.successors[upstream][downstream] = self.predecessors[downstream][upstream] = carried
        self.entries[trigger_id] = edge

    def _admit(self, *, upstream: str, downstream: str) -> None:
        path = self.order.admit(tail=upstream, head=downstream)
        if path is not None:
            raise CycleError((*path, downstream))

    def _add_nodes(self, *, upstream: str, downstream: str) -> None:
        """Add one or both workflows of an edge, so placed that the order agrees with the edge at once."""
        if upstream == downstream:
            raise CycleError((downstream, downstream))
        if downstream in self.nodes:
            self._add_unplaced_node(upstream)
            self.order.place_first(upstream)
            return
        if upstream not in self.nodes:
            self.add_node(upstream)
        self.add_node(downstream)

    def add_node(self, workflow_id: str) -> None:
        """Add a workflow without triggers."""
        self._add_unplaced_node(workflow_id)
        self.order.place_last(workflow_id)

    def _add_unplaced_node(self, workflow_id: str) -> None:
        self.successors[workflow_id] = SettledDict()
        self.predecessors[workflow_id] = SettledDict()
        self.nodes[workflow_id] = UNNAMED

    def add_standalone(self, trigger: StandaloneTrigger) -> None:
        """Add a trigger that joins no two workflows; raises DuplicateTrigger, InvalidTrigger for anything else."""
        self._add_standalone(trigger, seq=self.last_seq + 1)

    def _add_standalone(self, trigger: StandaloneTrigger, *, seq: int) -> None:
        if not isinstance(trigger, ManualTrigger | ScheduledTrigger | EventTrigger):
            raise InvalidTrigger(f"a trigger value is wanted, not {shown(trigger)}")
        if trigger.id in self.entries:
            raise refuse_used_id(trigger.id)
        refuse_equal_standalone(trigger, among=self.nodes.get(trigger.workflow_id, UNNAMED).triggers)
        self._attach_standalone(StandaloneEntry(trigger, seq))

    def _attach_standalone(self, entry: StandaloneEntry) -> None:
        workflow_id = entry.value.workflow_id
        if workflow_id not in self.nodes:
            self.add_node(workflow_id)
        node = self.nodes[workflow_id]
        self.entries[entry.value.id] = entry
        triggers = sorted((*node.triggers, entry.value), key=lambda trigger: seq_of(self.entries[trigger.id]))
        self.nodes[workflow_id] = NodeAttributes(node.name, tuple(triggers))
        self.last_seq = max(self.last_seq, entry.seq)

    def exchange(self, old: Entry, new: Entry) -> None:
        """Put ``new``, already checked, in place of ``old`` of the same id."""
        if not (isinstance(old, StandaloneEntry) or isinstance(new, StandaloneEntry)) and old[:3] == new[:3]:
            # The edge stays, and with it its place among its neighbours.
            self._relink(new, with_edge(self._others(old), new))
            self.entries[new[0]] = new
            return
        self.remove(old)
        if isinstance(new, StandaloneEntry):
            self._attach_standalone(new)
        else:
            self.insert(new, refuse_equal=False)

    def remove(self, entry: Entry) -> None:
        """Take the trigger from its edge or node; an edge goes with its last trigger, workflows stay."""
        self._detach(entry)
        del self.entries[id_of(entry)]

    def _detach(self, entry: Entry) -> None:
        if not isinstance(entry, StandaloneEntry):
            self._relink(entry, self._others(entry))
            return
        node = self.nodes[entry.value.workflow_id]
        left = tuple(trigger for trigger in node.triggers if trigger.id != entry.value.id)
        self.nodes[entry.value.workflow_id] = NodeAttributes(node.name, left)

    def _others(self, edge: EdgeTuple) -> tuple[EdgeTuple, ...]:
        """The other triggers of the same two workflows."""
        trigger_id, downstream, upstream = edge[:3]
        return without_edge(edges_in(self.successors[upstream][downstream]), trigger_id)

    def _relink(self, edge: EdgeTuple, edges: tuple[EdgeTuple, ...]) -> None:
        """Let the edge of these two workflows carry ``edges``; with none left there is no edge."""
        _, downstream, upstream = edge[:3]
        after, before = self.successors[upstream], self.predecessors[downstream]
        if edges:
            after[downstream] = before[upstream] = carrying(edges)
        else:
            del after[downstream], before[upstream]

    def cut_out(self, workflow_id: str) -> None:
        """Remove a node with its edges; the entries of their triggers are deleted by the caller."""
        for downstream in self.successors.pop(workflow_id):
            del self.predecessors[downstream][workflow_id]
        for upstream in self.predecessors.pop(workflow_id):
            del self.successors[upstream][workflow_id]
        del self.nodes[workflow_id]
        self.order.forget(workflow_id)

    # Many at once.

    def add_unordered(self, triggers: Iterable[AnyTrigger]) -> bool:
        """Link all, then order the whole graph in one pass. False, with some of them linked, if one cannot stay."""
        with collector_resting():
            return self._add_unordered(triggers)

    def _add_unordered(self, triggers: Iterable[AnyTrigger]) -> bool:
        edges: list[EdgeTuple] = []
        for seq, trigger in enumerate(triggers, start=self.last_seq + 1):
            self.last_seq = seq
            if isinstance(trigger, DependencyTrigger):
                edges.append(edge_of(trigger, seq=seq))
                continue
            # What was named before comes first among the nodes too.
            if self.link(edges, refuse_equal=True) is not None or not self._standalone_fits(trigger, seq=seq):
                return False
            edges.clear()
        return self.link(edges, refuse_equal=True) is None and self.order_anew()

    def _standalone_fits(self, trigger: StandaloneTrigger, *, seq: int) -> bool:
        try:
            self._add_standalone(trigger, seq=seq)
        except (DuplicateTrigger, InvalidTrigger):
            return False
        return True

    def link(self, edges: Iterable[EdgeTuple], *, refuse_equal: bool) -> str | None:
        """Link edges that nobody has checked for cycles: until ``order_anew`` has said yes, the order is void.

        Answers the id of the first that cannot be linked, or None.
        """
        return link_all(
            edges,
            successors=self.successors,
            predecessors=self.predecessors,
            nodes=self.nodes,
            entries=self.entries,
            refuse_equal=refuse_equal,
        )

    def order_anew(self) -> bool:
        """Order the whole graph; False, with the old labels in place, if it holds a cycle."""
        order = whole_order(successors=self.successors, predecessors=self.predecessors)
        if order is None:
            return False
        self.order.restart(order)
        return True

    def take_back(self, *, triggers: int, workflows: int, last_seq: int) -> None:
        """Undo additions: leave so many of the first ``triggers`` and ``workflows``, as they were."""
        while len(self.entries) > triggers:
            _, entry = self.entries.popitem()
            self._detach(entry)
        while len(self.nodes) > workflows:
            workflow_id, _ = self.nodes.popitem()
            del self.successors[workflow_id], self.predecessors[workflow_id]
            self.order.labels.pop(workflow_id, None)
        self.last_seq = last_seq
