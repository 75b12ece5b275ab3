"""Flows that are killed; run as a program, it serves them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from prefect import flow, serve

from flowforge_graph.executors.prefect import report_completions


def die(*_: Any) -> None:
    """A hook that never comes to its end, nor lets the next one begin."""
    os.kill(os.getpid(), signal.SIGKILL)


@flow
def sleeper(marker: str) -> None:
    """Says which process it is, and sleeps."""
    Path(marker).write_text(str(os.getpid()))
    time.sleep(600)


@flow(on_completion=[die])
def dies_in_hook() -> None:
    """Completes, and is killed before our hook is called."""


for each in (sleeper, dies_in_hook):
    report_completions(each)

if __name__ == "__main__":
    serve(sleeper.to_deployment("main"), dies_in_hook.to_deployment("main"), limit=4)
