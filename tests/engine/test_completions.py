"""Rules 4–9: a completion is recorded once, each direct trigger answers it, and one cause starts one execution."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from flowforge_graph import (
    Completion,
    CompletionConflict,
    CompletionResult,
    ExecutionNotFound,
    FlowforgeGraphError,
    InvalidExecution,
    TriggerEngine,
    WorkflowNotFound,
)
from flowforge_graph.evaluation import cause_id
from flowforge_graph.testing import FixedClock
from tests.engine.support import chain_of, depends, make_workflows, reasons, rows, statements_of, write

MakeEngine = Callable[..., TriggerEngine]
CONDITIONS = ("on_success", "on_failure", "on_completion")


@pytest.fixture
def engine(make_engine: MakeEngine) -> TriggerEngine:
    """An empty engine."""
    return make_engine()


# Rule 4


def test_status_executions_and_verdicts_share_one_transaction(engine: TriggerEngine) -> None:
    """Everything that a completion writes is in one commit, in a fixed number of statements."""
    make_workflows(engine, *"ABCD")
    engine.create_triggers([depends("B", "A"), depends("C", "A"), depends("D", "A", "on_failure")])
    engine.start("A", execution_id="up")
    with statements_of(engine) as sent:
        engine.complete("up", "completed")
    writes = [statement.split("(")[0].strip() for statement in sent if statement.startswith(("INSERT", "UPDATE"))]
    assert [statement for statement in sent if statement.startswith("COMMIT")] == ["COMMIT"]
    assert [write.split(" SET ")[0] for write in writes] == [
        "UPDATE executions",
        "INSERT INTO executions",
        "INSERT INTO verdicts",
        "UPDATE executions",
    ]
    assert max(map(sent.index, sent)) == sent.index("COMMIT")


def test_a_failure_in_between_leaves_nothing_behind(engine: TriggerEngine) -> None:
    """If the verdicts cannot be written, neither the status nor the executions are."""
    chain_of(engine, "AB")
    engine.start("A", execution_id="up")
    write(engine, "ALTER TABLE verdicts RENAME TO hidden")
    with pytest.raises(FlowforgeGraphError, match="verdicts"):
        engine.complete("up", "completed")
    assert engine.get_execution("up").status == "pending"
    assert engine.list_executions("B") == []
    write(engine, "ALTER TABLE hidden RENAME TO verdicts")
    assert len(engine.complete("up", "completed").triggered) == 1


def test_each_direct_trigger_answers_in_creation_order(engine: TriggerEngine) -> None:
    """Disabled ones too, and a trigger keeps its place when it is changed or moved."""
    make_workflows(engine, *"ABCDE")
    first = engine.create_trigger(depends("E", "B"))
    engine.create_triggers([depends("C", "A", enabled=False), depends("B", "A"), depends("D", "B")])
    engine.update_trigger(first.id, depends_on_workflow_id="A", delay_minutes=7)
    result = engine.complete("up", "completed", workflow_id="A")
    assert reasons(result.verdicts) == [("E", "triggered"), ("C", "trigger_disabled"), ("B", "triggered")]
    assert [verdict.workflow_id for verdict in result.triggered] == ["E", "B"]
    assert [verdict.workflow_id for verdict in result.skipped] == ["C"]
    assert engine.get_verdicts("up") == list(result.verdicts)


def test_the_same_completion_again_answers_the_same(engine: TriggerEngine, make_engine: MakeEngine) -> None:
    """From the stored verdicts, also in another process and after the triggers changed; nothing starts."""
    _, second = chain_of(engine, "ABC")
    engine.create_trigger(depends("C", "A", "on_failure"))
    first = engine.complete("up", "completed", workflow_id="A")
    engine.delete_trigger(second)
    engine.create_trigger(depends("B", "A", "on_completion"))
    before = rows(engine, "SELECT count(*) FROM executions")
    for other in (engine, make_engine()):
        assert other.complete("up", "completed") == first
        assert other.complete_many([{"execution_id": "up", "status": "completed"}]) == [first]
    assert rows(engine, "SELECT count(*) FROM executions") == before
    assert len(engine.list_executions("B")) == 1


@pytest.mark.parametrize("ended", ["completed", "failed", "cancelled"])
def test_another_terminal_status_conflicts(engine: TriggerEngine, ended: str) -> None:
    """Nothing is changed by the contradiction."""
    make_workflows(engine, *"AB")
    engine.create_trigger(depends("B", "A", "on_completion"))
    engine.complete("up", ended, workflow_id="A")
    before = engine.list_executions()
    for status in {"completed", "failed", "cancelled"} - {ended}:
        with pytest.raises(CompletionConflict) as refused:
            engine.complete("up", status)
        assert (refused.value.stored_status, refused.value.status) == (ended, status)
    assert engine.list_executions() == before


# Rule 5


_KEYS = {
    "a second execution of one upstream": ("t", "up", None, None, None),
    "a second execution of one fire time": ("t", None, 60, None, None),
    "a second execution of one event": ("t", None, None, "k", None),
    "a second execution of one join": ("t", None, None, None, "j"),
}


@pytest.mark.parametrize("what", _KEYS)
def test_the_database_itself_keeps_one_execution_a_cause(engine: TriggerEngine, what: str) -> None:
    """UNIQUE keys, so that no program can break the promise."""
    columns = "trigger_id, upstream_execution_id, fire_time, event_key, join_key"
    shown = ", ".join("NULL" if value is None else repr(value) for value in _KEYS[what])
    statement = (
        f"INSERT INTO executions (id, workflow_id, workflow_name, status, root_execution_id, parameters, created_at, "
        f"run_after, available_at, {columns}) VALUES ('%s', 'A', 'A', 'pending', 'x', '{{}}', 1, 1, 1, {shown})"
    )
    database = engine._context.store.database
    with database.engine.begin() as connection:
        connection.exec_driver_sql(statement.replace("%s", "one"))
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.exec_driver_sql(statement.replace("%s", "two"))
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.exec_driver_sql(statement.replace("%s", "one").replace("'t'", "'other'"))


def test_executions_without_a_cause_may_be_many(engine: TriggerEngine) -> None:
    """NULL keys bind nobody: manual starts of one stored trigger repeat."""
    from flowforge_graph import ManualTrigger

    make_workflows(engine, "A")
    trigger = engine.create_trigger(ManualTrigger(workflow_id="A"))
    started = [engine.start("A", trigger_id=trigger.id).id for _ in range(3)]
    assert len(set(started)) == 3
    assert engine.get_execution(started[0]).join_key is None


# Rule 6


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_which_condition_accepts_which_outcome(engine: TriggerEngine, status: str) -> None:
    """on_success completed, on_failure failed, on_completion both, and nothing accepts a cancel."""
    make_workflows(engine, *"AB")
    engine.create_triggers([depends("B", "A", condition) for condition in CONDITIONS])
    result = engine.complete("up", status, workflow_id="A")
    accepted = {
        "completed": {"on_success", "on_completion"},
        "failed": {"on_failure", "on_completion"},
        "cancelled": set(),
    }[status]
    assert {verdict.condition for verdict in result.triggered} == accepted
    reason = "upstream_cancelled" if status == "cancelled" else "condition_not_met"
    assert {verdict.reason for verdict in result.skipped} == {reason}
    assert len(engine.list_executions("B")) == len(accepted)


def test_a_missing_downstream_workflow_is_a_reason(make_engine: MakeEngine) -> None:
    """Somebody removed the row by hand: its trigger is skipped, the sibling starts."""
    engine = make_engine()
    make_workflows(engine, *"ABC")
    engine.create_triggers([depends("B", "A"), depends("C", "A")])
    if engine._context.store.database.is_sqlite:
        write(engine, "PRAGMA foreign_keys = OFF")
        with engine._context.store.database.read() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("DELETE FROM workflows WHERE id = 'B'")
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    else:
        write(engine, "SET session_replication_role = replica", "DELETE FROM workflows WHERE id = 'B'", "RESET ALL")
    other = make_engine()
    assert reasons(other.complete("up", "completed", workflow_id="A").verdicts) == [
        ("B", "workflow_missing"),
        ("C", "triggered"),
    ]
    with pytest.raises(WorkflowNotFound):
        other.complete("unseen", "completed", workflow_id="B")


@pytest.mark.parametrize(
    "spoil",
    ["dependency_condition = 'sometimes'", "delay_minutes = 61", "delay_minutes = -1", "delay_minutes = NULL"],
)
def test_a_trigger_that_cannot_be_evaluated_harms_no_sibling(make_engine: MakeEngine, spoil: str) -> None:
    """Rule 8: it is skipped and logged, and the upstream stays what it is."""
    engine = make_engine()
    make_workflows(engine, *"ABCD")
    bad = engine.create_triggers([depends("C", "A"), depends("B", "A"), depends("D", "A")])[1]
    write(engine, f"UPDATE workflow_triggers SET {spoil} WHERE id = '{bad.id}'")
    result = make_engine().complete("up", "completed", workflow_id="A")
    assert reasons(result.verdicts) == [("C", "triggered"), ("B", "evaluation_failed"), ("D", "triggered")]
    assert engine.get_execution("up").status == "completed"
    assert engine.complete("up", "completed") == result


def test_a_failing_downstream_never_changes_its_upstream(engine: TriggerEngine) -> None:
    """Rule 8."""
    chain_of(engine, "AB")
    engine.complete("up", "completed", workflow_id="A")
    before = engine.get_execution("up")
    engine.complete(engine.list_executions("B")[0].id, "failed", error="broken")
    assert engine.get_execution("up") == before


# Rule 7


def test_triggers_are_alternatives(engine: TriggerEngine) -> None:
    """A workflow with two upstreams runs once for each accepted completion."""
    make_workflows(engine, *"ABC")
    engine.create_triggers([depends("C", "A"), depends("C", "B")])
    engine.complete("a", "completed", workflow_id="A")
    engine.complete("b", "completed", workflow_id="B")
    engine.complete("a2", "completed", workflow_id="A")
    assert sorted(str(execution.upstream_execution_id) for execution in engine.list_executions("C")) == ["a", "a2", "b"]


def _run_all(engine: TriggerEngine) -> list[str]:
    """Complete everything until nothing is pending; the workflows that ran, in order."""
    ran = []
    while claims := engine.claim_due(100):
        for claim in claims:
            ran.append(claim.workflow.id)
            engine.complete(claim.execution_id, "completed", claim=claim)
    return ran


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
def test_a_cascade_is_capped_exactly(make_engine: MakeEngine, limit: int) -> None:
    """The root counts; across a diamond whose end runs twice; what is beyond answers cascade_limit."""
    engine = make_engine(max_cascade_executions=limit)
    make_workflows(engine, *"ABCDE")
    engine.create_triggers([depends("B", "A"), depends("C", "A"), depends("D", "B"), depends("D", "C")])
    engine.create_trigger(depends("E", "D"))
    root = engine.start("A").id
    ran = _run_all(engine)
    everything = ["A", "B", "C", "D", "D", "E", "E"]
    assert ran == everything[:limit]
    verdicts = [verdict for e in engine.list_executions(limit=100) for verdict in engine.get_verdicts(e.id)]
    assert sum(verdict.outcome == "triggered" for verdict in verdicts) == limit - 1
    assert {verdict.reason for verdict in verdicts} <= {None, "cascade_limit"}
    assert ("cascade_limit" in {verdict.reason for verdict in verdicts}) == (limit < len(everything))
    assert len(engine.list_executions(root_execution_id=root)) == limit


def test_the_cap_holds_within_one_list(make_engine: MakeEngine) -> None:
    """Two completions of one cascade in one transaction share what is left."""
    engine = make_engine(max_cascade_executions=4)
    make_workflows(engine, *"ABCDE")
    engine.create_triggers([depends("B", "A"), depends("C", "A"), depends("D", "B"), depends("E", "C")])
    engine.complete("up", "completed", workflow_id="A")
    below = [{"execution_id": e.id, "status": "completed"} for e in engine.list_executions(status="pending")]
    answers = engine.complete_many(below)
    results = [answer for answer in answers if isinstance(answer, CompletionResult)]
    outcomes = [verdict.reason for result in results for verdict in result.verdicts]
    assert outcomes == [None, "cascade_limit"]
    assert rows(engine, "SELECT cascade_size FROM executions WHERE id = 'up'") == [(4,)]


# Rule 9


def test_complete_is_accepted_from_pending_and_running(engine: TriggerEngine, clock: FixedClock) -> None:
    """With or without a start; a running one knows how long it took."""
    make_workflows(engine, "A")
    waiting, running = engine.start("A").id, engine.start("A").id
    engine.complete(waiting, "completed")
    (claim,) = engine.claim_due(1)
    engine.mark_running(claim)
    clock.advance(seconds=90)
    engine.complete(running, "failed", error="no")
    ended = engine.get_execution(running)
    assert (ended.status, ended.error, ended.duration_ms) == ("failed", "no", 90_000)
    assert engine.get_execution(waiting).duration_ms is None


def test_an_execution_never_seen_is_recorded(engine: TriggerEngine) -> None:
    """Type manual, its own root, and its triggers are asked."""
    chain_of(engine, "AB")
    result = engine.complete("unseen", "completed", workflow_id="A")
    seen = engine.get_execution("unseen")
    assert (seen.trigger_type, seen.root_execution_id, seen.hop, seen.status) == ("manual", "unseen", 0, "completed")
    assert reasons(result.verdicts) == [("B", "triggered")]


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one list"])
@pytest.mark.parametrize("first", ["upstream", "downstream"])
def test_a_downstream_may_be_told_of_before_its_upstream(make_engine: MakeEngine, first: str, together: bool) -> None:
    """A retold history comes in any order: the downstream's end stands, and its upstream is recorded all the same."""
    engine = make_engine()
    chain_of(engine, "ABC")
    (into_b,) = engine.get_triggers("B")
    told = {"upstream": ("up", "completed", "A"), "downstream": (cause_id(into_b.id, "up"), "failed", "B")}
    order = [told.pop(first), *told.values()]
    if together:
        results = engine.complete_many(order)
    else:
        results = [engine.complete(e, status, workflow_id=workflow) for e, status, workflow in order]
    by_workflow = {result.workflow_id: result for result in results}
    assert [verdict.execution_id for verdict in by_workflow["A"].triggered] == [order[first == "upstream"][0]]
    assert reasons(by_workflow["B"].verdicts) == [("C", "condition_not_met")]
    (downstream,) = engine.list_executions("B")
    assert downstream.status == "failed"
    assert downstream.root_execution_id == ("up" if first == "upstream" else downstream.id)
    assert engine.complete("up", "completed") == by_workflow["A"]
    assert engine.complete(downstream.id, "failed") == by_workflow["B"]


