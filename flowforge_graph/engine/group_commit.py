"""Group commit without a timer: a batch is what queued while the previous one committed.

A database commits about as often as its disk syncs, so calls that arrive together share a transaction. A lone caller
commits at once. The first caller leads; when its batch is done, the first one waiting leads the next.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MAX_BATCH: Final = 64


class _Ticket(Generic[Item, Answer]):
    __slots__ = ("answer", "error", "item", "leads", "woken")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.answer: Answer | None = None
        self.error: BaseException | None = None
        self.leads = False
        self.woken = threading.Event()


class GroupCommit(Generic[Item, Answer]):
    """Runs ``commit(items) -> answers`` for the items of many threads, first come first served.

    ``commit`` answers one for each item, after it committed. If it raises, each item is committed singly, so that one
    item can only fail itself.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Answer]], *, max_batch: int = MAX_BATCH) -> None:
        self._commit = commit
        self._max_batch = max_batch
        self._lock = threading.Lock()
        self._queue: deque[_Ticket[Item, Answer]] = deque()
        self._has_leader = False

    def submit(self, item: Item) -> Answer:
        """Commit ``item`` together with whatever waits beside it, and return its answer."""
        ticket: _Ticket[Item, Answer] = _Ticket(item)
        with self._lock:
            self._queue.append(ticket)
            ticket.leads = not self._has_leader
            self._has_leader = True
        if not ticket.leads:
            ticket.woken.wait()
        if ticket.leads:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value]

    def _lead(self) -> None:
        """Commit one batch, which begins with the leader's own item, and hand the lead on."""
        with self._lock:
            batch = [self._queue.popleft() for _ in range(min(self._max_batch, len(self._queue)))]
        try:
            self._commit_batch(batch)
        finally:
            with self._lock:
                successor = self._queue[0] if self._queue else None
                self._has_leader = successor is not None
                if successor is not None:
                    successor.leads = True
            for ticket in batch[1:]:
                ticket.woken.set()
            if successor is not None:
                successor.woken.set()

    def _commit_batch(self, batch: Sequence[_Ticket[Item, Answer]]) -> None:
        try:
            answers = self._commit([ticket.item for ticket in batch])
        except Exception as error:  # noqa: BLE001 - each item's caller gets its own
            if len(batch) == 1:
                batch[0].error = error
                return
            for ticket in batch:
                self._commit_batch([ticket])
            return
        except BaseException as error:
            # Ctrl-C in the leading thread: its followers must not wait for ever.
            for ticket in batch:
                ticket.error = error
            raise
        for ticket, answer in zip(batch, answers, strict=True):
            ticket.answer = answer
