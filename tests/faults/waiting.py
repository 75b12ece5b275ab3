"""Waiting for what other processes do; how long it takes decides nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.faults.workers import HANG_SECONDS


def eventually(is_so: Callable[[], object]) -> None:
    """Wait until it is so."""
    for _ in range(int(HANG_SECONDS / 0.02)):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to be")
