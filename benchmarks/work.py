"""What is run in the benchmarks."""

from __future__ import annotations

import threading

ran = 0
_lock = threading.Lock()


def nothing(_execution: object) -> None:
    """End at once."""


def counted(_execution: object) -> None:
    """End at once, counted in ``ran``."""
    count()


def fail(_execution: object) -> None:
    """End as failed."""
    raise RuntimeError("as it is meant to")


def count() -> None:
    """Nothing, counted in ``ran``."""
    global ran  # noqa: PLW0603
    with _lock:
        ran += 1
