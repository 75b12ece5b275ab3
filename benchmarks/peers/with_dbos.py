"""DBOS: an upstream workflow enqueues five workflows on a queue; eight at once run them."""

from __future__ import annotations

import threading

from dbos import DBOS, DBOSConfig, Queue

from benchmarks.measure import seconds_of
from benchmarks.peers.answers import answer, arguments, wait_until

_THREADS = 8
_ran = 0
_lock = threading.Lock()
_queue: Queue


@DBOS.workflow()
def downstream(_number: int) -> None:
    """Nothing, counted."""
    global _ran  # noqa: PLW0603
    with _lock:
        _ran += 1


@DBOS.workflow()
def upstream(number: int) -> None:
    """A completion: five more are to run."""
    for n in range(5):
        _queue.enqueue(downstream, number * 5 + n)


@DBOS.workflow()
def last() -> None:
    """What is enqueued behind everything else."""


def main() -> None:
    """Fan out while the queue rests as far as it lets itself, then run."""
    url, completions = arguments()
    config: DBOSConfig = {"name": "fan-out", "system_database_url": url, "log_level": "ERROR"}
    DBOS(config=config)
    DBOS.launch()
    global _queue  # noqa: PLW0603
    _queue = DBOS.register_queue("fan-out", worker_concurrency=_THREADS, polling_interval_sec=0.01)
    everything = completions * 5

    def fan_out() -> None:
        for number in range(completions):
            upstream(number)

    def run() -> None:
        wait_until(lambda: _ran >= everything)
        _queue.enqueue(last).get_result(polling_interval_sec=0.01)

    fanned_out = seconds_of(fan_out)
    answer(
        fan_out=fanned_out,
        run=fanned_out + seconds_of(run),
        ran=_ran,
        durability="As DBOS sets it; its queue does not rest while the fan-out runs: runs by the time of both",
    )


if __name__ == "__main__":
    main()
