"""Group commit without a timer: a batch is what queued until its transaction began.

A database commits about as often as its disk syncs, so calls that arrive together share a transaction. A lone caller
commits at once. The first caller leads; when its batch is done, the first one waiting leads the next. The batch is
taken inside the transaction, because the wait for the database's write lock is when most of it arrives.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MAX_BATCH: Final = 64


class _Ticket(Generic[Item, Answer]):
    __slots__ = ("answer", "error", "is_answered", "item", "woken")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self.is_answered = False
        self.woken = threading.Event()


class GroupCommit(Generic[Item, Answer]):
    """Runs ``commit(take) -> answers`` for the items of many threads, first come first served.

    ``commit`` begins a transaction, asks ``take()`` for the items (again where it begins another one), and answers one
    for each of the last taken, after it committed. If it raises, each item is committed singly, so that one item can
    only fail itself; ``shared_errors`` are those that every item would meet alike, and all of them get it. An interrupt
    (Ctrl-C) ends only the call that it hits: what a batch left without an answer is committed by the next leader, so
    committing an item twice must be harmless.
    """

    def __init__(
        self,
        commit: Callable[[Callable[[], Sequence[Item]]], Sequence[Answer]],
        *,
        shared_errors: tuple[type[Exception], ...] = (),
        max_batch: int = MAX_BATCH,
    ) -> None:
        self._commit = commit
        self._shared_errors = shared_errors
        self._max_batch = max_batch
        self._lock = threading.Lock()
        self._queue: deque[_Ticket[Item, Answer]] = deque()
        self._leader: _Ticket[Item, Answer] | None = None

    def submit(self, item: Item) -> Answer:
        """Commit ``item`` together with whatever waits beside it, and return its answer."""
        ticket: _Ticket[Item, Answer] = _Ticket(item)
        try:
            self._take_a_place(ticket)
            while not ticket.is_answered:
                ticket.woken.wait()
                if self._leader is ticket:
                    self._commit_batch()
        finally:
            self._leave(ticket)
        if ticket.error is not None:
            raise ticket.error
        return ticket.answer  # type: ignore[return-value]

    def _take_a_place(self, ticket: _Ticket[Item, Answer]) -> None:
        with self._lock:
            self._queue.append(ticket)
            self._appoint_a_leader()

    def _waiting(self) -> list[_Ticket[Item, Answer]]:
        """The longest waiting, the leader first. They stay in the queue until they are answered."""
        with self._lock:
            return list(islice(self._queue, self._max_batch))

    def _leave(self, ticket: _Ticket[Item, Answer]) -> None:
        """Whatever ended the call: nobody waits for who has left, and the lead goes on."""
        with self._lock:
            if not ticket.is_answered and ticket in self._queue:
                self._queue.remove(ticket)
            if self._leader is ticket:
                self._leader = None
                while self._queue and self._queue[0].is_answered:
                    self._queue.popleft().woken.set()
            self._appoint_a_leader()

    def _appoint_a_leader(self) -> None:
        if self._leader is None and self._queue:
            self._leader = self._queue[0]
            self._leader.woken.set()

    def _commit_batch(self) -> None:
        batch: list[_Ticket[Item, Answer]] = []

        def take() -> list[Item]:
            batch[:] = self._waiting()
            return [ticket.item for ticket in batch]

        try:
            _answer(batch, self._commit(take))
        except Exception as error:  # noqa: BLE001 - each item's caller gets its own
            batch = batch or self._waiting()
            if len(batch) == 1 or isinstance(error, self._shared_errors):
                _fail(batch, error)
                return
            for ticket in batch:
                self._commit_singly(ticket)

    def _commit_singly(self, ticket: _Ticket[Item, Answer]) -> None:
        try:
            _answer([ticket], self._commit(lambda: [ticket.item]))
        except Exception as error:  # noqa: BLE001 - as above
            _fail([ticket], error)


def _answer(batch: Sequence[_Ticket[Item, Answer]], answers: Sequence[Answer]) -> None:
    for ticket, answer in zip(batch, answers, strict=True):
        ticket.answer, ticket.is_answered = answer, True


def _fail(batch: Iterable[_Ticket[Item, Answer]], error: Exception) -> None:
    for ticket in batch:
        ticket.error, ticket.is_answered = error, True
