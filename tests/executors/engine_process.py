"""An engine-like process to be killed: ``python engine_process.py STATE_FOLDER FOLDER HOW SCRIPT…``.

Starts each SCRIPT as a command in FOLDER, all at once, then does what HOW says: ``stay``; ``fork`` a bystander that
copies every descriptor, and stay; ``leave`` through sys.exit with all of it still running.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from flowforge_graph.executors import LocalExecutor
from tests.executors.hosts import RememberingHost, command, eventually, execution, python


def stay() -> None:
    """Do nothing until killed."""
    while True:
        time.sleep(1)


def main(state_folder: str, folder: str, how: str, *scripts: str) -> None:
    """Start the scripts, wait for the file that each must write, and then do as told."""
    executor = LocalExecutor(state_folder=state_folder, grace_seconds=0.3)
    executor.attach(RememberingHost())
    for number, script in enumerate(scripts):
        executor.start(execution(f"e-{number}"), command("sh", "-c", script, folder=Path(folder)))
    eventually(lambda: len(list(Path(folder).glob("*.pid"))) == len(scripts))
    if how == "leave":
        Path(folder, "endless.py").write_text("import time\ndef run(execution):\n    time.sleep(1000)\n")
        executor.start(execution("callable"), python("endless:run", Path(folder)))
        sys.exit(0)
    if how == "fork" and os.fork() == 0:
        Path(folder, "bystander").write_text(f"{os.getpid()}\n")
        stay()
    print("ready", flush=True)
    stay()


if __name__ == "__main__":
    main(*sys.argv[1:])
