"""The long form: ``python -m flowforge_graph.testing.simulation --seeds 100000 --processes 2``.

Prints each failure with its smallest script, how far it is every thousand seeds, and one line in the end. Exit code 0
where every seed kept every rule, 1 where one did not, 2 for bad arguments, 130 for Ctrl-C.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flowforge_graph.testing.simulation.simulation import STEPS, Simulation, SimulationFailure

SEEDS_AT_ONCE = 100
_SEEDS_PER_LINE = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the seeds that the arguments name; answers the exit code."""
    asked = _parser().parse_args(arguments)
    began, done, failed, last = time.monotonic(), 0, 0, asked.first + asked.seeds
    batches = [
        (range(seed, min(seed + SEEDS_AT_ONCE, last)), asked.steps) for seed in range(asked.first, last, SEEDS_AT_ONCE)
    ]
    try:
        with _results(batches, asked.processes) as results:
            for count, failures in results:
                done, failed = done + count, failed + len(failures)
                _say(*failures)
                if done % _SEEDS_PER_LINE == 0:
                    _say(f"{done:,} seeds, {failed:,} failures, {time.monotonic() - began:,.0f} s")
    except KeyboardInterrupt:
        _say(f"interrupted after {done:,} seeds, {failed:,} failures")
        return 130
    _say(
        f"{done:,} seeds ({asked.first} to {last - 1}) of {asked.steps} steps: "
        f"{failed:,} failures, {time.monotonic() - began:,.0f} s on {asked.processes} processes"
    )
    return 1 if failed else 0


def run_batch(batch: tuple[range, int]) -> tuple[int, list[str]]:
    """Run some seeds: how many, and the message of each failure."""
    seeds, steps = batch
    failures = []
    for seed in seeds:
        try:
            Simulation(seed, steps=steps).run()
        except SimulationFailure as failure:
            failures.append(str(failure))
    return len(seeds), failures


@contextmanager
def _results(batches: Sequence[tuple[range, int]], processes: int) -> Iterator[Iterator[tuple[int, list[str]]]]:
    if processes == 1:
        yield map(run_batch, batches)
        return
    # Leaving the pool ends its processes; the default answer to SIGTERM would leave them behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield pool.imap_unordered(run_batch, batches)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m flowforge_graph.testing.simulation",
        description="Run the simulator over many seeds and print every broken rule with its smallest script.",
    )
    parser.add_argument("--seeds", type=_positive, default=100_000, help="how many seeds (default: %(default)s)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default: %(default)s)")
    parser.add_argument("--steps", type=_positive, default=STEPS, help="steps of each seed (default: %(default)s)")
    parser.add_argument("--processes", type=_positive, default=1, help="how many at a time (default: %(default)s)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
