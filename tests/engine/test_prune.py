"""Rule 23: history goes by request only, whole ended cascades at a time, and leaves tombstones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from flowforge_graph import (
    CompletionConflict,
    EventTrigger,
    ExecutionConflict,
    ExecutionNotFound,
    InvalidExecution,
    InvalidTime,
    TriggerEngine,
)
from flowforge_graph.testing import FixedClock
from tests.engine.support import chain_of, rows


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """An engine with A → B."""
    engine = make_engine()
    chain_of(engine, "AB")
    return engine


def run_cascade(engine: TriggerEngine, root: str) -> None:
    """Complete the execution ``root`` of A and what it starts."""
    engine.complete(root, "completed", workflow_id="A")
    for execution in engine.list_executions("B", root_execution_id=root):
        engine.complete(execution.id, "completed")


def test_only_whole_ended_cascades_go(engine: TriggerEngine, clock: FixedClock) -> None:
    """Not one of which anything is pending, runs, or ended later."""
    run_cascade(engine, "old")
    engine.complete("waiting", "completed", workflow_id="A")
    engine.start("A", execution_id="alive")
    engine.complete("late", "completed", workflow_id="A")
    clock.advance(minutes=10)
    engine.complete(engine.list_executions("B", root_execution_id="late")[0].id, "completed")
    pruned = engine.prune(clock.now())
    assert (pruned.cascades, pruned.executions, pruned.verdicts) == (1, 2, 1)
    assert {execution.root_execution_id for execution in engine.list_executions()} == {"waiting", "alive", "late"}
    assert engine.prune(clock.now()).cascades == 0
    clock.advance(seconds=1)
    assert engine.prune(clock.now()).cascades == 1
    with pytest.raises(ExecutionNotFound):
        engine.get_execution("old")


def test_many_cascades_go_in_several_transactions(engine: TriggerEngine, clock: FixedClock) -> None:
    """Each whole."""
    engine.complete_many([{"execution_id": f"e{n}", "status": "failed", "workflow_id": "A"} for n in range(250)])
    clock.advance(seconds=1)
    pruned = engine.prune(clock.now())
    assert (pruned.cascades, pruned.executions, pruned.verdicts) == (250, 250, 250)
    assert rows(engine, "SELECT count(*) FROM tombstones") == [(250,)]


def test_a_late_duplicate_of_a_pruned_execution_starts_nothing(engine: TriggerEngine, clock: FixedClock) -> None:
    """It is answered quietly; a contradiction is one still; another workflow is invalid."""
    run_cascade(engine, "old")
    clock.advance(seconds=1)
    engine.prune(clock.now())
    for _ in range(2):
        again = engine.complete("old", "completed", workflow_id="A")
        assert (again.status, again.workflow_id, again.verdicts) == ("completed", "A", ())
    with pytest.raises(CompletionConflict):
        engine.complete("old", "failed")
    with pytest.raises(InvalidExecution):
        engine.complete("old", "completed", workflow_id="B")
    assert engine.list_executions() == []


def test_a_pruned_id_cannot_start_again(engine: TriggerEngine, clock: FixedClock) -> None:
    """Nor be the cause of a start."""
    run_cascade(engine, "old")
    clock.advance(seconds=1)
    engine.prune(clock.now())
    with pytest.raises(ExecutionConflict, match="'old' ran and was pruned"):
        engine.start("A", execution_id="old")
    with pytest.raises(ExecutionNotFound):
        engine.start("A", caused_by="old")
    assert engine.list_executions() == []


def test_a_pruned_event_starts_nothing_again(engine: TriggerEngine, clock: FixedClock) -> None:
    """The same key; another key does."""
    engine.create_trigger(EventTrigger(workflow_id="B", event_type="arrived"))
    (execution,) = engine.emit("arrived", key="x")
    engine.complete(execution.id, "completed")
    clock.advance(seconds=1)
    engine.prune(clock.now())
    assert engine.emit("arrived", key="x") == []
    assert len(engine.emit("arrived", key="y")) == 1
    assert [execution.event_key for execution in engine.list_executions()] == ["y"]


def test_a_naive_time_is_refused(engine: TriggerEngine) -> None:
    """And nothing goes."""
    run_cascade(engine, "old")
    with pytest.raises(InvalidTime, match="before must be a datetime with a time zone"):
        engine.prune(datetime(2030, 1, 1))
    assert len(engine.list_executions()) == 2


def test_a_prune_in_the_future_leaves_what_lives(engine: TriggerEngine, clock: FixedClock) -> None:
    """Whatever instant is named."""
    engine.start("A", execution_id="alive")
    run_cascade(engine, "old")
    assert engine.prune(clock.now() + timedelta(days=1)).cascades == 1
    assert [execution.id for execution in engine.list_executions()] == ["alive"]
