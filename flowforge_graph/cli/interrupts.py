"""Ctrl-C and SIGTERM: the first one asks, the second one ends at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Self

from flowforge_graph.cli.exits import ExitCode
from flowforge_graph.cli.output import is_terminal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h\n"


class Interrupts:
    """While entered, signals are counted instead of raised; whoever loops looks at :attr:`received`.

    No lock or event is touched in the handler: it may run in the middle of any instruction of the main thread.
    The second signal ends the process at once; the supervisors of its commands then end these.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # Only the main thread may set handlers, and it alone receives signals.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.received is not None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            if is_terminal(sys.stderr):
                os.write(2, _SHOW_CURSOR)
            os._exit(ExitCode.INTERRUPTED)
        self.received = signal.Signals(number)
