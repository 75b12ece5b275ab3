"""This package: sixteen threads report completions, then the local executor runs what they started."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure import seconds_of
from benchmarks.peers.answers import answer, arguments
from benchmarks.peers.ours import DURABILITY
from benchmarks.worlds import count_of, make_fan_out, seed
from flowforge_graph import LocalExecutor, TriggerEngine


def main() -> None:
    """Fan out, then run."""
    url, completions = arguments()
    with TriggerEngine(url, executor=LocalExecutor()) as engine, ThreadPoolExecutor(16) as threads:
        make_fan_out(engine)
        ids = seed(engine, "e", completions)
        fan_out = seconds_of(lambda: list(threads.map(lambda i: engine.complete(i, "completed"), ids)))
        run = seconds_of(engine.run_until_idle)
    ran = count_of(url, workflow_ids=[f"down{n}" for n in range(5)], status="completed")
    answer(fan_out=fan_out, run=run, ran=ran, durability=DURABILITY)


if __name__ == "__main__":
    main()
