"""Events and pages of them, as the feed answers them."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from hypothesis import strategies as st

from flowforge_graph.model import STATUSES, Event, EventPage
from flowforge_graph.model.events import EventKind
from flowforge_graph.testing.strategies.names import numbered_ids, workflow_ids
from flowforge_graph.testing.strategies.values import instants, several

_POSITIONS = st.integers(1, 2**31)
_KIND: st.SearchStrategy[EventKind] = st.sampled_from(("workflow", "trigger", "execution"))
_ROW_CHANGES = st.sampled_from(("created", "changed", "deleted"))


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Events of all three kinds, each with the ids that its kind has."""
    kind, workflow_id = draw(_KIND), draw(workflow_ids())
    trigger_id, execution_id = draw(numbered_ids("t")), draw(numbered_ids("e"))
    row_change, status, is_triggered = draw(_ROW_CHANGES), draw(st.sampled_from(STATUSES)), draw(st.booleans())
    said: dict[EventKind, dict[str, Any]] = {
        "workflow": {"change": row_change, "subject_id": workflow_id},
        "trigger": {"change": row_change, "subject_id": trigger_id, "trigger_id": trigger_id},
        "execution": {
            "change": status,
            "subject_id": execution_id,
            "root_execution_id": execution_id,
            "trigger_id": trigger_id if is_triggered else None,
        },
    }
    return Event(
        position=draw(_POSITIONS), kind=kind, workflow_id=workflow_id, recorded_at=draw(instants()), **said[kind]
    )


@st.composite
def event_pages(draw: st.DrawFn) -> EventPage:
    """Events by ascending positions, the last of which is the page's; or what tells a reader to begin anew."""
    shown = draw(several(events(), by="position"))
    is_complete, position = draw(st.booleans()), draw(_POSITIONS)
    loss = draw(st.sampled_from((None, "pruned", "foreign")))
    if loss == "pruned":
        return EventPage(position=position, is_complete=False, pruned=True)
    if loss == "foreign":
        return EventPage(position=position, is_complete=is_complete, is_foreign=True)
    shown = tuple(sorted(shown, key=attrgetter("position")))
    return EventPage(events=shown, position=shown[-1].position if shown else position, is_complete=is_complete)
