"""The feed: what changed, for whoever follows it, and how much of it is kept."""

from __future__ import annotations

from typing import Final

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.questions import checked_limit
from flowforge_graph.errors import InvalidExecution, shown
from flowforge_graph.model import Event, EventPage
from flowforge_graph.storage import ROWS_AT_ONCE, FeedExtent

# Ticks come every second or so; what to keep is not so exact.
_SECONDS_BETWEEN_TRIMS: Final = 60.0


class Feed:
    """Use case of whoever follows what changes. The rows are written by the database itself."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next_trim_at = context.clock.monotonic() + _SECONDS_BETWEEN_TRIMS

    # Reading

    def read(self, after: int | None, *, limit: int) -> EventPage:
        """The events after a position; those that no reader has seen yet are published first."""
        most = min(checked_limit(limit), ROWS_AT_ONCE)
        if after is None:
            return EventPage.trusted(position=self._newest_of_all(), is_complete=True)
        position = _checked_position(after)
        events, extent = self._look(position, most)
        if extent.has_unpublished and len(events) < most:
            self._publish()
            events, extent = self._look(position, most)
        return _page(position, events, extent)

    def _look(self, position: int, most: int) -> tuple[list[Event], FeedExtent]:
        with self._context.store.database.read() as connection:
            return self._context.store.feed.after(connection, position, limit=most)

    def _extent(self) -> FeedExtent:
        with self._context.store.database.read() as connection:
            return self._context.store.feed.extent(connection)

    def _newest_of_all(self) -> int:
        extent = self._extent()
        if extent.has_unpublished:
            self._publish_all()
            extent = self._extent()
        return extent.newest

    def _publish(self) -> int:
        return self._context.store.database.run(self._context.store.feed.publish)

    def _publish_all(self) -> None:
        while self._publish() == ROWS_AT_ONCE:
            pass

    # Keeping the newest

    def trim_now_and_then(self) -> None:
        """Once a minute, by this process's ticks: publish what nobody read, and remove a range of what is too old.

        Where more is left than one range, the next tick goes on.
        """
        now = self._context.clock.monotonic()
        if now >= self._next_trim_at and not self._trim_some():
            self._next_trim_at = now + _SECONDS_BETWEEN_TRIMS

    def trim(self) -> None:
        """Remove all that is too old."""
        while self._trim_some():
            pass

    def _trim_some(self) -> bool:
        """Whether there is more to do."""
        kept, database = self._context.settings.feed_kept, self._context.store.database
        extent = self._extent()
        # Without a position nobody could say later how many of them a reader has missed.
        has_more = extent.has_unpublished and self._publish() == ROWS_AT_ONCE
        if extent.has_unpublished:
            extent = self._extent()
        if extent.newest - extent.oldest < kept:
            return has_more
        trimmed = database.run(lambda connection: self._context.store.feed.trim(connection, kept=kept))
        return has_more or trimmed == ROWS_AT_ONCE


def _page(after: int, events: list[Event], extent: FeedExtent) -> EventPage:
    if after > extent.newest:
        return EventPage.trusted(position=extent.newest, is_complete=not extent.has_unpublished, is_foreign=True)
    if after < extent.oldest - 1:
        return EventPage.trusted(position=extent.oldest - 1, is_complete=False, pruned=True)
    position = events[-1].position if events else after
    is_complete = position == extent.newest and not extent.has_unpublished
    return EventPage.trusted(events=tuple(events), position=position, is_complete=is_complete)


def _checked_position(after: object) -> int:
    if isinstance(after, bool) or not isinstance(after, int) or after < 0:
        raise InvalidExecution(f"after must be a whole number of at least 0, or None, not {shown(after)}")
    return after
