"""How the graph keeps triggers: compact tuples, a fraction of the size of the values they come from."""

from __future__ import annotations

from operator import itemgetter
from typing import Final, NamedTuple

from flowforge_graph.model import DependencyTrigger, EventTrigger, ManualTrigger, ScheduledTrigger

StandaloneTrigger = ManualTrigger | ScheduledTrigger | EventTrigger


class DependencyEdge(NamedTuple):
    """One dependency trigger as an edge carries it; fields are named as those of DependencyTrigger.

    ``seq`` is its place in creation order. ``dependency_condition`` is plain text: rows are taken as they are stored,
    and it is evaluation that skips a condition it does not know.
    """

    id: str
    workflow_id: str
    depends_on_workflow_id: str
    dependency_condition: str = "on_success"
    delay_minutes: int = 0
    enabled: bool = True
    trigger_name: str | None = None
    seq: int = 0

    @property
    def trigger_type(self) -> str:
        """Always ``dependency``."""
        return "dependency"

    def as_trigger(self) -> DependencyTrigger:
        """The value it came from, as far as an edge keeps it (no source, no times). Fields are not checked again."""
        return DependencyTrigger.model_construct(None, **dict(zip(_EDGE_FIELDS, self, strict=False)))


class StandaloneEntry(NamedTuple):
    """A trigger that joins no two workflows, with its place in creation order."""

    value: StandaloneTrigger
    seq: int

    @property
    def id(self) -> str:
        """The id of the trigger."""
        return self.value.id


Entry = DependencyEdge | StandaloneEntry

_EDGE_FIELDS: Final = DependencyEdge._fields[:-1]
_edge_values = itemgetter(*_EDGE_FIELDS)
_other_values = itemgetter("source", "created_at", "updated_at")
_NOTHING_MORE: Final = (None, None, None)
_new_tuple = tuple.__new__

seq_of = itemgetter(DependencyEdge._fields.index("seq"))


def edge_of(trigger: DependencyTrigger, *, seq: int) -> DependencyEdge:
    """The edge that ``trigger`` adds, in place ``seq`` of creation order.

    Reads the value's own dictionary: attribute access to a pydantic value costs about three times as much, and this
    is most of the price of adding a trigger.
    """
    # A sum of tuples, because unpacking goes through a list.
    return _new_tuple(DependencyEdge, _edge_values(trigger.__dict__) + (seq,))  # noqa: RUF005


def says_more_than_its_edge(trigger: DependencyTrigger) -> bool:
    """Whether a trigger has a source or times, which its edge cannot keep."""
    return bool(_other_values(trigger.__dict__) != _NOTHING_MORE)
