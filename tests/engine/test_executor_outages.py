"""An executor that is away as a whole: what is due waits for it, however long, and is handed over when it is back."""

from __future__ import annotations

from collections.abc import Callable

from flowforge_graph import Execution, ExecutorUnavailable, TriggerEngine, Workflow
from flowforge_graph.testing import FixedClock, RecordingExecutor
from tests.engine.support import make_workflows

MakeEngine = Callable[..., TriggerEngine]


def away(times: int) -> RecordingExecutor:
    """An executor that is away for so many questions."""
    return RecordingExecutor([ExecutorUnavailable("nobody there") for _ in range(times)])


def test_nothing_ends_because_of_it(make_engine: MakeEngine, clock: FixedClock) -> None:
    """Longer than any limit on failed dispatches; no attempt and no failure is counted."""
    executor = away(50)
    engine = make_engine(executor=executor, max_dispatch_failures=2)
    make_workflows(engine, "A")
    ids = [engine.start("A").id for _ in range(10)]
    while executor.failures:
        assert engine.dispatch_due() == 0
        clock.advance(minutes=2)
    assert engine.dispatch_due() == 10
    assert sorted(execution.id for execution in executor.started) == sorted(ids)
    assert {execution.attempt for execution in executor.started} == {1}


def test_it_is_asked_once_a_turn_and_seldom(make_engine: MakeEngine, clock: FixedClock) -> None:
    """Not once for each execution that waits, and not again before its wait is over."""
    executor = away(3)
    engine = make_engine(executor=executor, backoff_seconds=10.0)
    make_workflows(engine, "A")
    for _ in range(100):
        engine.start("A")
    for _ in range(5):
        engine.dispatch_due()
    assert len(executor.failures) == 2
    clock.advance(20)
    engine.dispatch_due()
    assert len(executor.failures) == 1


def test_it_may_be_slow_without_losing_leases(make_engine: MakeEngine, clock: FixedClock) -> None:
    """While one hand-over takes long, those that wait behind it give signs of life to whoever watches."""
    watching = make_engine(lease_seconds=15.0)
    taken: list[int] = []

    class Slow(RecordingExecutor):
        def start(self, execution: Execution, workflow: Workflow) -> str:
            clock.advance(6)
            taken.append(len(watching.claim_due(100)))
            return super().start(execution, workflow)

    executor = Slow()
    engine = make_engine(executor=executor, lease_seconds=15.0)
    make_workflows(engine, "A")
    for _ in range(20):
        engine.start("A")
    assert engine.dispatch_due() == 20
    assert sum(taken) == 0
    assert {execution.attempt for execution in executor.started} == {1}


def test_an_executor_gets_the_runs_that_it_can_do(make_engine: MakeEngine) -> None:
    """The others stay pending for a process that can, or for their host."""

    class OfPrefect(RecordingExecutor):
        runs = frozenset({"prefect"})

    class OfAll(RecordingExecutor):
        runs = frozenset({"command", "python"})

    engine, other = make_engine(executor=OfPrefect()), make_engine(executor=OfAll())
    runs = {"c": {"command": ["true"]}, "p": {"prefect": "a/b"}, "m": {"python": "m:f"}, "host": None}
    for workflow_id, run in runs.items():
        engine.create_workflow(workflow_id, run=run)
        engine.start(workflow_id)
    assert (engine.dispatch_due(), other.dispatch_due()) == (1, 2)
    assert [e.workflow_id for e in engine.list_executions(status="pending")] == ["host"]
