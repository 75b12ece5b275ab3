"""The wake-up call: whoever waits for work of this process hears of it at once, and of none too late."""

from __future__ import annotations

import threading


class Wake:
    """Counts calls. A waiter names the count that it saw before it looked for work, so that no call is missed."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls = 0

    @property
    def calls(self) -> int:
        """How often there was a call."""
        return self._calls

    def call(self) -> None:
        """Say that an execution may have become due, or that one of this process has ended."""
        with self._changed:
            self._calls += 1
            self._changed.notify_all()

    def wait(self, *, seen: int, timeout: float | None) -> None:
        """Block until there was a call beyond ``seen``, at most ``timeout`` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls != seen, timeout)
