"""The live graph of one process, kept equal to the database by replaying the change log.

The graph changes only here, by applying committed log rows in dense order, this process's own rows too, under one
lock. No SQL runs under that lock. A row that was applied before is passed over, so that threads may read the same rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import Connection

from flowforge_graph.engine.shared_graph import SharedGraph
from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.facts.catalogue import GraphLoaded, LogRowUnfit
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.graph.bulk import collector_resting
from flowforge_graph.graph.edges import EdgeTuple, edge_of_row
from flowforge_graph.storage import Change, Revision, Store
from flowforge_graph.storage.tables import AnyRow


class ChangeKind:
    """The kinds of log rows."""

    WORKFLOW_PUT = "workflow_put"
    WORKFLOW_REMOVED = "workflow_removed"
    TRIGGER_PUT = "trigger_put"
    TRIGGER_REMOVED = "trigger_removed"


class LiveGraph:
    """A :class:`TriggerGraph` that follows the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._graph = TriggerGraph()
        self._shared = SharedGraph(self._lock)
        self._shared.follow(self._graph)
        self._known: Revision | None = None

    @property
    def graph(self) -> TriggerGraph:
        """The graph as last caught up, for other rooms and other threads: each question locks, changes are refused."""
        return self._shared

    @contextmanager
    def reading(self) -> Iterator[TriggerGraph]:
        """The graph, unchanged while the block runs. No SQL may run in the block."""
        with self._lock:
            yield self._graph

    def catch_up(self, connection: Connection, committed: Revision | None = None) -> None:
        """Apply what was committed beyond what this process knows.

        ``committed`` is the revision row, where the caller has read (and perhaps locked) it in an earlier statement.
        """
        # Before the row is read: later another thread may rightly be further than the row that this one saw.
        known = self._known
        committed = committed or self._store.changes.read(connection)
        if known is None or not _continues(known, committed):
            self._load(connection)
            return
        if known.revision < committed.revision:
            self.apply(self._changes_since(connection, known, committed), committed)
        if not self._has_reached(committed):
            self._load(connection)

    def _has_reached(self, committed: Revision) -> bool:
        known = self._known
        return known is not None and known.epoch == committed.epoch and known.revision >= committed.revision

    def apply(self, changes: Sequence[Change], committed: Revision) -> None:
        """Replay committed log rows, which end at ``committed``; rows that do not continue what is known wait."""
        with self._lock:
            for change in changes:
                known = self._known
                if known is None or known.epoch != committed.epoch:
                    return
                if change.revision == known.revision + 1:
                    self._replay(change, committed)

    def forget(self) -> None:
        """Load the whole graph anew at the next look."""
        with self._lock:
            self._known = None

    def _replay(self, change: Change, committed: Revision) -> None:
        try:
            _REPLAYS[change.kind](self._graph, change)
        except FlowforgeGraphError as error:
            # The log and this graph do not fit together: somebody wrote rows by hand. The rows are right.
            self._store.facts.tell(LogRowUnfit(revision=change.revision), error=error)
            self._known = None
            return
        self._known = replace(committed, revision=change.revision)

    def _changes_since(self, connection: Connection, known: Revision, committed: Revision) -> list[Change]:
        return self._store.changes.since(connection, after=known.revision, up_to=committed.revision)

    def _load(self, connection: Connection) -> None:
        """Read the whole graph: again until no change was committed in between, so that it is of one instant."""
        start, store = self._known, self._store
        with collector_resting():
            revision, (names, edges) = store.changes.while_unchanged(
                connection, lambda: (store.workflows.names(connection), store.triggers.edges(connection))
            )
            self._adopt(_graph_of(names, edges), revision, instead_of=start)

    def _adopt(self, graph: TriggerGraph, revision: Revision, *, instead_of: Revision | None) -> None:
        """Take a loaded graph, unless another thread has moved on beyond it meanwhile."""
        with self._lock:
            if self._known is instead_of or self._known is None or self._known.revision < revision.revision:
                self._graph, self._known = graph, revision
                self._shared.follow(graph)
        self._store.facts.tell(GraphLoaded(revision=revision.revision, workflows=len(graph.digraph)))


def is_stored(graph: TriggerGraph, workflow_id: str) -> bool:
    """Whether the workflow is stored. One that only a trigger names, its row removed by hand, is a node too."""
    return graph.has_workflow(workflow_id) and graph.digraph.nodes[workflow_id]["name"] is not None


def name_of(graph: TriggerGraph, workflow_id: str) -> str:
    """The name of a workflow that the graph has."""
    name: str | None = graph.digraph.nodes[workflow_id]["name"]
    return name or workflow_id


def _continues(known: Revision, committed: Revision) -> bool:
    """Whether the log leads from what is known to what is committed."""
    return (
        known.epoch == committed.epoch
        and known.revision <= committed.revision
        and (known.revision >= committed.compacted_to)
    )


def _graph_of(names: Iterable[AnyRow], edges: Iterable[AnyRow]) -> TriggerGraph:
    """The graph of stored rows, in which each text that rows repeat is kept once."""
    texts: dict[str, str] = {}
    return TriggerGraph.load(
        ((texts.setdefault(workflow_id, workflow_id), name) for workflow_id, name in names),
        _edges_of(edges, texts.setdefault),
    )


def _edges_of(rows: Iterable[AnyRow], once: Callable[[str, str], str]) -> Iterator[EdgeTuple]:
    for trigger_id, workflow_id, upstream, condition, delay, enabled, name, seq in rows:
        yield edge_of_row(
            trigger_id,
            once(workflow_id, workflow_id),
            once(upstream, upstream),
            once(condition, condition),
            delay,
            bool(enabled),
            name,
            seq,
        )


def _put_workflow(graph: TriggerGraph, change: Change) -> None:
    graph.add_workflow(change.subject_id, name=change.payload)


def _remove_workflow(graph: TriggerGraph, change: Change) -> None:
    graph.remove_workflow(change.subject_id)


def _put_trigger(graph: TriggerGraph, change: Change) -> None:
    if change.payload is not None:
        graph.put_edge(edge_of_row(*change.payload))


def _remove_trigger(graph: TriggerGraph, change: Change) -> None:
    if change.subject_id in graph:
        graph.remove(change.subject_id)


_REPLAYS: dict[str, Callable[[TriggerGraph, Change], None]] = {
    ChangeKind.WORKFLOW_PUT: _put_workflow,
    ChangeKind.WORKFLOW_REMOVED: _remove_workflow,
    ChangeKind.TRIGGER_PUT: _put_trigger,
    ChangeKind.TRIGGER_REMOVED: _remove_trigger,
}
