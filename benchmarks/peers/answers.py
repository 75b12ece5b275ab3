"""What every program of this folder is given, and what it answers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable


def arguments() -> tuple[str, int]:
    """The URL of an empty database, and how many completions to make."""
    return sys.argv[1], int(sys.argv[2])


def answer(*, fan_out: float, run: float, ran: int, durability: str) -> None:
    """Say the seconds of both parts, and end: threads of a library must not keep the process."""
    sys.stdout.write(json.dumps({"fan_out": fan_out, "run": run, "ran": ran, "durability": durability}) + "\n")
    sys.stdout.flush()
    os._exit(0)


def wait_until(is_done: Callable[[], bool]) -> None:
    """Look each millisecond."""
    while not is_done():
        time.sleep(0.001)
