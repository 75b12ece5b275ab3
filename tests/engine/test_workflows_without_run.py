"""A workflow without a run is the host's: what may start it, and what leaves it alone?"""

from __future__ import annotations

from collections.abc import Callable

from flowforge_graph import CommandRun, DependencyTrigger, TriggerEngine
from flowforge_graph.executors import LocalExecutor
from flowforge_graph.testing import RecordingExecutor
from tests.engine.support import make_workflows

MakeEngine = Callable[..., TriggerEngine]


def test_the_local_executor_leaves_it_to_the_host(make_engine: MakeEngine) -> None:
    """Its executions stay pending, however many are in front of what has a run, and the host completes them."""
    engine = make_engine(executor=LocalExecutor(max_concurrent=1))
    make_workflows(engine, "host")
    engine.create_workflow("own", run=CommandRun(command=("true",)))
    engine.create_trigger(DependencyTrigger(workflow_id="own", depends_on_workflow_id="host"))
    waiting = [engine.start("host").id for _ in range(5)]
    started = engine.start("own")
    engine.run_until_idle()
    assert engine.get_execution(started.id).status == "completed"
    assert {engine.get_execution(execution_id).status for execution_id in waiting} == {"pending"}
    (triggered,) = engine.complete(waiting[0], "completed").triggered
    engine.run_until_idle()
    assert triggered.execution_id is not None
    assert engine.get_execution(triggered.execution_id).status == "completed"


def test_a_host_that_claims_is_given_it(make_engine: MakeEngine) -> None:
    """Claims of a host know no difference."""
    engine = make_engine()
    make_workflows(engine, "host")
    execution = engine.start("host")
    assert [claim.execution_id for claim in engine.claim_due(9)] == [execution.id]


def test_an_executor_of_the_hosts_own_is_given_it(make_engine: MakeEngine) -> None:
    """Only executors that need a run are spared: a host's own knows what its workflows are."""
    executor = RecordingExecutor()
    engine = make_engine(executor=executor)
    make_workflows(engine, "host")
    execution = engine.start("host")
    assert engine.dispatch_due() == 1
    assert [started.id for started in executor.started] == [execution.id]


def test_what_a_deleted_workflow_was_to_do_is_cancelled_not_forgotten(make_engine: MakeEngine) -> None:
    """It ended with the workflow; nothing stays pending for ever."""
    engine = make_engine(executor=LocalExecutor())
    make_workflows(engine, "host")
    execution = engine.start("host")
    engine.delete_workflow("host")
    assert engine.get_execution(execution.id).reason == "workflow_deleted"
