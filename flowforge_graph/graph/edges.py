"""How the graph keeps triggers: compact tuples, a fraction of the size of the values they come from.

Plain tuples of texts, numbers and instants, because Python's garbage collector stops looking at those after its first
pass over them: a graph of a million triggers then costs each later pass nothing. Whoever reads them gets the same
tuple with names, :class:`~flowforge_graph.model.DependencyEdge`, made when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from flowforge_graph.model import DependencyEdge, DependencyTrigger, EventTrigger, ManualTrigger, ScheduledTrigger

StandaloneTrigger = ManualTrigger | ScheduledTrigger | EventTrigger

# A dependency trigger as it is kept: the fields of DependencyEdge, in its order.
EdgeTuple: TypeAlias = tuple[
    str, str, str, str, int, bool, str | None, str | None, datetime | None, datetime | None, int
]  # fmt: skip


class Several(tuple[EdgeTuple, ...]):
    """The triggers of one edge in creation order, where there are more than one."""

    __slots__ = ()


# What an edge carries: nearly everywhere one trigger, and then nothing around it.
Carried: TypeAlias = EdgeTuple | Several


@dataclass(frozen=True, slots=True)
class StandaloneEntry:
    """A trigger that joins no two workflows, with its place in creation order."""

    value: StandaloneTrigger
    seq: int


Entry: TypeAlias = EdgeTuple | StandaloneEntry

_VALUE_FIELDS: Final = DependencyEdge._fields[:-1]
_values = itemgetter(*_VALUE_FIELDS)
_row = itemgetter(
    *(n for n, name in enumerate(DependencyEdge._fields) if name not in {"source", "created_at", "updated_at"})
)

seq_of_edge = itemgetter(DependencyEdge._fields.index("seq"))


def edge_of(trigger: DependencyTrigger, *, seq: int) -> EdgeTuple:
    """The edge that ``trigger`` adds, in place ``seq`` of creation order.

    Reads the value's own dictionary: attribute access to a pydantic value costs about three times as much, and this
    is most of the price of adding a trigger.
    """
    # A sum of tuples, because unpacking goes through a list.
    edge: EdgeTuple = _values(trigger.__dict__) + (seq,)  # noqa: RUF005
    return edge


def edge_of_row(  # noqa: PLR0917 - a row is given as it is stored
    trigger_id: str,
    workflow_id: str,
    upstream_id: str,
    condition: str,
    delay_minutes: int,
    enabled: bool,
    trigger_name: str | None,
    seq: int,
) -> EdgeTuple:
    """The edge of a stored row, which is taken as it stands."""
    return (
        trigger_id, workflow_id, upstream_id, condition, delay_minutes, enabled, trigger_name, None, None, None, seq,
    )  # fmt: skip


def without_names(edge: EdgeTuple) -> EdgeTuple:
    """The edge as it is kept, however it was given."""
    plain: Any = tuple(edge)
    return cast(EdgeTuple, plain)


def row_of_edge(edge: EdgeTuple) -> tuple[Any, ...]:
    """What ``edge_of_row`` takes to make this edge."""
    row: tuple[Any, ...] = _row(edge)
    return row


def edges_in(carried: Carried) -> tuple[EdgeTuple, ...]:
    """The triggers that an edge carries, in creation order."""
    return carried if isinstance(carried, Several) else (carried,)


def carrying(edges: tuple[EdgeTuple, ...]) -> Carried:
    """What an edge with these triggers carries."""
    return edges[0] if len(edges) == 1 else Several(edges)


def with_edge(edges: tuple[EdgeTuple, ...], edge: EdgeTuple) -> tuple[EdgeTuple, ...]:
    """``edges`` and ``edge``, in creation order."""
    return tuple(sorted((*edges, edge), key=seq_of_edge))


def without_edge(edges: tuple[EdgeTuple, ...], trigger_id: str) -> tuple[EdgeTuple, ...]:
    """``edges`` without the one of this id."""
    return tuple(edge for edge in edges if edge[0] != trigger_id)


def id_of(entry: Entry) -> str:
    """The id of the trigger that is kept so."""
    return entry.value.id if isinstance(entry, StandaloneEntry) else entry[0]


def seq_of(entry: Entry) -> int:
    """The place in creation order of the trigger that is kept so."""
    return entry.seq if isinstance(entry, StandaloneEntry) else entry[-1]


def value_of(entry: Entry) -> StandaloneTrigger | DependencyTrigger:
    """The trigger that is kept so."""
    return entry.value if isinstance(entry, StandaloneEntry) else DependencyEdge._make(entry).as_trigger()
