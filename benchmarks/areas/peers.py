"""The same fan-out with other libraries, each in a process of its own, with the durability that it states."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.databases import Databases
from benchmarks.machine import version_of
from benchmarks.measure import Row, per_second
from benchmarks.sizes import Sizes
from benchmarks.worlds import FAN_OUT, ROOT

_SECONDS_ALLOWED = 480


@dataclass(frozen=True, kw_only=True, slots=True)
class _Peer:
    module: str
    package: str
    kind: str
    work: str
    beside: str = ""


_PEERS = (
    _Peer(
        module="ours", package="flowforge-graph", kind="SQLite", work="complete, one thread; then the local executor"
    ),
    _Peer(module="ours", package="flowforge-graph", kind="PostgreSQL", work="the same"),
    _Peer(
        module="ours_together",
        package="flowforge-graph",
        kind="SQLite",
        work="complete in 16 threads",
        beside=", 16 threads",
    ),
    _Peer(module="ours_together", package="flowforge-graph", kind="PostgreSQL", work="the same", beside=", 16 threads"),
    _Peer(
        module="with_dbos",
        package="dbos",
        kind="SQLite",
        work="a workflow that enqueues five; polling each 10 ms, 8 threads",
    ),
    _Peer(module="with_dbos", package="dbos", kind="PostgreSQL", work="the same"),
    _Peer(
        module="with_procrastinate",
        package="procrastinate",
        kind="PostgreSQL",
        work="a function that defers five in one batch; a worker with concurrency 8",
    ),
    _Peer(
        module="with_apscheduler",
        package="APScheduler",
        kind="SQLite",
        work="five `add_job`, no record of the completion; 8 threads; a run is not recorded either",
    ),
)


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """For each peer: completions a second until their downstream is enqueued, then runs a second."""
    for peer in _PEERS:
        yield _row(peer, sizes.fan_outs, databases)


def _row(peer: _Peer, completions: int, databases: Databases) -> Row:
    name = f"{peer.package} {version_of(peer.package) or ''}".strip()
    work = f"{name}, {peer.kind}{peer.beside}"
    if version_of(peer.package) is None and not peer.module.startswith("ours"):
        return Row(work=work, ours="", note="not installed: pip install -e '.[bench]'")
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.peers.{peer.module}"]
    try:
        ended = subprocess.run(
            [*command, databases.fresh(peer.kind), str(completions)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_SECONDS_ALLOWED,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return Row(work=work, ours="", note=f"did not end within {_SECONDS_ALLOWED} s on this machine")
    except subprocess.CalledProcessError as error:
        return Row(work=work, ours="", note=f"does not run here: {_last_line(error.stderr)}")
    answer = json.loads(ended.stdout.splitlines()[-1])
    assert answer["ran"] == completions * FAN_OUT
    return Row(
        work=work,
        ours=f"{per_second(completions, answer['fan_out'])} completions",
        floor=f"{per_second(answer['ran'], answer['run'])} runs",
        note=f"{peer.work}. {answer['durability']}",
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:200]
