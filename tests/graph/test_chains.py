"""Which chain is answered when a cycle is refused?"""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.errors import CycleError, TriggerNotFound
from flowforge_graph.graph import TriggerGraph
from tests.graph.helpers import assert_sound, content, depends, graph_of

DEEP = 100_000


def test_the_chain_follows_the_data_and_closes() -> None:
    """With A→B→C→D stored, "A depends on D" answers A, B, C, D, A."""
    graph = graph_of("AB", "BC", "CD")
    assert graph.chain_if_added(upstream="D", downstream="A") == ("A", "B", "C", "D", "A")
    with pytest.raises(CycleError) as refusal:
        graph.add(depends("A", "D"))
    assert refusal.value.chain == ("A", "B", "C", "D", "A")


@pytest.mark.parametrize("known", [True, False])
def test_a_workflow_cannot_depend_on_itself(known: bool) -> None:
    """A self-dependency answers A, A, whether or not the workflow is known."""
    graph = graph_of("AB") if known else TriggerGraph()
    before = content(graph)
    assert graph.chain_if_added(upstream="A", downstream="A") == ("A", "A")
    with pytest.raises(CycleError) as refusal:
        graph.add(depends("A", "A"))
    assert refusal.value.chain == ("A", "A")
    assert content(graph) == before


def test_the_chain_is_the_shortest() -> None:
    """Where a long and a short way close the cycle, the short one is named."""
    graph = graph_of("ab", "bc", "cd", "de", "ax", "xe")
    assert graph.chain_if_added(upstream="e", downstream="a") == ("a", "x", "e", "a")


def test_equally_short_chains_are_told_apart_by_ids() -> None:
    """Among equally short chains the first by ids is named, in whatever order the edges came."""
    pairs = ["ac", "ab", "bz", "cz", "zd", "ye", "cy", "ed"]
    for graph in (graph_of(*pairs), graph_of(*reversed(pairs)), graph_of(*sorted(pairs))):
        assert graph.chain_if_added(upstream="d", downstream="a") == ("a", "b", "z", "d", "a")


def test_disabled_triggers_close_cycles_too() -> None:
    """Enabled or not, every dependency trigger is an edge."""
    graph = TriggerGraph()
    graph.add(depends("b", "a", enabled=False))
    with pytest.raises(CycleError):
        graph.add(depends("a", "b", enabled=False))


def test_nothing_closes_through_unknown_workflows() -> None:
    """Workflows that the graph does not know have no chain, and asking does not add them."""
    graph = graph_of("ab")
    assert graph.chain_if_added(upstream="new", downstream="a") is None
    assert graph.chain_if_added(upstream="b", downstream="new") is None
    assert not graph.has_workflow("new")


def test_a_replaced_trigger_is_as_if_gone() -> None:
    """A trigger may be turned around: its own old edge does not stand in its way."""
    graph = graph_of("ab", "bc")
    assert graph.chain_if_replaced("b after a on_success", upstream="c", downstream="a") is None
    assert graph.chain_if_replaced("b after a on_success", upstream="c", downstream="b") == ("b", "c", "b")
    graph.add(depends("b", "a", condition="on_failure"))
    assert graph.chain_if_replaced("b after a on_success", upstream="c", downstream="a") == ("a", "b", "c", "a")
    assert graph.chain_if_replaced("b after a on_success", upstream="b", downstream="b") == ("b", "b")
    assert graph.chain_if_replaced("b after a on_success", upstream="new", downstream="b") is None
    with pytest.raises(TriggerNotFound):
        graph.chain_if_replaced("nobody", upstream="c", downstream="a")


@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=80))
def test_each_chain_is_a_real_shortest_path(pairs: list[tuple[int, int]]) -> None:
    """Loaded edge by edge: what networkx calls a cycle is refused, with a path that closes and is as short."""
    graph, reference = TriggerGraph(), nx.DiGraph()
    for number, (one, other) in enumerate(pairs):
        upstream, downstream = f"w{one}", f"w{other}"
        trigger = depends(downstream, upstream, id=f"t{number}")
        if (upstream, downstream) in reference.edges:
            continue
        closes = reference.has_node(upstream) and reference.has_node(downstream)
        closes = upstream == downstream or (closes and nx.has_path(reference, downstream, upstream))
        if not closes:
            graph.add(trigger)
            reference.add_edge(upstream, downstream)
            continue
        with pytest.raises(CycleError) as refusal:
            graph.add(trigger)
        chain = refusal.value.chain
        assert chain[0] == chain[-1] == downstream
        assert chain[-2] == upstream
        if upstream != downstream:
            assert nx.is_path(reference, chain[:-1])
            assert len(chain) - 1 == len(nx.shortest_path(reference, downstream, upstream))
    assert set(graph.digraph.edges) == set(reference.edges)
    assert_sound(graph)


@pytest.mark.parametrize("backwards", [False, True], ids=["from its beginning", "from its end"])
def test_a_chain_of_100_000_workflows(backwards: bool) -> None:
    """A chain is built from either end, walked, refused its closing edge with all of it, and cut: no recursion."""
    links = [depends(f"w{i + 1}", f"w{i}", id=f"t{i}") for i in range(DEEP)]
    graph = TriggerGraph()
    for link in reversed(links) if backwards else links:
        graph.add(link)
    names = [f"w{i}" for i in range(DEEP + 1)]
    assert graph.topological_order() == names
    assert graph.downstream("w0") == names[1:]
    assert graph.upstream(names[-1]) == names[:-1]
    assert len(graph.generations()) == DEEP + 1
    with pytest.raises(CycleError) as refusal:
        graph.add(depends("w0", names[-1]))
    assert refusal.value.chain == (*names, "w0")
    assert graph.chain_if_added(upstream="w0", downstream=names[-1]) is None
    assert {trigger.id for trigger in graph.remove_workflow("w50000")} == {"t49999", "t50000"}
    graph.add(depends("w0", names[-1]))
    assert graph.chain_if_added(upstream="w49999", downstream="w50001") is not None


def test_a_ring_is_refused_wherever_it_is_closed() -> None:
    """Each edge of a ring, left to the last, is the one refused."""
    names = "abcdef"
    ring = [(names[i - 1], names[i]) for i in range(len(names))]
    for last in range(len(ring)):
        graph = graph_of(*["".join(pair) for pair in ring[last + 1 :] + ring[:last]])
        upstream, downstream = ring[last]
        with pytest.raises(CycleError) as refusal:
            graph.add(depends(downstream, upstream))
        assert len(refusal.value.chain) == len(ring) + 1
