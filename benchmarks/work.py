"""What is run in the benchmarks."""

from __future__ import annotations

import threading

ran = 0
_lock = threading.Lock()


def nothing(_execution: object) -> None:
    """End at once."""


def count() -> None:
    """Nothing, counted in ``ran``."""
    global ran  # noqa: PLW0603
    with _lock:
        ran += 1
