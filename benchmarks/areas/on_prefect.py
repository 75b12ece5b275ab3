"""Completions on a real Prefect server with five downstream runs each: this engine beside Prefect's own automations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.databases import Databases
from benchmarks.measure import Measured, Row, at_least, duration, side_by_side
from benchmarks.prefect_world import CAUSE, DOWNSTREAM, UPSTREAM, Outcome, PrefectWorld
from benchmarks.sizes import Sizes
from benchmarks.worlds import FAN_OUT
from flowforge_graph import CycleError, DependencyTrigger, TriggerEngine

if TYPE_CHECKING:
    from tests.support.prefect_servers import PrefectProcess

_LOOP_SECONDS: Final = 15.0
_LOOK_SECONDS: Final = 0.25
_HANG_SECONDS: Final = 300.0


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """Start a server on SQLite, and measure on it."""
    # The tests know how to run a Prefect server that leaves this machine's own alone.
    from tests.support.prefect_servers import running_prefect

    # Nobody takes the runs here; else the slower side would also pay for their being marked as late.
    with running_prefect(sizes.folder / "prefect", PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED="false") as process:
        yield from rows_on(process, sizes, databases)


def rows_on(
    process: PrefectProcess, sizes: Sizes, databases: Databases, *, loop_seconds: float = _LOOP_SECONDS
) -> Iterator[Row]:
    """Measure on a server that runs; everything made there is deleted but the deployments."""
    from prefect.client.orchestration import SyncPrefectClient

    with SyncPrefectClient(process.api_url) as client:
        world = PrefectWorld(client)
        yield from _fan_out(world, process.api_url, sizes, databases)
        yield _loop(world, databases, loop_seconds)


def _fan_out(world: PrefectWorld, api_url: str, sizes: Sizes, databases: Databases) -> Iterator[Row]:
    outcomes: dict[str, list[Outcome]] = {"ours": [], "theirs": []}

    def side(name: str, served: Callable[[], AbstractContextManager[None]]) -> Callable[[], float]:
        def measured() -> float:
            outcomes[name].append(_round(world, sizes.flow_runs, served))
            return outcomes[name][-1].seconds

        return measured

    measured = side_by_side(
        sizes.few_rounds,
        ours=side("ours", lambda: _engine(api_url, databases)),
        theirs=side("theirs", lambda: world.automated(*((UPSTREAM, name) for name in DOWNSTREAM))),
        bare=lambda: _bare(world, sizes.flow_runs * FAN_OUT),
    )
    yield from _rows_of(measured, outcomes, sizes.flow_runs)


def _rows_of(measured: Measured, outcomes: dict[str, list[Outcome]], ends: int) -> Iterator[Row]:
    runs = ends * FAN_OUT
    work = f"{ends} completions, {runs} downstream runs"
    yield Row(
        work=f"{work}, beside 5 automations",
        ours=_rate(runs, measured.seconds("ours")),
        floor=f"automations {_rate(runs, measured.seconds('theirs'))}",
        ratio=measured.ratio("theirs", to="ours"),
        target=at_least(2),
        note="from the first end to the last creation, by the server's times; ours with the loops of `serve`",
    )
    yield Row(
        work=f"{work}, beside bare creation",
        ours=_rate(runs, measured.seconds("ours")),
        floor=f"the client alone {_rate(runs, measured.seconds('bare'))}",
        ratio=measured.ratio("ours", to="bare"),
        note="creating as many runs one after another through Prefect's client, while nothing else is asked",
    )
    ours, theirs = ([outcome.latency for outcome in outcomes[name]] for name in ("ours", "theirs"))
    yield Row(
        work="from an end to the creation of its runs, median",
        ours=duration(median(ours)),
        floor=f"automations {duration(median(theirs))}",
        ratio=median(b / a for a, b in zip(ours, theirs, strict=True)),
        note=f"{ends} ends as fast as the server takes them",
    )


def _round(world: PrefectWorld, ends: int, served: Callable[[], AbstractContextManager[None]]) -> Outcome:
    """So many completions with a side at work, until all that they cause is there; its runs are deleted then."""
    run_ids = world.start_upstream(ends)
    with served():
        world.complete(run_ids)
        _wait(lambda: world.count_downstream() >= ends * FAN_OUT)
        outcome = world.outcome(run_ids)
    assert outcome.pairs == tuple(sorted((str(run_id), name) for run_id in run_ids for name in DOWNSTREAM))
    world.delete_runs()
    return outcome


@contextmanager
def _engine(api_url: str, databases: Databases) -> Iterator[None]:
    """The Prefect side of ``serve`` on a fresh database."""
    from flowforge_graph.cli.prefect_side import PrefectSide
    from flowforge_graph.executors.prefect import PrefectReconciler, PrefectServer

    url = databases.fresh("SQLite")
    with TriggerEngine(url) as engine, PrefectServer(api_url) as server:
        for name in (UPSTREAM, *DOWNSTREAM):
            engine.create_workflow(name, run={"prefect": f"{name}/bench"})
        engine.create_triggers([DependencyTrigger(workflow_id=n, depends_on_workflow_id=UPSTREAM) for n in DOWNSTREAM])
        # From here on ends are followed.
        PrefectReconciler(engine, server).reconcile()
        with PrefectSide(engine, server, url, lambda _line: None):
            yield


def _bare(world: PrefectWorld, runs: int) -> float:
    began = time.perf_counter()
    for number in range(runs):
        world.create_run(DOWNSTREAM[number % FAN_OUT], parameters={CAUSE: "nothing"})
    seconds = time.perf_counter() - began
    world.delete_runs()
    return seconds


def _loop(world: PrefectWorld, databases: Databases, seconds: float) -> Row:
    """A starts B and B starts A, whatever completes: automations take it, the graph refuses it."""
    hops = _hops(world, (DOWNSTREAM[0], DOWNSTREAM[1]), seconds)
    with TriggerEngine(databases.fresh("SQLite")) as engine:
        engine.create_workflow("A")
        engine.create_workflow("B")
        engine.create_trigger(DependencyTrigger(workflow_id="B", depends_on_workflow_id="A"))
        try:
            engine.create_trigger(DependencyTrigger(workflow_id="A", depends_on_workflow_id="B"))
        except CycleError as refused:
            chain = " → ".join(refused.chain)
        else:
            raise AssertionError("the cycle was accepted")
    return Row(
        work="two deployments that start each other",
        ours=f"refused: {chain}",
        floor=f"automations: {hops} runs in {seconds:.0f} s, and no end",
        note="each run is said to have completed as soon as it is there",
    )


def _hops(world: PrefectWorld, pair: Sequence[str], seconds: float) -> int:
    first, second = pair
    with world.automated((first, second), (second, first)):
        done = {world.create_run(first, parameters={CAUSE: "nothing"}).id}
        world.complete(done)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            new = {run.id for run in world.runs_of(*pair)} - done
            world.complete(new)
            done |= new
    world.delete_runs()
    return len(done) - 1


def _rate(runs: int, seconds: float) -> str:
    return f"{runs / seconds:.1f}/s"


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _HANG_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "not all runs were created"
        time.sleep(_LOOK_SECONDS)
