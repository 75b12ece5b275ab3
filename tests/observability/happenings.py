"""How each fact of the catalogue comes about: for each a way to make it happen, and what the fact must then say."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from flowforge_graph import (
    CompletionConflict,
    CycleError,
    DispatchError,
    EventTrigger,
    ExecutorUnavailable,
    LeaseLost,
    PermanentDispatchError,
    ScheduledTrigger,
    TriggerEngine,
    notify_completion,
)
from flowforge_graph.client import notifying
from flowforge_graph.engine.protocols import ExecutionEnd
from flowforge_graph.errors import DatabaseUnreachable
from flowforge_graph.executors import LocalExecutor
from flowforge_graph.executors.local import commands
from flowforge_graph.executors.local.locks import ExecutionLock, private_folder
from flowforge_graph.facts import Fact, catalogue
from flowforge_graph.model import Claim, Execution, Workflow
from flowforge_graph.storage import sqlite
from flowforge_graph.storage.tokens import TokenRows
from flowforge_graph.testing import FixedClock, MemoryDeployments, RecordingExecutor
from tests.client.servers import TOLD, reply, serving
from tests.engine.support import chain_of, depends, make_workflows, write
from tests.executors.hosts import RememberingHost, UnreachableHost, command, eventually, execution, python, settle

LEASE = 15.0
Said = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class World:
    """What a happening may use."""

    make_engine: Callable[..., TriggerEngine]
    clock: FixedClock
    folder: Path
    patch: pytest.MonkeyPatch

    def engine(self, *workflow_ids: str, **keywords: Any) -> TriggerEngine:
        """An engine with these workflows stored."""
        engine = self.make_engine(**keywords)
        make_workflows(engine, *workflow_ids)
        return engine

    def local(self, host: RememberingHost, **settings: Any) -> LocalExecutor:
        """A local executor that reports to ``host``."""
        settings = {"grace_seconds": 0.3, "state_folder": self.folder / "state", **settings}
        executor = LocalExecutor(**settings)
        executor.attach(host)
        return executor


def claimed(engine: TriggerEngine, execution_id: str = "one") -> Claim:
    """Start workflow A under that id and claim it."""
    engine.start("A", execution_id=execution_id)
    (claim,) = engine.claim_due()
    return claim


def recorded(world: World) -> Said:
    engine = world.engine()
    chain_of(engine, "AB")
    engine.create_workflow("C")
    engine.create_trigger(depends("C", "A", "on_failure"))
    engine.complete("one", "completed", workflow_id="A")
    return {
        "execution_id": "one",
        "workflow_id": "A",
        "root_execution_id": "one",
        "status": "completed",
        "triggered": 1,
        "skipped": 1,
        "skipped_for": {"condition_not_met": 1},
    }


def cancelled(world: World) -> Said:
    engine = world.engine("A")
    engine.start("A", execution_id="one")
    engine.cancel("one")
    return {"execution_id": "one", "status": "cancelled", "reason": "cancel_requested"}


def dead_lettered(world: World) -> Said:
    engine = world.engine("A", executor=RecordingExecutor([PermanentDispatchError("no such deployment")]))
    engine.start("A", execution_id="one")
    engine.dispatch_due()
    return {"execution_id": "one", "reason": "dispatch_failed", "error": "no such deployment"}


def repeated(world: World) -> Said:
    engine = world.engine("A")
    engine.complete("one", "completed", workflow_id="A")
    engine.complete("one", "completed")
    return {"execution_id": "one", "workflow_id": "A", "status": "completed"}


def conflicted(world: World) -> Said:
    engine = world.engine("A")
    engine.complete("one", "completed", workflow_id="A")
    with pytest.raises(CompletionConflict):
        engine.complete("one", "failed")
    return {"execution_id": "one", "stored_status": "completed", "status": "failed"}


def refused(world: World) -> Said:
    (_,) = world.engine().complete_many([("one", "completed")])
    return {"execution_id": "one", "error": "there is no execution 'one'"}


def created(world: World) -> Said:
    engine = world.engine("A")
    trigger = engine.create_trigger(EventTrigger(workflow_id="A", event_type="arrived"))
    for _ in range(2):
        engine.emit("arrived", key="k")
    return {"workflow_id": "A", "trigger_type": "event", "trigger_id": trigger.id}


def claimed_here(world: World) -> Said:
    claimed(world.engine("A"))
    return {"execution_id": "one", "workflow_id": "A", "attempt": 1}


def started(world: World) -> Said:
    engine = world.engine("A", executor=RecordingExecutor())
    engine.start("A", execution_id="one")
    engine.dispatch_due()
    return {"execution_id": "one", "attempt": 1, "external_id": "external-one"}


def released(world: World) -> Said:
    engine = world.engine("A")
    engine.release(claimed(engine))
    return {"execution_id": "one", "workflow_id": "A"}


def cancel_requested(world: World) -> Said:
    engine = world.engine("A")
    engine.mark_running(claimed(engine))
    engine.cancel("one")
    return {"execution_id": "one", "workflow_id": "A"}


def dispatch_failed(world: World) -> Said:
    engine = world.engine("A", executor=RecordingExecutor([DispatchError("busy")]), backoff_seconds=1)
    engine.start("A", execution_id="one")
    engine.dispatch_due()
    retry_at = engine.get_execution("one").available_at
    return {"execution_id": "one", "dispatch_failures": 1, "error": "busy", "retry_at": retry_at}


def executor_broke(world: World) -> Said:
    engine = world.engine("A", executor=RecordingExecutor([KeyError("oops")]))
    engine.start("A", execution_id="one")
    engine.dispatch_due()
    return {"execution_id": "one"}


def executor_out(world: World) -> Said:
    engine = world.engine("A", executor=RecordingExecutor([ExecutorUnavailable("nobody there")]))
    for number in range(3):
        engine.start("A", execution_id=str(number))
    engine.dispatch_due()
    return {"executions": 3, "error": "nobody there"}


def executor_back(world: World) -> Said:
    engine = world.engine("A", executor=RecordingExecutor([ExecutorUnavailable("nobody there")] * 2))
    engine.start("A")
    for _ in range(3):
        engine.dispatch_due()
        world.clock.advance(minutes=2)
    return {"times": 2}


def not_called_off(world: World) -> Said:
    class Stubborn(RecordingExecutor):
        def start(self, execution: Execution, workflow: Workflow) -> str:
            engine.cancel(execution.id)
            return super().start(execution, workflow)

        def call_off(self, external_id: str) -> None:
            raise DispatchError(f"{external_id} goes on")

    engine = world.engine("A", executor=Stubborn())
    engine.start("A", execution_id="one")
    engine.dispatch_due()
    return {"execution_id": "one", "error": "external-one goes on"}


def lease_lost(world: World) -> Said:
    engine = world.engine("A")
    claim = claimed(engine)
    write(engine, "UPDATE executions SET claim_token = 'another'")
    with pytest.raises(LeaseLost):
        engine.renew(claim)
    return {"execution_id": "one"}


def taken_over(world: World) -> Said:
    engine = world.engine("A", lease_seconds=LEASE)
    engine.mark_running(claimed(engine))
    world.clock.advance(seconds=LEASE)
    engine.claim_due()
    return {"execution_id": "one", "attempt": 1}


def not_renewed(world: World) -> Said:
    host = UnreachableHost(lease_seconds=0.3)
    executor = world.local(host)
    executor.start(execution(), command("sleep", "1000"))
    settle(executor)
    executor.close()
    return {"executions": 1, "error": "the database cannot be reached"}


def end_not_recorded(world: World) -> Said:
    engine = world.engine("A")
    held = engine._dispatcher._held
    held.hold(claimed(engine))
    held.close()
    write(engine, "ALTER TABLE executions RENAME TO elsewhere")
    try:
        held.ended("one", ExecutionEnd(status="completed"))
    finally:
        write(engine, "ALTER TABLE elsewhere RENAME TO executions")
    return {"execution_id": "one"}


def end_overruled(world: World) -> Said:
    engine = world.engine("A")
    held = engine._dispatcher._held
    held.hold(claimed(engine))
    engine.complete("one", "failed")
    held.ended("one", ExecutionEnd(status="completed"))
    return {"execution_id": "one", "error": "execution 'one' has already ended as failed, not as completed"}


def local_broke(world: World) -> Said:
    def fail(*_: object) -> None:
        raise RuntimeError("unexpected")

    world.patch.setattr(commands, "environment_of", fail)
    executor = world.local(RememberingHost())
    executor.start(execution(), command("true"))
    settle(executor)
    executor.close()
    return {"execution_id": "e-1"}


def end_not_reported(world: World) -> Said:
    class Broken(RememberingHost):
        def ended(self, execution_id: str, end: ExecutionEnd) -> None:
            raise RuntimeError("unexpected")

    executor = world.local(Broken())
    executor.start(execution(), command("true"))
    settle(executor)
    executor.close()
    return {"execution_id": "e-1"}


def callable_not_stopped(world: World) -> Said:
    sys.modules.pop("endless_steps", None)
    (world.folder / "endless_steps.py").write_text(
        "import threading\nbegan, ends = threading.Event(), threading.Event()\n"
        "def wait(execution):\n    began.set()\n    ends.wait(60)\n"
    )
    executor = world.local(RememberingHost())
    executor.start(execution(), python("endless_steps:wait", world.folder))
    eventually(lambda: hasattr(sys.modules.get("endless_steps"), "wait"))
    steps: Any = sys.modules["endless_steps"]
    eventually(steps.began.is_set)
    executor.close()
    steps.ends.set()
    return {"execution_id": "e-1"}


def attempt_waits(world: World) -> Said:
    world.patch.setattr(commands, "_POLLS_BEFORE_A_WARNING", 1)
    executor = world.local(RememberingHost())
    lock = ExecutionLock.try_acquire(private_folder(world.folder / "state"), namespace="tests", execution_id="e-1")
    assert lock is not None
    said = threading.Event()
    world.patch.setattr(commands, "log", _then(commands.log, said.set))
    executor.start(execution(), command("true"))
    assert said.wait(60)
    lock.release()
    settle(executor)
    executor.close()
    return {"execution_id": "e-1"}


def _then(first: Callable[..., None], second: Callable[[], None]) -> Callable[..., None]:
    def both(*arguments: Any, **keywords: Any) -> None:
        first(*arguments, **keywords)
        second()

    return both


def fired(world: World) -> Said:
    engine, trigger = _with_schedule(world)
    due = world.clock.now() + timedelta(minutes=10)
    world.clock.set(due)
    (execution_id,) = engine.tick().started_execution_ids
    return {"trigger_id": trigger, "workflow_id": "A", "execution_id": execution_id, "fire_time": due}


def dropped(world: World) -> Said:
    engine, trigger = _with_schedule(world)
    first = world.clock.now() + timedelta(minutes=10)
    world.clock.advance(minutes=50)
    engine.tick()
    last = first + timedelta(minutes=30)
    return {"trigger_id": trigger, "first": first, "last": last, "fire_times": 4, "reason": "superseded"}


def ticked(world: World) -> Said:
    engine, _ = _with_schedule(world)
    world.clock.advance(minutes=10)
    engine.tick()
    return {"started": 1}


def unreadable(world: World) -> Said:
    engine, trigger = _with_schedule(world)
    write(engine, "UPDATE workflow_triggers SET cron_expression = 'nonsense'")
    world.clock.advance(minutes=10)
    engine.tick()
    return {"trigger_id": trigger}


def _with_schedule(world: World) -> tuple[TriggerEngine, str]:
    engine = world.engine("A")
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="*/10 * * * *"))
    return engine, trigger.id


def cycle_refused(world: World) -> Said:
    engine = world.engine()
    chain_of(engine, "ABC")
    with pytest.raises(CycleError):
        engine.create_trigger(depends("A", "C"))
    return {"chain": ("A", "B", "C", "A")}


def workflow_created(world: World) -> Said:
    world.engine("A")
    return {"workflow_id": "A"}


def workflow_changed(world: World) -> Said:
    world.engine("A").update_workflow("A", name="Another")
    return {"workflow_id": "A"}


def workflow_deleted(world: World) -> Said:
    world.engine("A").delete_workflow("A")
    return {"workflow_id": "A"}


def trigger_created(world: World) -> Said:
    (trigger,) = chain_of(world.engine(), "AB")
    return {"trigger_id": trigger, "workflow_id": "B", "trigger_type": "dependency", "enabled": True}


def trigger_changed(world: World) -> Said:
    engine = world.engine()
    (trigger,) = chain_of(engine, "AB")
    engine.disable_trigger(trigger)
    return {"trigger_id": trigger, "workflow_id": "B", "enabled": False}


def trigger_deleted(world: World) -> Said:
    engine = world.engine()
    (trigger,) = chain_of(engine, "AB")
    engine.delete_workflow("A")
    return {"trigger_id": trigger}


def not_evaluated(world: World) -> Said:
    engine = world.engine()
    (trigger,) = chain_of(engine, "AB")
    write(engine, "UPDATE workflow_triggers SET dependency_condition = 'sometimes'")
    world.make_engine().complete("one", "completed", workflow_id="A")
    return {"trigger_id": trigger, "execution_id": "one"}


def spoilt(world: World) -> Said:
    engine = world.engine()
    (trigger,) = chain_of(engine, "AB")
    write(engine, "UPDATE workflow_triggers SET delay_minutes = 99")
    engine.list_triggers()
    return {"trigger_id": trigger}


def graph_loaded(world: World) -> Said:
    engine = world.engine("A", "B")
    write(engine, "UPDATE graph_revision SET epoch = 'another database'")
    assert engine.graph.has_workflow("A")
    return {"revision": 2, "workflows": 2}


def log_row_unfit(world: World) -> Said:
    engine = world.engine()
    chain_of(engine, "AB")
    payload = '["x", "A", "B", "on_success", 0, true, null, 9]'
    write(
        engine,
        "UPDATE graph_revision SET revision = revision + 1",
        "INSERT INTO graph_changes (revision, kind, subject_id, payload)"
        f" SELECT revision, 'trigger_put', 'x', '{payload}' FROM graph_revision",
    )
    assert engine.graph.downstream("A") == ["B"]
    return {"revision": 4}


def retried(world: World) -> Said:
    engine = world.engine("A")
    tries = []

    def work(connection: Connection) -> None:
        tries.append(1)
        if len(tries) == 1:
            connection.execute(text("INSERT INTO workflows SELECT * FROM workflows"))

    engine._context.store.database.run(work)
    return {"tries": 1}


def unreachable(world: World) -> Said:
    with pytest.raises(DatabaseUnreachable) as raised:
        TriggerEngine(f"postgresql+psycopg://nobody@/none?host={world.folder}")
    return {"error": str(raised.value)}


def wal_unsafe(world: World) -> Said:
    world.patch.setattr(sqlite, "wal_is_safe", lambda _: False)
    world.patch.setattr(sqlite, "_already_said", set())
    TriggerEngine(f"sqlite:///{world.folder}/one.db").close()
    return {"version": sqlite._driver().sqlite_version}


def journal_kept(world: World) -> Said:
    path = world.folder / "one.db"
    other = sqlite._driver().connect(path)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.execute("BEGIN")
    other.execute("SELECT * FROM t").fetchall()
    world.patch.setattr(sqlite, "wal_is_safe", lambda _: False)
    world.patch.setattr(sqlite, "BUSY_TIMEOUT_MS", 0)
    TriggerEngine(f"sqlite:///{path}").close()
    other.close()
    return {"journal": "DELETE"}


def pruned(world: World) -> Said:
    engine = world.engine()
    chain_of(engine, "AB")
    engine.complete("one", "failed", workflow_id="A")
    world.clock.advance(minutes=1)
    engine.prune(world.clock.now())
    return {"before": world.clock.now(), "cascades": 1, "executions": 1, "verdicts": 1}


def deployment_synchronised(world: World) -> Said:
    engine = world.engine("A", deployments=MemoryDeployments())
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="0 2 * * *"))
    deployment = engine.sync_deployment(trigger.id)
    return {"trigger_id": trigger.id, "deployment_id": deployment.id}


def deployment_deleted(world: World) -> Said:
    engine = world.engine("A", deployments=MemoryDeployments())
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="0 2 * * *"))
    deployment = engine.sync_deployment(trigger.id)
    for was_there in (True, False):
        assert engine.delete_deployment(trigger.id) is was_there
    return {"trigger_id": trigger.id, "deployment_id": deployment.id}


def deployment_not_followed(world: World) -> Said:
    deployments = MemoryDeployments()
    engine = world.engine("A", deployments=deployments)
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="0 2 * * *"))
    deployments.fault = "connection refused"
    assert engine.disable_trigger(trigger.id).enabled is False
    return {"trigger_id": trigger.id, "error": "Prefect did not answer"}


def token_created(world: World) -> Said:
    token = world.engine().create_token(["write", "read"]).token
    return {"token_id": token.id, "scopes": ("read", "write")}


def token_revoked(world: World) -> Said:
    engine = world.engine()
    token = engine.create_token(["read"]).token
    for _ in range(2):
        engine.revoke_token(token.id)
    return {"token_id": token.id}


def token_use_not_recorded(world: World) -> Said:
    def fail(_: object, connection: Connection, *__: object, **___: object) -> None:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")

    engine = world.engine()
    new = engine.create_token(["read"])
    world.patch.setattr(TokenRows, "record_uses", fail)
    for _ in range(3):
        assert engine.authenticate(new.text) == new.token
    world.patch.undo()
    return {"tokens": 1}


def notified(_: World) -> Said:
    with serving(reply(TOLD)) as api:
        assert notify_completion("run-17", "bronze", "completed", api.url)
    return {"execution_id": "run-17", "workflow_id": "bronze", "triggered": 1, "skipped": 1, "tries": 1}


def notify_retried(world: World) -> Said:
    world.patch.setattr(notifying, "_FIRST_WAIT_SECONDS", 0.01)
    with serving(reply({"error": "not now"}, 503), reply(TOLD)) as api:
        assert notify_completion("run-17", "bronze", "completed", api.url)
    error = f"{api.url} answered 503 (Service Unavailable): not now"
    return {"execution_id": "run-17", "tries": 1, "error": error}


def not_notified(_: World) -> Said:
    with serving(reply({"error": "no such token"}, 401)) as api:
        assert notify_completion("run-17", "bronze", "failed", api.url) is None
    error = f"{api.url} answered 401 (Unauthorized): no such token"
    return {"execution_id": "run-17", "status": "failed", "tries": 1, "error": error}


def listener_failed(world: World) -> Said:
    def fail(fact: Fact) -> None:
        raise RuntimeError(f"cannot take {fact.event}")

    engine = world.engine()
    engine.subscribe(fail)
    engine.create_workflow("A")
    assert engine.get_workflow("A").id == "A"
    return {"fact": "workflow.created"}


HAPPENINGS: Mapping[type[Fact], Callable[[World], Said]] = {
    catalogue.CompletionRecorded: recorded,
    catalogue.ExecutionCancelled: cancelled,
    catalogue.ExecutionDeadLettered: dead_lettered,
    catalogue.CompletionRepeated: repeated,
    catalogue.CompletionConflicted: conflicted,
    catalogue.CompletionRefused: refused,
    catalogue.ExecutionCreated: created,
    catalogue.ExecutionClaimed: claimed_here,
    catalogue.ExecutionStarted: started,
    catalogue.ExecutionReleased: released,
    catalogue.CancelRequested: cancel_requested,
    catalogue.DispatchFailed: dispatch_failed,
    catalogue.ExecutorBroke: executor_broke,
    catalogue.ExecutorOut: executor_out,
    catalogue.ExecutorBack: executor_back,
    catalogue.NotCalledOff: not_called_off,
    catalogue.LeaseLost: lease_lost,
    catalogue.LeaseTakenOver: taken_over,
    catalogue.LeasesNotRenewed: not_renewed,
    catalogue.EndNotRecorded: end_not_recorded,
    catalogue.EndOverruled: end_overruled,
    catalogue.ExecutionBroke: local_broke,
    catalogue.EndNotReported: end_not_reported,
    catalogue.CallableNotStopped: callable_not_stopped,
    catalogue.AttemptWaits: attempt_waits,
    catalogue.ScheduleFired: fired,
    catalogue.ScheduleDropped: dropped,
    catalogue.Ticked: ticked,
    catalogue.ScheduleUnreadable: unreadable,
    catalogue.CycleRefused: cycle_refused,
    catalogue.WorkflowCreated: workflow_created,
    catalogue.WorkflowChanged: workflow_changed,
    catalogue.WorkflowDeleted: workflow_deleted,
    catalogue.TriggerCreated: trigger_created,
    catalogue.TriggerChanged: trigger_changed,
    catalogue.TriggerDeleted: trigger_deleted,
    catalogue.DeploymentSynchronised: deployment_synchronised,
    catalogue.DeploymentDeleted: deployment_deleted,
    catalogue.DeploymentNotFollowed: deployment_not_followed,
    catalogue.TriggerNotEvaluated: not_evaluated,
    catalogue.TriggerSpoilt: spoilt,
    catalogue.GraphLoaded: graph_loaded,
    catalogue.LogRowUnfit: log_row_unfit,
    catalogue.DatabaseRetried: retried,
    catalogue.DatabaseUnreachable: unreachable,
    catalogue.WalUnsafe: wal_unsafe,
    catalogue.JournalKept: journal_kept,
    catalogue.HistoryPruned: pruned,
    catalogue.TokenCreated: token_created,
    catalogue.TokenRevoked: token_revoked,
    catalogue.TokenUseNotRecorded: token_use_not_recorded,
    catalogue.CompletionNotified: notified,
    catalogue.NotifyRetried: notify_retried,
    catalogue.CompletionNotNotified: not_notified,
    catalogue.ListenerFailed: listener_failed,
}
