"""What lies upstream and downstream, and in which order?"""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.errors import InvalidWorkflow, WorkflowNotFound
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.model import DependencyTrigger
from tests.graph.helpers import depends, graph_of, outcome


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=50), st.none() | st.integers(1, 4))
def test_neighbourhoods_equal_those_of_networkx(pairs: list[tuple[int, int]], depth: int | None) -> None:
    """Upstream and downstream are the ancestors and descendants within ``depth`` hops, each after what it needs."""
    graph = TriggerGraph()
    for number, (one, other) in enumerate(pairs):
        outcome(graph, [depends(f"w{one}", f"w{other}", id=f"t{number}")])
    place = {node: index for index, node in enumerate(graph.topological_order())}
    for workflow in graph.digraph:
        for answer, reference in (
            (graph.downstream(workflow, depth), graph.digraph),
            (graph.upstream(workflow, depth), graph.digraph.reverse()),
        ):
            reached = nx.single_source_shortest_path_length(reference, workflow, cutoff=depth)
            assert set(answer) == set(reached) - {workflow}
            assert len(answer) == len(set(answer))
            assert answer == sorted(answer, key=place.__getitem__)


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=50))
def test_generations_equal_those_of_networkx(pairs: list[tuple[int, int]]) -> None:
    """A workflow's generation is the length of the longest chain into it, whatever the history."""
    graph = TriggerGraph()
    for number, (one, other) in enumerate(pairs):
        outcome(graph, [depends(f"w{one}", f"w{other}", id=f"t{number}")])
    expected = [sorted(generation) for generation in nx.topological_generations(graph.digraph.copy())]
    assert graph.generations() == expected
    assert graph.snapshot().generations() == expected


def test_depth_counts_hops() -> None:
    """Depth 1 is direct; a shortcut brings a workflow nearer."""
    graph = graph_of("ab", "bc", "cd", "ac")
    assert graph.downstream("a", 1) == ["b", "c"]
    assert graph.downstream("a", depth=2) == ["b", "c", "d"]
    assert graph.upstream("d", 1) == ["c"]
    assert graph.upstream("d") == ["a", "b", "c"]
    assert graph.downstream("d") == []


@pytest.mark.parametrize("depth", [0, -1, 1.0, True, "1"])
def test_a_depth_is_a_whole_number_of_at_least_one(depth: object) -> None:
    """Any other depth is refused with the value named."""
    graph = graph_of("ab")
    for call in (graph.upstream, graph.downstream):
        with pytest.raises(InvalidWorkflow, match="depth must be a whole number of at least 1"):
            call("a", depth)  # type: ignore[operator]


@pytest.mark.parametrize(
    "call",
    [
        TriggerGraph.upstream,
        TriggerGraph.downstream,
        TriggerGraph.edges_out_of,
        TriggerGraph.edges_into,
        TriggerGraph.remove_workflow,
    ],
)
def test_unknown_workflows_are_an_error(call: Callable[..., object]) -> None:
    """A workflow that is not there is named, and not added."""
    graph = graph_of("ab")
    with pytest.raises(WorkflowNotFound, match="nobody"):
        call(graph, "nobody")
    assert not graph.has_workflow("nobody")


def test_direct_triggers_are_those_a_completion_asks() -> None:
    """All triggers out of a workflow, disabled ones too, in creation order across edges."""
    graph = TriggerGraph()
    graph.add(depends("c", "a", id="1"))
    graph.add(depends("b", "a", id="2", enabled=False))
    graph.add(depends("c", "a", id="3", condition="on_failure"))
    graph.add(depends("c", "b", id="4"))
    assert [edge.id for edge in graph.edges_out_of("a")] == ["1", "2", "3"]
    assert [edge.id for edge in graph.edges_into("c")] == ["1", "3", "4"]
    assert graph.edges_out_of("c") == ()


def test_an_empty_graph_has_no_generations() -> None:
    """The questions about the whole graph answer empty lists."""
    assert TriggerGraph().generations() == TriggerGraph().topological_order() == []


def test_direct_triggers_are_the_values_that_were_added() -> None:
    """Asked for values, the graph answers equal ones, whatever it keeps itself."""
    first = DependencyTrigger(workflow_id="b", depends_on_workflow_id="a", delay_minutes=5)
    second = DependencyTrigger(workflow_id="c", depends_on_workflow_id="a", enabled=False, source="file")
    graph = TriggerGraph()
    graph.add_all([first, second])
    assert graph.direct_triggers("a") == [first, second]
    assert graph.direct_triggers("b") == []
