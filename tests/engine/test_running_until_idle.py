"""Rule 10 for executions that this process runs: idle is only what leaves nothing to start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowforge_graph import DispatchError, Execution, TriggerEngine, Workflow
from flowforge_graph.engine.protocols import ExecutionEnd, ExecutionHost
from tests.engine.support import chain_of, statements_of

MakeEngine = Callable[..., TriggerEngine]


class Holding:
    """A holding executor whose executions end when the test says so."""

    def __init__(self) -> None:
        self.host: ExecutionHost
        self.started: dict[str, str] = {}

    def attach(self, host: ExecutionHost) -> None:
        self.host = host

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        self.started[execution.id] = workflow.id
        return None

    def free_slots(self) -> int:
        return 8

    def running(self) -> frozenset[str]:
        return frozenset(self.started)

    def cancel(self, execution_id: str) -> bool:
        return False

    def wait(self, timeout: float | None = None) -> None:
        return None

    def close(self) -> None:
        return None

    def end_all(self) -> None:
        """Every execution that runs ends now."""
        for execution_id in tuple(self.started):
            self.host.ended(execution_id, ExecutionEnd(status="completed"))
            del self.started[execution_id]


def test_an_end_right_after_the_look_is_followed(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends between finding nothing due and finding nothing held has its downstream started all the same."""
    executor = Holding()
    engine = make_engine(executor=executor)
    chain_of(engine, "abcd")
    engine.start("a")
    look = engine._dispatcher._dispatch

    def look_and_end(*arguments: Any, **keywords: Any) -> int:
        started = look(*arguments, **keywords)
        if not started:
            executor.end_all()
        return started

    monkeypatch.setattr(engine._dispatcher, "_dispatch", look_and_end)
    engine.run_until_idle()
    assert [execution.workflow_id for execution in engine.list_executions(status="completed")] == ["d", "c", "b", "a"]


def test_a_claim_marks_what_starts_here_and_waits_for_no_row(make_engine: MakeEngine) -> None:
    """One transaction claims and marks; it skips rows that another has locked, so that no deadlock can come of it."""
    engine = make_engine(executor=Holding())
    engine.create_workflow("a")
    for execution_id in ("two", "one", "three"):
        engine.start("a", execution_id=execution_id)
    with statements_of(engine) as sent:
        assert engine.dispatch_due() == 3
    changes = [statement for statement in sent if statement.startswith("UPDATE executions")]
    assert len(changes) == 1
    assert "status" in changes[0]
    assert "claim_token" in changes[0]
    locking = [statement for statement in sent if "FOR UPDATE" in statement]
    assert all("SKIP LOCKED" in statement for statement in locking)
    assert locking or engine._context.store.database.is_sqlite
    assert {execution.status for execution in engine.list_executions()} == {"running"}


def test_a_start_that_fails_gives_claim_status_and_attempt_back(make_engine: MakeEngine) -> None:
    """What was marked with its claim and then did not start is pending again, as if it had never been claimed."""

    class Full(Holding):
        def start(self, execution: Execution, workflow: Workflow) -> str | None:
            raise DispatchError("no room")

    engine = make_engine(executor=Full())
    engine.create_workflow("a")
    execution = engine.start("a")
    assert engine.dispatch_due() == 0
    found = engine.get_execution(execution.id)
    assert (found.status, found.attempt, found.started_at, found.dispatch_failures) == ("pending", 0, None, 1)
    assert found.available_at > found.run_after


def test_leases_are_renewed_in_the_order_in_which_completions_lock(make_engine: MakeEngine) -> None:
    """The rows of all renewed claims are locked by id before any is changed, as marking does."""
    executor = Holding()
    engine = make_engine(executor=executor)
    engine.create_workflow("a")
    for execution_id in ("two", "one"):
        engine.start("a", execution_id=execution_id)
    assert engine.dispatch_due() == 2
    with statements_of(engine) as sent:
        assert not executor.host.renew(["one", "two"]).lost
    update = next(number for number, statement in enumerate(sent) if "SET claim_renewals=" in statement)
    assert "ORDER BY executions.id" in sent[update - 1]
    assert "FOR UPDATE" in sent[update - 1] or engine._context.store.database.is_sqlite
