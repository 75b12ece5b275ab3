"""Every engine decides on what every engine has committed: the log is replayed once, in order, or all is loaded."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from flowforge_graph import (
    CycleError,
    DatabaseError,
    DependencyTrigger,
    FlowforgeGraphError,
    TriggerEngine,
    WorkflowNotFound,
)
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.storage.changes import ChangeRows
from tests.engine.support import chain_of, depends, make_workflows, reasons, rows, statements_of, write

MakeEngine = Callable[..., TriggerEngine]
Pair = tuple[TriggerEngine, TriggerEngine]


@pytest.fixture
def pair(make_engine: MakeEngine) -> Pair:
    """Two engines on one database, both of which know A, B and C."""
    one, two = make_engine(), make_engine()
    make_workflows(one, *"ABC")
    assert two.graph.has_workflow("C")
    return one, two


def content(graph: TriggerGraph) -> tuple[object, object]:
    """Nodes with their names, and edges with their triggers in order."""
    digraph = graph.digraph
    nodes = sorted((node, digraph.nodes[node]["name"]) for node in digraph)
    edges = sorted((*pair, tuple(digraph.edges[pair]["triggers"])) for pair in digraph.edges)
    return nodes, edges


def loads_of(engine: TriggerEngine) -> list[object]:
    """Notes each time that the engine loads the whole graph from now on."""
    seen: list[object] = []
    live = engine._context.live
    load = live._load

    def noted(connection: Any) -> None:
        seen.append(connection)
        load(connection)

    live._load = noted  # type: ignore[method-assign]
    return seen


def test_each_sees_the_other_in_its_next_decision(pair: Pair) -> None:
    """Refusals, verdicts and questions, without loading the graph anew."""
    one, two = pair
    loads = loads_of(two)
    first = one.create_trigger(depends("B", "A"))
    with pytest.raises(CycleError):
        two.create_trigger(depends("A", "B"))
    assert reasons(two.complete("up", "completed", workflow_id="A").verdicts) == [("B", "triggered")]
    one.disable_trigger(first.id)
    assert reasons(two.complete("up2", "completed", workflow_id="A").verdicts) == [("B", "trigger_disabled")]
    one.delete_trigger(first.id)
    two.create_trigger(depends("A", "B"))
    assert not one.validate_dependency("B", "A").valid
    one.create_workflow("D", name="Delta")
    assert two.complete("d", "completed", workflow_id="D").verdicts == ()
    assert two.graph.digraph.nodes["D"]["name"] == "Delta"
    one.delete_workflow("D")
    with pytest.raises(WorkflowNotFound):
        two.complete("d2", "completed", workflow_id="D")
    assert loads == []


def test_a_fresh_engine_reads_one_row_to_know_it_is_fresh(pair: Pair) -> None:
    """Nothing changed: the revision row alone is read."""
    one, _ = pair
    with statements_of(one) as sent:
        one.graph.topological_order()
    assert [statement.split("FROM ")[1] for statement in sent if statement.startswith("SELECT")] == ["graph_revision"]


def test_threads_apply_the_log_once_and_in_order(pair: Pair) -> None:
    """Many threads of one engine catch up at once while another engine changes."""
    one, two = pair
    loads = loads_of(two)
    stop = threading.Event()
    broken: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                two.validate_dependency("A", "C")
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(25):
        trigger = one.create_trigger(depends("B", "A", trigger_name=f"t{number}"))
        one.update_trigger(trigger.id, depends_on_workflow_id="C")
        one.delete_trigger(trigger.id)
    stop.set()
    for thread in threads:
        thread.join()
    assert broken == []
    assert loads == []
    assert content(two.graph) == content(one.graph)
    assert rows(one, "SELECT count(*), max(revision) FROM graph_changes") == rows(
        one, "SELECT revision, revision FROM graph_revision"
    )


def test_a_compacted_log_means_a_reload(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who looks too late loads the whole graph."""
    one, two = pair
    loads = loads_of(two)
    monkeypatch.setattr("flowforge_graph.storage.changes.KEPT_CHANGES", 5)
    for number in range(12):
        one.create_workflow(f"w{number}")
    assert rows(one, "SELECT min(revision), max(revision) FROM graph_changes") == [(7, 15)]
    assert content(two.graph) == content(one.graph)
    assert len(loads) == 1