def test_an_unseen_execution_needs_an_existing_workflow(engine: TriggerEngine) -> None:
    """Without a workflow: not found; with one that is not there: that one is not found."""
    make_workflows(engine, *"AB")
    with pytest.raises(ExecutionNotFound):
        engine.complete("unseen", "completed")
    with pytest.raises(WorkflowNotFound):
        engine.complete("unseen", "completed", workflow_id="C")
    engine.start("A", execution_id="known")
    with pytest.raises(InvalidExecution, match="execution 'known' is of workflow 'A', not of 'B'"):
        engine.complete("known", "completed", workflow_id="B")
    assert engine.get_execution("known").status == "pending"
    with pytest.raises(ExecutionNotFound):
        engine.get_verdicts("unseen")


@pytest.mark.parametrize("status", ["running", "pending", "Completed", "", None, 1])
def test_only_a_terminal_status_completes(engine: TriggerEngine, status: Any) -> None:
    """One sentence names the field and the value."""
    make_workflows(engine, "A")
    with pytest.raises(InvalidExecution, match="status must be"):
        engine.complete("x", status, workflow_id="A")


def test_a_downstream_inherits_parameters_and_root(engine: TriggerEngine) -> None:
    """All the way down, with the hop counted."""
    chain_of(engine, "ABC")
    engine.start("A", {"day": [1, {"x": None}]}, execution_id="root")
    assert _run_all(engine) == ["A", "B", "C"]
    for execution, hop in zip(engine.list_executions(), (2, 1, 0), strict=True):
        assert (execution.root_execution_id, execution.hop) == ("root", hop)
        assert execution.parameters == {"day": [1, {"x": None}]}
    last = engine.list_executions("C")[0]
    assert (last.trigger_type, last.upstream_workflow_id) == ("dependency", "B")
    assert last.dependency_condition == "on_success"


