"""Does the graph follow committed rows, strange ones too?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.errors import CycleError, DuplicateTrigger
from flowforge_graph.graph import DependencyEdge, TriggerGraph
from tests.graph.helpers import assert_sound, content, depends, graph_of, outcome, row


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30), st.randoms())
def test_loading_equals_adding(pairs: list[tuple[int, int]], random: object) -> None:
    """Rows in any order make the graph that was stored, places in creation order included."""
    graph = TriggerGraph()
    for number, (one, other) in enumerate(pairs):
        outcome(graph, [depends(f"w{one}", f"w{other}", id=f"t{number}")])
    rows = [edge for workflow in graph.digraph for edge in graph.edges_out_of(workflow)]
    random.shuffle(rows)  # type: ignore[attr-defined]
    loaded = TriggerGraph.load([(workflow, f"Name of {workflow}") for workflow in graph.digraph], rows)
    assert list(loaded.digraph) == list(graph.digraph)
    for workflow in graph.digraph:
        assert loaded.edges_out_of(workflow) == graph.edges_out_of(workflow)
        assert loaded.edges_into(workflow) == graph.edges_into(workflow)
        assert loaded.digraph.nodes[workflow]["name"] == f"Name of {workflow}"
    assert loaded.generations() == graph.generations()
    assert_sound(loaded)


def test_creation_order_continues_after_a_load() -> None:
    """What is added to a loaded graph comes after its rows."""
    graph = TriggerGraph.load([("a", None)], [row("b", "a", seq=7)])
    graph.add(depends("c", "a"))
    assert [edge.seq for edge in graph.edges_out_of("a")] == [7, 8]
    graph.put_edge(row("d", "a", seq=20))
    graph.add(depends("e", "a"))
    assert [edge.seq for edge in graph.edges_out_of("a")] == [7, 8, 20, 21]


def test_strange_rows_are_kept() -> None:
    """A condition or delay that no value may have is carried as it is stored; repeating it is no matter."""
    strange = DependencyEdge("t1", "b", "a", "on_tuesday", -3, True, None, seq=1)
    again = strange._replace(id="t2", seq=2)
    graph = TriggerGraph.load([], [strange, again])
    assert graph.edges_out_of("a") == (strange, again)
    assert graph.get("t1").dependency_condition == "on_tuesday"
    graph.put_edge(strange._replace(id="t3", seq=3))
    assert [edge.id for edge in graph.edges_into("b")] == ["t1", "t2", "t3"]
    assert graph.remove("t1").delay_minutes == -3


def test_a_row_is_put_in_place_of_its_old_self() -> None:
    """The same id again changes the trigger, wherever it now leads, without a place at the end."""
    graph = TriggerGraph()
    graph.put_edge(row("b", "a", seq=1, id="t"))
    graph.put_edge(row("c", "a", seq=2))
    graph.put_edge(row("b", "a", seq=1, id="t")._replace(enabled=False))
    assert [(edge.id, edge.enabled) for edge in graph.edges_out_of("a")] == [("t", False), ("row 2", True)]
    graph.put_edge(row("a", "b", seq=1, id="t"))
    assert set(graph.digraph.edges) == {("b", "a"), ("a", "c")}
    assert len(graph) == 2
    assert_sound(graph)


def test_a_row_that_closes_a_cycle_is_refused() -> None:
    """New or in place of an old one: the chain is named and the graph is as before."""
    graph = TriggerGraph.load([], [row("b", "a", seq=1), row("c", "b", seq=2), row("d", "c", seq=3)])
    before = content(graph)
    for edge in (row("a", "c", seq=9), row("a", "c", seq=3, id="row 3")):
        with pytest.raises(CycleError) as refusal:
            graph.put_edge(edge)
        assert refusal.value.chain == ("a", "b", "c", "a")
        assert content(graph) == before


def test_what_moves_leaves_before_it_is_put() -> None:
    """Rows that turn two edges round close no cycle in between, if their log takes both out first."""
    graph = TriggerGraph.load([], [row("b", "a", seq=1), row("c", "b", seq=2), row("d", "c", seq=3)])
    for trigger_id in ("row 1", "row 2", "row 3"):
        graph.remove(trigger_id)
    for edge in (row("a", "b", seq=1), row("b", "c", seq=2)):
        graph.put_edge(edge)
    assert set(graph.digraph.edges) == {("b", "a"), ("c", "b")}
    assert "row 3" not in graph
    assert_sound(graph)


def test_rows_with_a_cycle_are_not_loaded() -> None:
    """A database that was changed by hand is refused, with the chain of the first row that closes it."""
    rows = [row("b", "a", seq=1), row("c", "b", seq=2), row("a", "c", seq=3), row("b", "c", seq=4)]
    with pytest.raises(CycleError) as refusal:
        TriggerGraph.load([], rows)
    assert refusal.value.chain == ("a", "b", "c", "a")
    with pytest.raises(CycleError):
        TriggerGraph.load([], [row("a", "a", seq=1)])


def test_an_id_is_loaded_once() -> None:
    """Two rows of one id cannot come from a table with a primary key."""
    with pytest.raises(DuplicateTrigger):
        TriggerGraph.load([], [row("b", "a", seq=1, id="t"), row("c", "a", seq=2, id="t")])


def test_a_row_may_become_another_kind() -> None:
    """An edge may take the place of a trigger that joined no two workflows, and gives its own back."""
    graph = graph_of("ab")
    assert graph.get("b after a on_success") == depends("b", "a")
    graph.put_edge(row("b", "a", seq=1, id="b after a on_success", condition="on_failure"))
    assert graph.get("b after a on_success") == depends("b", "a", condition="on_failure", id="b after a on_success")