def test_a_bulk_too_long_for_the_log_means_a_reload(make_engine: MakeEngine) -> None:
    """More than ten thousand changes at once are one step of the revision; nobody misses what comes after."""
    one, two = make_engine(), make_engine()
    make_workflows(one, *"AB")
    two.graph.topological_order()
    insert = "INSERT INTO workflows (id, name, tags, created_at, updated_at) {} 'w' || i, 'w', '[]', 1, 1"
    write(one, _numbered(10_001, insert))
    one._context.live.forget()
    before = rows(one, "SELECT revision FROM graph_revision")[0][0]
    one.create_triggers([depends(f"w{number}", "A") for number in range(1, 10_002)])
    assert rows(one, "SELECT revision, compacted_to FROM graph_revision") == [(before + 1, before + 1)]
    assert rows(one, "SELECT count(*) FROM graph_changes") == [(0,)]
    two.create_trigger(depends("B", "w1"))
    for engine in (one, two):
        assert len(engine.graph.edges_out_of("A")) == 10_001
        assert engine.graph.downstream("w1") == ["B"]
        known = engine._context.live._known
        assert known is not None
        assert known.revision == before + 2


def _numbered(count: int, statement: str) -> str:
    select = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT"
    return statement.format(select) + " FROM n"


def test_a_long_bulk_hides_no_later_change(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the revision has meanwhile grown past what this process wrote."""
    one, two = pair
    make_workflows(one, *"DEFGHI")
    monkeypatch.setattr("flowforge_graph.storage.changes.KEPT_CHANGES", 4)
    one.create_triggers([depends(name, "A") for name in "DEFGH"])
    for number in range(6):
        two.create_workflow(f"w{number}")
    two.create_trigger(depends("A", "I"))
    with pytest.raises(CycleError):
        one.create_trigger(depends("I", "A"))
    assert content(one.graph) == content(two.graph)


@pytest.mark.parametrize("change", ["revision = revision - 1", "epoch = 'another database'"])
def test_another_past_means_a_reload(pair: Pair, change: str) -> None:
    """A restored backup or another database under the same name."""
    one, two = pair
    one.create_trigger(depends("B", "A"))
    assert two.graph.downstream("A") == ["B"]
    loads = loads_of(two)
    write(one, "DELETE FROM workflow_triggers", "DELETE FROM graph_changes", f"UPDATE graph_revision SET {change}")
    assert two.graph.downstream("A") == []
    assert len(loads) == 1


def test_a_log_that_does_not_apply_means_a_reload(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody wrote rows by hand: the rows are right."""
    one, two = pair
    one.create_trigger(depends("B", "A"))
    assert two.graph.downstream("A") == ["B"]
    payload = '["x", "A", "B", "on_success", 0, true, null, 9]'
    with one._context.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE graph_revision SET revision = revision + 1")
        insert = "INSERT INTO graph_changes (revision, kind, subject_id, payload) SELECT revision, 'trigger_put', 'x', "
        connection.exec_driver_sql(insert + f"'{payload}' FROM graph_revision")
    assert two.graph.downstream("A") == ["B"]
    assert "does not apply" in caplog.text


def _random_change(engine: TriggerEngine, chance: random.Random) -> None:
    names = [f"w{number}" for number in range(7)]
    triggers = [trigger for trigger in engine.list_triggers() if isinstance(trigger, DependencyTrigger)]
    kinds = ["workflow", "delete workflow", "rename", "add", "add", "add", "bulk", "move", "toggle", "drop"]
    action = chance.choice(kinds)
    name, other = chance.choice(names), chance.choice(names)
    if action == "workflow":
        engine.create_workflow(name)
    elif action == "delete workflow" and chance.random() < 0.3:
        engine.delete_workflow(name)
    elif action == "rename":
        engine.update_workflow(name, name=chance.choice(["x", "y", None]))
    elif action == "add":
        engine.create_trigger(depends(name, other, chance.choice(["on_success", "on_failure"])))
    elif action == "bulk":
        engine.create_triggers([depends(name, other) for other in chance.sample(names, 2)])
    elif triggers:
        trigger = chance.choice(triggers)
        if action == "move":
            engine.update_trigger(trigger.id, depends_on_workflow_id=name, delay_minutes=chance.randrange(60))
        elif action == "toggle":
            engine.update_trigger(trigger.id, enabled=not trigger.enabled)
        else:
            engine.delete_trigger(trigger.id)


@pytest.mark.parametrize("seed", range(3))
def test_live_graphs_equal_the_rows_whatever_happened(make_engine: MakeEngine, seed: int) -> None:
    """After each of many random changes by two engines, of which one looks rarely."""
    chance = random.Random(seed)
    one, two = make_engine(), make_engine()
    accepted = 0
    for step in range(60):
        engine = chance.choice([one, one, two])
        with suppress(FlowforgeGraphError):
            _random_change(engine, chance)
            accepted += 1
        if step % 10 == 9:
            fresh = make_engine()
            assert content(one.graph) == content(two.graph) == content(fresh.graph)
            fresh.close()
    assert accepted > 15


def test_an_engine_begins_with_what_is_stored(make_engine: MakeEngine) -> None:
    """Order of creation, names and disabled triggers."""
    one = make_engine()
    ab, _ = chain_of(one, "ABC")
    one.create_trigger(depends("C", "A"))
    one.disable_trigger(ab)
    one.update_trigger(ab, delay_minutes=3)
    assert content(make_engine().graph) == content(one.graph)


def test_a_deletion_that_fails_leaves_no_trace(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a graph that must be loaded in the middle of it take the uncommitted rows for committed ones."""
    engine = make_engine()
    chain_of(engine, "AB")
    engine.start("B", execution_id="one")
    executions, live = engine._context.store.executions, engine._context.live
    pending = executions.pending_of_workflow

    def forget_and_ask(*question: Any) -> list[str]:
        live.forget()
        return pending(*question)

    def fail(*_: Any) -> None:
        raise DatabaseError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(executions, "pending_of_workflow", forget_and_ask)
        patched.setattr(executions, "settle", fail)
        with pytest.raises(DatabaseError):
            engine.delete_workflow("B")
    assert engine.graph.downstream("A") == ["B"]
    assert engine.get_execution("one").status == "pending"
    assert engine.delete_workflow("B").cancelled_execution_ids == ("one",)


def test_the_lock_comes_before_the_log(pair: Pair) -> None:
    """The revision row is locked by one statement, and the log is read by a later one (else cycles were stored)."""
    one, two = pair
    one.create_trigger(depends("B", "A"))
    with statements_of(two) as sent:
        two.create_trigger(depends("C", "A"))
    selects = [statement for statement in sent if statement.startswith("SELECT")]
    assert "FROM graph_revision" in selects[0]
    assert "FROM graph_changes" in selects[1]
    if two._context.store.database.is_sqlite:
        assert sent[0] == "BEGIN IMMEDIATE"
    else:
        assert selects[0].endswith("FOR UPDATE")
        assert "graph_changes" not in selects[0]


def test_changes_are_numbered_densely(pair: Pair) -> None:
    """From the locked row, never from a sequence: a refused change leaves no gap."""
    one, two = pair
    one.create_trigger(depends("B", "A"))
    with pytest.raises(CycleError):
        two.create_trigger(depends("A", "B"))
    two.create_trigger(depends("C", "A"))
    numbers = [number for (number,) in rows(one, "SELECT revision FROM graph_changes ORDER BY revision")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert isinstance(one._context.store.changes, ChangeRows)


def test_definitions_are_read_as_of_one_instant(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is planned or exported never holds a workflow without the triggers that went with it."""
    one, two = pair
    two.create_trigger(depends("B", "A"))
    triggers = one._context.store.triggers
    find = triggers.find

    def find_after_a_change(*arguments: Any, **filters: Any) -> Any:
        with suppress(WorkflowNotFound):
            two.delete_workflow("B")
        return find(*arguments, **filters)

    monkeypatch.setattr(triggers, "find", find_after_a_change)
    stored = one.stored_definitions()
    assert "B" not in stored.workflows
    assert not stored.triggers