# complete_many


def test_a_list_answers_one_for_each_item(engine: TriggerEngine) -> None:
    """In order; an invalid item answers its own error and harms no other; repetitions answer the same."""
    chain_of(engine, "AB")
    engine.start("A", execution_id="one")
    engine.start("B", execution_id="two")
    items: list[Any] = [
        {"execution_id": "one", "status": "completed"},
        {"execution_id": "nobody", "status": "completed"},
        {"execution_id": "two", "status": "done"},
        Completion(execution_id="new", status="failed", workflow_id="A"),
        {"execution_id": "one", "status": "completed"},
        {"execution_id": "one", "status": "failed"},
        {"execution_id": "two", "status": "completed", "workflow_id": "A"},
        {"execution_id": "new", "status": "failed"},
        "nonsense",
        {1: 2},
        {"execution_id": "two", "status": "completed", "nonsense": 1},
        {"execution_id": "two", "status": "cancelled"},
    ]
    answers = engine.complete_many(items)
    kinds = [answer.status if isinstance(answer, CompletionResult) else type(answer).__name__ for answer in answers]
    assert kinds == [
        "completed",
        "ExecutionNotFound",
        "InvalidExecution",
        "failed",
        "completed",
        "CompletionConflict",
        "InvalidExecution",
        "failed",
        "InvalidExecution",
        "InvalidExecution",
        "InvalidExecution",
        "cancelled",
    ]
    assert answers[0] == answers[4]
    assert answers[3] == answers[7]
    assert len(engine.list_executions("B")) == 2
    assert engine.complete_many([]) == []


