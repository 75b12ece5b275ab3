"""Server-sent events over REST: what changes, as it changes, in the order of its commits."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from flowforge_graph.api.feed import Feed
from flowforge_graph.api.guards import Guard
from flowforge_graph.api.refusals import BadRequest, Refused, documented
from flowforge_graph.api.routes import ask
from flowforge_graph.errors import DatabaseError, shown
from flowforge_graph.model import Event, EventPage
from flowforge_graph.wire import EventDocument
from flowforge_graph.wire.events import PositionDocument

HEARTBEAT_SECONDS: Final = 15.0
_PERMITTED_SECONDS: Final = 1.0
_RECONNECT_MILLISECONDS: Final = 2_000
_EVENTS_IN_A_PART: Final = 100
_MAX_POSITION: Final = 2**63 - 1

_DESCRIPTION: Final = """A stream of server-sent events that does not end.

The first event is `ready`, with the position of now. Each further one has the name `execution`, `trigger` or
`workflow`, its position as `id`, and an `Event` as data. Whoever comes again with the last `id` as `Last-Event-ID`
misses nothing; where events behind it are kept no longer, or it was never given out here, the event `reset` says so:
read anew what you follow. A comment each 15 seconds keeps the connection alive."""

_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": _DESCRIPTION,
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": 'id: 7\nevent: execution\ndata: {"position":7,"kind":"execution","change":"completed"}\n\n',
            }
        },
    }
}


class EventRoutes:
    """The route on events."""

    def __init__(self, feed: Feed, guard: Guard | None) -> None:
        self._feed = feed
        self._guard = guard

    def add_to(self, *, read: APIRouter) -> None:
        """Add it to the router of its scope."""
        read.get(
            "/events", response_class=StreamingResponse, responses={**documented(400), **_STREAM}, tags=["events"]
        )(self.stream_events)

    async def stream_events(
        self,
        request: Request,
        last_event_id: Annotated[
            str | None, Header(alias="Last-Event-ID", description="the `id` of the last event that was seen")
        ] = None,
        after: Annotated[str | None, Query(description="the same, for clients that cannot set a header")] = None,
    ) -> Response:
        """Executions, triggers and workflows as they change, in the order of their commits."""
        position = _position_of(last_event_id if last_event_id is not None else after)
        start = await self._feed.position() if position is None else position
        return StreamingResponse(
            self._texts(start, _Permit(self._guard, request)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _texts(self, start: int, permit: _Permit) -> AsyncIterator[str]:
        yield f"retry: {_RECONNECT_MILLISECONDS}\n" + _text("ready", start, PositionDocument.at(start))
        async for page in self._feed.follow(start, idle_seconds=HEARTBEAT_SECONDS):
            if not await permit.holds():
                return
            for text in _texts_of(page):
                yield text


class _Permit:
    """That somebody may follow: asked again before what is told to him, so that a revoked token hears no more.

    At most once a second, so that a burst of events asks once.
    """

    def __init__(self, guard: Guard | None, request: Request) -> None:
        self._guard = guard
        self._request = request
        self._asked_at = time.monotonic()

    async def holds(self) -> bool:
        """Whether he still may. Where the database does not answer, the last answer stands."""
        if self._guard is None or time.monotonic() - self._asked_at < _PERMITTED_SECONDS:
            return True
        self._asked_at = time.monotonic()
        try:
            await ask(self._guard, self._request, "read")
        except Refused:
            return False
        except DatabaseError:
            return True
        return True


def _position_of(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > _MAX_POSITION:
        raise BadRequest(f"Last-Event-ID must be the id of an event of this stream, not {shown(text)}")
    return int(text)


def _texts_of(page: EventPage) -> Iterator[str]:
    """A page in parts: whoever reads slowly is waited for after each, and nobody waits long for a part to be made."""
    if page.pruned:
        message = "events after the position that you named are kept no longer"
        yield _text("reset", page.position, PositionDocument.at(page.position, reason="pruned", message=message))
    elif page.is_foreign:
        message = "the position that you named was never given out by this database"
        yield _text("reset", page.position, PositionDocument.at(page.position, reason="foreign", message=message))
    elif not page.events:
        yield ": still here\n\n"
    for start in range(0, len(page.events), _EVENTS_IN_A_PART):
        yield "".join(map(_event_text, page.events[start : start + _EVENTS_IN_A_PART]))


def _event_text(event: Event) -> str:
    return _text(event.kind, event.position, EventDocument.of(event))


def _text(name: str, position: int, data: BaseModel) -> str:
    return f"id: {position}\nevent: {name}\ndata: {data.model_dump_json(by_alias=True)}\n\n"
