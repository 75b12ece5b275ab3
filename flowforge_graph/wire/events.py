"""Events of the feed, as documents."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field

from flowforge_graph.model import Event
from flowforge_graph.model.events import EventChange, EventKind
from flowforge_graph.wire.documents import Document, UnixSeconds, made


class EventDocument(Document):
    """One change that was committed."""

    model_config = ConfigDict(title="Event")

    position: int
    kind: EventKind
    change: EventChange = Field(
        description="the status that an execution came to; `created`, `changed` or `deleted` for what is defined"
    )
    id: str = Field(description="of the execution, trigger or workflow")
    workflow_id: str
    root_execution_id: str | None
    trigger_id: str | None
    recorded_at: UnixSeconds

    @classmethod
    def of(cls, event: Event) -> Self:
        """The document of an event."""
        return made(
            cls,
            position=event.position,
            kind=event.kind,
            change=event.change,
            id=event.subject_id,
            workflow_id=event.workflow_id,
            root_execution_id=event.root_execution_id,
            trigger_id=event.trigger_id,
            recorded_at=int(event.recorded_at.timestamp()),
        )


class PositionDocument(Document):
    """Where a stream of events begins, or goes on after it could not go on where it was."""

    model_config = ConfigDict(title="Position")

    position: int
    reason: Literal["pruned", "foreign"] | None
    message: str | None

    @classmethod
    def at(cls, position: int, *, reason: str | None = None, message: str | None = None) -> Self:
        """The document of a position."""
        return made(cls, position=position, reason=reason, message=message)
