"""Is the stored graph free of cycles, and does the change log lead to it? Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from flowforge_graph.engine.freshness import ChangeKind
from flowforge_graph.errors import ARROW, CycleError, FlowforgeGraphError
from flowforge_graph.graph import DependencyEdge, TriggerGraph
from flowforge_graph.storage import Change, Revision

Names = Mapping[str, str]
Edges = Mapping[str, DependencyEdge]

_OF_TRIGGERS = frozenset({ChangeKind.TRIGGER_PUT, ChangeKind.TRIGGER_REMOVED})


def fault_of_rows(names: Names, edges: Edges) -> str | None:
    """What keeps the rows from being a graph; None where they load. O(workflows + edges)."""
    try:
        TriggerGraph.load(names.items(), edges.values())
    except CycleError as error:
        return f"the stored rows hold the cycle {ARROW.join(error.chain)}"
    except FlowforgeGraphError as error:
        return str(error)
    return None


def has_gaps(revision: Revision, log: Sequence[Change]) -> bool:
    """Whether the log lacks rows between what is compacted and the newest revision."""
    return [change.revision for change in log] != list(range(revision.compacted_to + 1, revision.revision + 1))


def disagreements(names: Names, edges: Edges, revision: Revision, log: Sequence[Change]) -> list[str]:
    """What the log, replayed, says otherwise than the rows: ``trigger 't'`` and ``workflow 'w'``, each once.

    The last row about something decides. What a compacted log does not speak of may be anything; a whole one must
    speak of all. O(log + rows).
    """
    last = {(change.kind in _OF_TRIGGERS, change.subject_id): change for change in log}
    found = dict.fromkeys(_contradicted(last.values(), names, edges))
    if revision.compacted_to == 0:
        found |= dict.fromkeys(_unspoken(last, names, edges))
    return list(found)


def _contradicted(changes: Iterable[Change], names: Names, edges: Edges) -> Iterator[str]:
    for change in changes:
        subject = change.subject_id
        match change.kind:
            case ChangeKind.WORKFLOW_PUT if names.get(subject) != change.payload:
                yield f"workflow '{subject}'"
            case ChangeKind.WORKFLOW_REMOVED if subject in names:
                yield f"workflow '{subject}'"
            case ChangeKind.TRIGGER_PUT if edges.get(subject) != _edge_in(change):
                yield f"trigger '{subject}'"
            case ChangeKind.TRIGGER_REMOVED if subject in edges:
                yield f"trigger '{subject}'"


def _edge_in(change: Change) -> DependencyEdge | None:
    """A trigger that joins no two workflows is in the log without its values, and not among the edges."""
    return None if change.payload is None else DependencyEdge(*change.payload)


def _unspoken(spoken: Container[tuple[bool, str]], names: Names, edges: Edges) -> Iterator[str]:
    yield from (f"workflow '{name}'" for name in names if (False, name) not in spoken)
    yield from (f"trigger '{edge}'" for edge in edges if (True, edge) not in spoken)
