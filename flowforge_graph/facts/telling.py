"""How a fact reaches the log and who listens: once, and never before it is committed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from flowforge_graph.facts.catalogue import Fact, ListenerFailed
from flowforge_graph.facts.text import one_line

Listener = Callable[[Fact], None]


class Facts:
    """Tells the facts of one engine. Safe for any number of threads.

    A fact told within :meth:`after_commit` waits for the end of the block and is forgotten by an exception: what is
    rolled back never happened, and what is tried again happens once.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()
        self._thread = _Waiting()

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` with each fact from now on, in the thread to which it happens: it must be quick."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def are_wanted(self, kind: type[Fact]) -> bool:
        """Whether anybody would hear facts of this kind. Ask once a batch, before any of them is made."""
        return bool(self._listeners) or kind.logger.isEnabledFor(kind.level)

    def tell(self, *facts: Fact, error: BaseException | None = None) -> None:
        """Log each fact (with the traceback of ``error``) and hand it to who listens, now or after the commit."""
        waiting = self._thread.facts
        if waiting is not None:
            waiting += [(fact, error) for fact in facts]
            return
        for fact in facts:
            log(fact, error=error)
            for listener in self._listeners:
                _hand_over(fact, listener)

    def tell_each(self, kind: type[Fact], facts: Iterable[Fact]) -> None:
        """Tell many facts of one kind, or make none of them where nobody would hear: ``facts`` is best a generator."""
        if self.are_wanted(kind):
            self.tell(*facts)

    @contextmanager
    def after_commit(self) -> Iterator[None]:
        """Hold back what this thread tells in the block until the block has ended well."""
        outer = self._thread.facts
        waiting: list[tuple[Fact, BaseException | None]] = []
        self._thread.facts = waiting
        try:
            yield
        finally:
            self._thread.facts = outer
        for fact, error in waiting:
            self.tell(fact, error=error)


class _Waiting(threading.local):
    """What this thread has told and not yet committed; None outside of a transaction."""

    facts: list[tuple[Fact, BaseException | None]] | None = None


class _Printable(dict[str, object]):
    """Fields of a sentence, which become text only where the sentence is written."""

    def __getitem__(self, name: str) -> str:
        return one_line(super().__getitem__(name))


def log(fact: Fact, *, error: BaseException | None = None) -> None:
    """Write one log record: the sentence, and ``event`` and the fact's fields as attributes of the record.

    For rooms without an engine; what an engine does is told to its :class:`Facts`, which logs it too.
    """
    if fact.logger.isEnabledFor(fact.level):
        fields = fact.fields()
        extra = {"event": fact.event, **fields}
        fact.logger.log(fact.level, fact.sentence, _Printable(fields), exc_info=error, extra=extra)


def _hand_over(fact: Fact, listener: Listener) -> None:
    try:
        listener(fact)
    except Exception as error:  # noqa: BLE001 - a host's listener must not undo what is committed
        log(ListenerFailed(fact=fact.event), error=error)
