"""Events of the feed: what changed, in an order in which causes come before effects."""

from __future__ import annotations

from typing import Literal

from flowforge_graph.model.values import Instant, Value

EventKind = Literal["execution", "trigger", "workflow"]
EventChange = Literal["pending", "running", "completed", "failed", "cancelled", "created", "changed", "deleted"]


class Event(Value):
    """One change that was committed.

    ``change`` is the status that an execution came to, or ``created``, ``changed`` or ``deleted`` for a trigger and a
    workflow. ``subject_id`` is the id of what changed, ``workflow_id`` the workflow to which it belongs.
    ``root_execution_id`` is set for executions; ``trigger_id`` for triggers and for executions that one started.
    ``recorded_at`` is the instant that the changed row itself names, by the clock of whoever changed it; of an
    execution that is pending again, the start of the attempt that was given up.
    """

    position: int
    kind: EventKind
    change: EventChange
    subject_id: str
    workflow_id: str
    root_execution_id: str | None = None
    trigger_id: str | None = None
    recorded_at: Instant


class EventPage(Value):
    """The events after a position, and the ``position`` to go on from.

    ``is_complete``: nothing more had been committed when it was read. ``pruned``: events after the asked position are
    gone; what is still kept follows on ``position``. ``is_foreign``: the asked position was never given out here, as in
    another database or one restored from a backup; ``position`` is that of now. Neither carries events, and after both
    whoever follows the feed reads anew what it follows.
    """

    events: tuple[Event, ...] = ()
    position: int
    is_complete: bool
    pruned: bool = False
    is_foreign: bool = False
