"""Executions that fail in every way there is, first in the queue, and how fast their healthy neighbours flow behind."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

from benchmarks import work
from benchmarks.databases import KINDS, Databases
from benchmarks.measure import Row, at_most, per_second, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from benchmarks.worlds import ROOT, count_of, seed_of
from flowforge_graph import DependencyTrigger, LocalExecutor, TriggerEngine

_STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
_EACH = 4
_POISON = {
    "raises": {"python": "benchmarks.work:fail"},
    "missing": {"python": "benchmarks.work:nobody"},
    "unknown": {"python": "nobody_has_this_module:run"},
}


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """The same neighbours, with and without."""
    engine_log = logging.getLogger("flowforge_graph")
    level = engine_log.level
    # Each dead letter is an error that needs a person; these are meant.
    engine_log.setLevel(logging.CRITICAL)
    for kind in KINDS:
        yield _row(kind, sizes, databases)
    engine_log.setLevel(level)


def _row(kind: str, sizes: Sizes, databases: Databases) -> Row:
    url, clean_url, count = databases.fresh(kind), databases.fresh(kind), sizes.completions * 12
    names = iter(range(2 * sizes.rounds))
    with _engine(url) as engine, _engine(clean_url) as clean:

        def poisoned() -> float:
            for workflow_id in _POISON:
                for _ in range(_EACH):
                    engine.start(workflow_id)
            engine.start("stubborn")
            return _flow(engine, f"round{next(names)}", count)

        measured = side_by_side(
            sizes.rounds, poisoned=poisoned, clean=lambda: _flow(clean, f"round{next(names)}", count)
        )
    for checked in (url, clean_url):
        assert count_of(checked, workflow_ids=["neighbour"], status="completed") == count * sizes.rounds
    bad = (_EACH * len(_POISON) + 1) * sizes.rounds
    assert count_of(url, workflow_ids=[*_POISON, "stubborn"], status="failed") == bad
    return Row(
        work=f"{count:,} neighbours behind {_EACH * len(_POISON) + 1} that fail, {kind}",
        ours=per_second(count, measured.seconds("poisoned")),
        floor=f"the neighbours alone {per_second(count, measured.seconds('clean'))}",
        ratio=measured.ratio("poisoned", to="clean"),
        target=at_most(1.1),
        note="callables that raise or do not exist, modules that do not either, and a command that "
        "ignores SIGTERM and is killed after its timeout",
    )


def _engine(url: str) -> TriggerEngine:
    engine = TriggerEngine(url, executor=LocalExecutor(grace_seconds=0.2))
    runs = _POISON | {
        "source": {"python": "benchmarks.work:nothing"},
        "neighbour": {"python": "benchmarks.work:counted"},
        "stubborn": {"command": [sys.executable, "-c", _STUBBORN], "timeout_seconds": 1},
    }
    for workflow_id, run in runs.items():
        engine.create_workflow(workflow_id, run=run, run_folder=str(ROOT))
    engine.create_trigger(DependencyTrigger(workflow_id="neighbour", depends_on_workflow_id="source"))
    return engine


def _flow(engine: TriggerEngine, name: str, count: int) -> float:
    """Seconds until the last neighbour ran; what still has to end then ends unmeasured."""
    seed_of(engine, "source", name, count)
    work.ran = 0

    def until_all_ran() -> None:
        while work.ran < count:
            engine.dispatch_due()
            engine.wait(0.1)

    seconds = seconds_of(until_all_ran)
    engine.run_until_idle()
    return seconds
