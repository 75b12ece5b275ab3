"""The engine's feed in memory: read once for all streams of a process, and as slowly as each of them likes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from typing import Final

from fastapi.concurrency import run_in_threadpool

from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import DatabaseError
from flowforge_graph.facts import Fact
from flowforge_graph.model import Event, EventPage

# How often another process's changes are looked for; this process's own are seen at once.
LOOK_SECONDS: Final = 0.5
_GATHER_SECONDS: Final = 0.02
_KEPT: Final = 10_000
_AT_ONCE: Final = 500


class Feed:
    """The newest events, for every stream of one process.

    One task looks at the database while anybody follows. Each follower takes what is behind its own position: from
    memory, or, where it was slower than ``_KEPT`` events, page by page from the database. Nobody waits for another.
    """

    def __init__(self, engine: TriggerEngine) -> None:
        self._engine = engine
        self._recent: deque[Event] = deque(maxlen=_KEPT)
        # In memory is everything after the first of these (None: nothing is), up to the second.
        self._covered_from: int | None = None
        self._position = 0
        self._followers = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looker: asyncio.Task[None] | None = None
        self._called = asyncio.Event()
        self._news = asyncio.Event()
        self._is_closed = False
        engine.subscribe(self._call)

    async def position(self) -> int:
        """The position of now."""
        page: EventPage = await run_in_threadpool(self._engine.read_events)
        return page.position

    async def follow(self, after: int, *, idle_seconds: float) -> AsyncIterator[EventPage]:
        """Pages behind a position as they come, for ever; an empty one after each ``idle_seconds`` without any."""
        position = after
        with self._followed():
            while not self._is_closed:
                self._raise_what_ended_the_looker()
                news = self._news
                page = await self._page_or_none(position)
                position = page.position
                if page.events or page.pruned or page.is_foreign or not await _has_come(news, idle_seconds):
                    yield page

    def close(self) -> None:
        """End every stream. May be called from any thread."""
        self._is_closed = True
        self._on_loop(self._wake_followers)

    @contextmanager
    def _followed(self) -> Iterator[None]:
        self._followers += 1
        if self._looker is None:
            # What was taken in for the followers before says nothing of what has happened since.
            self._covered_from = None
            self._loop = asyncio.get_running_loop()
            self._looker = self._loop.create_task(self._look())
        try:
            yield
        finally:
            self._followers -= 1
            if not self._followers:
                self._looker.cancel()
                self._looker, self._loop = None, None

    def _raise_what_ended_the_looker(self) -> None:
        """A bug of ours ends the streams, and is logged with its traceback: nobody may wait for what never comes."""
        if self._looker is not None and self._looker.done():
            self._looker.result()

    async def _page_or_none(self, position: int) -> EventPage:
        try:
            return await self._page(position)
        except DatabaseError:
            # The stream goes on where it was when the database is back; until then it is idle.
            return EventPage(position=position, is_complete=False)

    async def _page(self, position: int) -> EventPage:
        if self._covered_from is not None and self._covered_from <= position <= self._position:
            behind = list(takewhile(lambda event: event.position > position, reversed(self._recent)))
            return EventPage.trusted(events=tuple(reversed(behind)), position=self._position, is_complete=True)
        return await self._read(position)

    async def _read(self, position: int | None) -> EventPage:
        return await run_in_threadpool(self._engine.read_events, position, _AT_ONCE)

    async def _look(self) -> None:
        """Take in what is new, for as long as anybody follows."""
        while True:
            self._called.clear()
            # Whoever follows waits meanwhile, and asks the database himself where he is behind.
            with suppress(DatabaseError):
                await self._take_in()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._called.wait(), LOOK_SECONDS)
                # What comes in a burst is read together.
                await asyncio.sleep(_GATHER_SECONDS)

    async def _take_in(self) -> None:
        if self._covered_from is None:
            self._recent.clear()
            self._covered_from = self._position = (await self._read(None)).position
            # Whoever has read less than that by himself must not wait for what comes after it.
            self._wake_followers()
        is_complete = False
        while not is_complete:
            page = await self._read(self._position)
            if page.pruned or page.is_foreign:
                self._covered_from = None
                break
            self._remember(page)
            is_complete = page.is_complete
            if page.events:
                self._wake_followers()

    def _remember(self, page: EventPage) -> None:
        for event in page.events:
            if len(self._recent) == _KEPT:
                self._covered_from = self._recent[0].position
            self._recent.append(event)
        self._position = page.position

    def _wake_followers(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _call(self, _: Fact) -> None:
        self._on_loop(self._called.set)

    def _on_loop(self, callback: Callable[[], object]) -> None:
        loop = self._loop
        if loop is not None:
            # A loop that ends at this moment has nobody to wake.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(callback)


async def _has_come(news: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(news.wait(), seconds)
    except TimeoutError:
        return False
    return True
