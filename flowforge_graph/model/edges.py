"""Dependency triggers as the edges of a graph carry them."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from flowforge_graph.model.triggers import DependencyTrigger


class DependencyEdge(NamedTuple):
    """One dependency trigger as an edge carries it; fields are named as those of DependencyTrigger.

    ``seq`` is its place in creation order. ``dependency_condition`` is plain text: rows are taken as they are stored,
    and it is evaluation that skips a condition it does not know. The live graph of an engine keeps no ``source`` and no
    times: ask the engine for those.
    """

    id: str
    workflow_id: str
    depends_on_workflow_id: str
    dependency_condition: str = "on_success"
    delay_minutes: int = 0
    enabled: bool = True
    trigger_name: str | None = None
    source: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    seq: int = 0

    @property
    def trigger_type(self) -> str:
        """Always ``dependency``."""
        return "dependency"

    def as_trigger(self) -> DependencyTrigger:
        """The value it came from. Fields are not checked again."""
        return DependencyTrigger.model_construct(None, **dict(zip(_VALUE_FIELDS, self, strict=False)))


_VALUE_FIELDS: Final = DependencyEdge._fields[:-1]
