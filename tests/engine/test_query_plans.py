"""The questions that every loop asks all day find their answer by a partial index, however long history is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from flowforge_graph import EventTrigger, ScheduledTrigger, TriggerEngine
from tests.engine.support import chain_of, write

_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)",
    "postgresql": "WITH n(i) AS (SELECT generate_series(1, 5000))",
}
_HISTORY = """
    INSERT INTO executions
        (id, workflow_id, workflow_name, status, root_execution_id, parameters, created_at, run_after, available_at)
    {numbers} SELECT 'old' || i, 'a', 'a', 'completed', 'old' || i, '{{}}', 1, 1, 1 FROM n
"""
_WORKFLOWS = """
    INSERT INTO workflows (id, name, tags, created_at, updated_at)
    {numbers} SELECT 'w' || i, 'w', '[]', 1, 1 FROM n
"""
_TRIGGERS = """
    INSERT INTO workflow_triggers (id, workflow_id, trigger_type, event_type, created_at, updated_at)
    {numbers} SELECT 't' || i, 'w' || i, 'event', 'e' || i, 1, 1 FROM n
"""
_TOKENS = """
    INSERT INTO api_tokens (id, secret_hash, scopes, created_at)
    {numbers} SELECT 't' || i, 'x', '["read"]', 1 FROM n
"""


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """An engine with much history and many triggers, and one due execution."""
    engine = make_engine()
    chain_of(engine, "ab")
    engine.create_trigger(ScheduledTrigger(workflow_id="a", cron_expression="*/5 * * * *"))
    engine.create_trigger(EventTrigger(workflow_id="a", event_type="arrived"))
    numbers = _NUMBERS[engine._context.store.database.engine.dialect.name]
    write(engine, *(query.format(numbers=numbers) for query in (_HISTORY, _WORKFLOWS, _TRIGGERS, _TOKENS)))
    write(engine, "ANALYZE")
    engine.start("a", execution_id="due")
    return engine


def plans_of(engine: TriggerEngine, action: Callable[[], object], about: str) -> str:
    """How the database plans each SELECT and UPDATE of ``action`` on the table ``about``."""
    database = engine._context.store.database
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        sent.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    action()
    event.remove(database.engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    with database.read() as connection:
        return "\n".join(
            str(row[-1])
            for statement, parameters in sent
            if statement.startswith((f"UPDATE {about}", f"UPDATE OR FAIL {about}"))
            or (statement.startswith("SELECT") and f"FROM {about}" in statement)
            for row in connection.exec_driver_sql(explain + statement, parameters)
        )


def test_due_executions_are_found_by_their_partial_index(engine: TriggerEngine) -> None:
    """A claim looks at pending executions only."""
    plan = plans_of(engine, lambda: engine.claim_due(1), "executions")
    assert "ix_executions_due" in plan
    assert "SCAN executions" not in plan
    assert "Seq Scan on executions" not in plan


def test_the_next_due_execution_is_found_by_the_partial_index(engine: TriggerEngine) -> None:
    """Asking when to look again costs the same with any history."""
    assert "ix_executions_due" in plans_of(engine, engine.next_available_at, "executions")


def test_what_is_due_of_some_cascades_is_found_without_their_history(engine: TriggerEngine) -> None:
    """A run of one cascade costs the same at its end as at its beginning."""
    write(engine, "UPDATE executions SET root_execution_id = 'due'", "ANALYZE")
    plan = plans_of(engine, lambda: engine.next_available_at(["due"]), "executions")
    plan += plans_of(engine, lambda: engine._claims.claim_together(lambda: 1, now=2**33, roots=["due"]), "executions")
    assert "ix_executions_due" in plan
    assert "ix_executions_root" not in plan
    assert "SCAN executions" not in plan.replace("SCAN executions USING INDEX ix_executions_due", "")
    assert "Seq Scan on executions" not in plan


def test_live_claims_are_found_by_their_partial_index(engine: TriggerEngine) -> None:
    """Renewing and observing leases looks at what is claimed only."""
    claim = engine.claim_due(1)[0]
    renewing = plans_of(engine, lambda: engine.renew(claim), "executions")
    assert "ix_executions_live_claim" in renewing
    assert "SCAN executions" not in renewing
    assert "Seq Scan on executions" not in renewing
    assert "ix_executions_live_claim" in plans_of(engine, lambda: engine.claim_due(1), "executions")


def test_a_completion_finds_its_rows_by_their_ids(engine: TriggerEngine) -> None:
    """Locking an execution and the root of its cascade reads no history."""
    engine.complete("due", "completed")
    downstream = engine.list_executions("b")[0]
    write(engine, "ANALYZE")
    plan = plans_of(engine, lambda: engine.complete(downstream.id, "completed"), "executions")
    assert plan
    assert "Filter" not in plan
    assert "Seq Scan" not in plan
    assert "SCAN executions" not in plan


def test_due_schedules_are_found_by_an_index_of_schedules(engine: TriggerEngine) -> None:
    """A tick reads no other triggers."""
    plan = plans_of(engine, engine.tick, "workflow_triggers")
    assert "ix_workflow_triggers_due" in plan or "uq_workflow_triggers_schedule" in plan


def test_an_event_finds_its_triggers_and_its_pruned_executions_by_index(engine: TriggerEngine) -> None:
    """Emitting reads neither all triggers nor all tombstones."""
    write(
        engine,
        "INSERT INTO tombstones (execution_id, workflow_id, status, pruned_at) "
        "SELECT id, workflow_id, status, 1 FROM executions WHERE id <> 'due'",
        "ANALYZE",
    )
    assert "ix_workflow_triggers_event" in plans_of(
        engine, lambda: engine.emit("arrived", key="k1"), "workflow_triggers"
    )
    plan = plans_of(engine, lambda: engine.emit("arrived", key="k2"), "tombstones")
    assert "Seq Scan" not in plan
    assert "SCAN tombstones" not in plan


def test_a_token_is_found_by_its_id(engine: TriggerEngine) -> None:
    """A call of the API costs the same with any number of tokens, and so does recording its use."""
    new = engine.create_token(["read"])
    plan = plans_of(engine, lambda: engine.authenticate(new.text), "api_tokens")
    assert plan
    assert "Seq Scan" not in plan
    assert "SCAN api_tokens" not in plan


def test_following_the_feed_reads_only_what_is_new(engine: TriggerEngine) -> None:
    """However much is kept: neither an idle reader nor one of a page reads the table, and publishing finds its rows."""
    position = engine.read_events().position
    write(engine, "ANALYZE")
    assert position > 10_000
    engine.start("a", execution_id="news")
    for after in (position, position + 1, 0):
        plan = plans_of(engine, lambda after=after: engine.read_events(after, limit=10), "feed")  # type: ignore[misc]
        assert plan
        assert "Seq Scan on feed" not in plan
        assert "SCAN feed" not in plan