def test_a_list_commits_once(engine: TriggerEngine) -> None:
    """All valid items commit together, in a number of statements that does not grow with them."""
    chain_of(engine, "AB")
    counts = []
    for size in (2, 30):
        with statements_of(engine) as sent:
            engine.complete_many(
                [{"execution_id": f"{size}-{n}", "status": "completed", "workflow_id": "A"} for n in range(size)]
            )
        assert sent.count("COMMIT") == 1
        counts.append(len(sent))
    assert counts[0] == counts[1]
    assert len(engine.list_executions("B", limit=100)) == 32


def test_a_delay_counts_from_the_recorded_completion(engine: TriggerEngine, clock: FixedClock) -> None:
    """The verdict names when the downstream execution is due."""
    make_workflows(engine, *"AB")
    engine.create_trigger(depends("B", "A", delay_minutes=5))
    clock.advance(seconds=30.75)
    (verdict,) = engine.complete("up", "completed", workflow_id="A").triggered
    recorded = clock.now().replace(microsecond=0)
    assert verdict.run_after == recorded + timedelta(minutes=5)
    execution = engine.get_execution(str(verdict.execution_id))
    assert (execution.run_after, execution.available_at) == (verdict.run_after, verdict.run_after)
    assert execution.created_at == engine.get_execution("up").ended_at == recorded
