"""Processes beside a Prefect server: runners that serve flows, and whatever else is started and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.prefect_servers import PrefectProcess

ROOT = Path(__file__).parents[3]
# A flow run takes 5 s on two busy cores; whatever takes this long hangs.
_HANG_SECONDS = 240.0


@contextmanager
def program(
    prefect: PrefectProcess, words: Sequence[str], log: Path, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program beside a server, as :func:`running`."""
    environment = prefect.environment(PREFECT_RUNNER_POLL_FREQUENCY="1", PREFECT_WORKER_QUERY_SECONDS="1")
    with running([sys.executable, *words], {**environment, "PYTHONPATH": str(ROOT), **variables}, log) as process:
        yield process


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, *, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A program with its output in ``log``; it and all that it started are killed at the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL, to a program and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def eventually(holds: Callable[[], object], what: str, log: Path | None = None) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + _HANG_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-3_000:] if log and log.exists() else ""
            raise AssertionError(f"it never came about that {what}\n{said}")
        time.sleep(0.1)
