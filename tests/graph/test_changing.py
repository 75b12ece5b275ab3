"""What do replacing and removing leave?"""

from __future__ import annotations

import pytest

from flowforge_graph.errors import CycleError, DuplicateTrigger, TriggerNotFound, WorkflowNotFound
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.model import ManualTrigger
from tests.graph.helpers import assert_sound, content, depends, graph_of, scheduled


def test_a_replaced_trigger_keeps_its_place() -> None:
    """Creation order survives a change of condition and even a move to another upstream and back."""
    graph = TriggerGraph()
    for number, downstream in enumerate("bcd"):
        graph.add(depends(downstream, "a", id=f"t{number}"))
    graph.replace(depends("b", "a", id="t0", condition="on_failure", delay_minutes=7))
    assert [edge.id for edge in graph.edges_out_of("a")] == ["t0", "t1", "t2"]
    assert graph.edges_out_of("a")[0].delay_minutes == 7
    graph.replace(depends("b", "x", id="t0"))
    assert [edge.id for edge in graph.edges_out_of("a")] == ["t1", "t2"]
    assert ("a", "b") not in graph.digraph.edges
    graph.replace(depends("c", "a", id="t0", condition="on_completion"))
    assert [edge.id for edge in graph.edges_out_of("a")] == ["t0", "t1", "t2"]
    assert [edge.id for edge in graph.digraph.edges["a", "c"]["triggers"]] == ["t0", "t1"]
    assert_sound(graph)


def test_a_refused_replacement_changes_nothing() -> None:
    """A cycle or a duplicate leaves the old trigger where it was."""
    graph = graph_of("ab", "bc")
    graph.add(depends("c", "b", id="failed", condition="on_failure"))
    graph.add(scheduled("a", id="nightly"))
    graph.add(scheduled("a", "@hourly", id="hourly"))
    before = content(graph)
    with pytest.raises(CycleError) as cycle:
        graph.replace(depends("a", "c", id="failed"))
    assert cycle.value.chain == ("a", "b", "c", "a")
    with pytest.raises(CycleError):
        graph.replace(depends("new", "new", id="failed"))
    with pytest.raises(DuplicateTrigger):
        graph.replace(depends("c", "b", id="failed"))
    with pytest.raises(DuplicateTrigger):
        graph.replace(scheduled("a", id="hourly"))
    with pytest.raises(TriggerNotFound):
        graph.replace(depends("z", "y", id="nobody"))
    assert content(graph) == before


def test_a_trigger_may_be_turned_around() -> None:
    """The old edge of a replaced trigger does not stand in the way of the new one, unless another holds it."""
    graph = graph_of("ab")
    graph.replace(depends("a", "b", id="b after a on_success"))
    assert list(graph.digraph.edges) == [("b", "a")]
    graph.add(depends("a", "b", id="second", condition="on_failure"))
    with pytest.raises(CycleError):
        graph.replace(depends("b", "a", id="second"))
    assert_sound(graph)


def test_a_trigger_may_change_its_kind() -> None:
    """A replacement of another kind moves between edge and node, in its place of creation order."""
    graph = graph_of("ab")
    graph.add(scheduled("b", id="later"))
    graph.replace(ManualTrigger(id="b after a on_success", workflow_id="b"))
    assert list(graph.digraph.edges) == []
    assert [trigger.id for trigger in graph.digraph.nodes["b"]["triggers"]] == ["b after a on_success", "later"]
    graph.replace(depends("b", "a", id="later"))
    assert [edge.id for edge in graph.edges_into("b")] == ["later"]
    assert_sound(graph)


def test_the_edge_goes_with_its_last_trigger() -> None:
    """Removing a trigger leaves the workflows, and the edge while another trigger holds it."""
    graph = graph_of("ab")
    graph.add(depends("b", "a", condition="on_failure"))
    assert graph.remove("b after a on_success") == depends("b", "a")
    assert ("a", "b") in graph.digraph.edges
    graph.remove("b after a on_failure")
    assert list(graph.digraph.nodes) == ["a", "b"]
    assert list(graph.digraph.edges) == []
    graph.add(depends("a", "b"))
    assert_sound(graph)


def test_a_workflow_goes_with_all_its_triggers() -> None:
    """Removing a workflow answers the triggers into it, out of it and its own, in creation order."""
    graph = TriggerGraph()
    gone = [
        depends("c", "b", id="1"),
        ManualTrigger(id="2", workflow_id="b"),
        depends("b", "a", id="3"),
        depends("b", "a", id="4", condition="on_failure"),
    ]
    graph.add_all([*gone, depends("c", "a", id="5"), ManualTrigger(id="6", workflow_id="a")])
    assert graph.remove_workflow("b") == tuple(gone)
    assert set(graph.digraph.nodes) == {"a", "c"}
    assert list(graph.digraph.edges) == [("a", "c")]
    assert len(graph) == 2
    assert_sound(graph)
    graph.add_all(gone[2:])
    assert_sound(graph)


def test_a_lone_workflow_goes_with_nothing() -> None:
    """A workflow without triggers answers an empty tuple; one that is not there is an error."""
    graph = TriggerGraph()
    graph.add_workflow("a")
    assert graph.remove_workflow("a") == ()
    with pytest.raises(WorkflowNotFound):
        graph.remove_workflow("a")


def test_a_snapshot_goes_its_own_way() -> None:
    """Changes after a snapshot show in one of the two only, and both stay free of cycles."""
    graph = graph_of("ab", "bc")
    graph.add(scheduled("a", id="nightly"))
    copy = graph.snapshot()
    assert content(copy) == content(graph)
    before = content(graph)
    copy.remove("c after b on_success")
    copy.add(depends("a", "c"))
    copy.remove_workflow("b")
    copy.add_workflow("a", "Renamed")
    assert content(graph) == before
    with pytest.raises(CycleError):
        graph.add(depends("a", "c"))
    assert_sound(copy)
