"""Threads that are kept for the next execution and never keep the interpreter from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Work = Callable[[], None]


class Workers:
    """Daemon threads, made when all others are busy, that run work in the order given.

    Not a ThreadPoolExecutor: the interpreter waits for its threads at exit, and a Python callable cannot be stopped.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: SimpleQueue[Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._made = 0

    def run(self, work: Work) -> None:
        """Run ``work``, which must not raise, in one of the threads; raises RuntimeError if no thread can be made."""
        with self._lock:
            needs_thread = self._idle == 0
            if not needs_thread:
                self._idle -= 1
            else:
                self._made += 1
        if needs_thread:
            self._make(work)
        else:
            self._waiting.put(work)

    def close(self) -> None:
        """Let every thread end after what it runs now."""
        with self._lock:
            made, self._made = self._made, 0
        for _ in range(made):
            self._waiting.put(None)

    def _make(self, first: Work) -> None:
        threading.Thread(target=self._work, args=(first,), name=f"{self._name}-{self._made}", daemon=True).start()

    def _work(self, work: Work | None) -> None:
        while work is not None:
            work()
            with self._lock:
                self._idle += 1
            work = self._waiting.get()
