"""Does the order hold when there is no room between labels?"""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.graph import topological_order as module
from flowforge_graph.graph.topological_order import TopologicalOrder, whole_order


def admit_all(pairs: list[tuple[int, int]]) -> tuple[TopologicalOrder, nx.DiGraph]:
    """All edges that do not close a cycle, admitted among nodes that are all there from the beginning."""
    reference = nx.DiGraph()
    order = TopologicalOrder(successors=reference.adj, predecessors=reference.pred)
    for node in sorted({f"{end:02}" for pair in pairs for end in pair}):
        reference.add_node(node)
        order.place_last(node)
    for one, other in pairs:
        tail, head = f"{one:02}", f"{other:02}"
        path = order.admit(tail=tail, head=head)
        assert (path is not None) == nx.has_path(reference, head, tail)
        if path is None:
            reference.add_edge(tail, head)
            assert all(order.labels[u] < order.labels[v] for u, v in reference.edges)
    return order, reference


@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=100),
    st.sampled_from([(1, 1), (2, 1), (4, 2), (8, 16), (1 << 32, 1 << 16)]),
)
def test_the_order_agrees_with_every_edge(pairs: list[tuple[int, int]], rooms: tuple[int, int]) -> None:
    """After each edge every label is below those of its successors, however little room labels have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_ROOM", rooms[0])
        patch.setattr(module, "_PUSHED_ROOM", rooms[1])
        order, reference = admit_all(pairs)
        placed = order.in_order(reference.nodes)
    assert all(placed.index(u) < placed.index(v) for u, v in reference.edges)


@pytest.mark.parametrize("up", [True, False], ids=["moving up", "moving down"])
def test_the_same_spot_is_filled_again_and_again(up: bool) -> None:
    """Nodes moved one by one into one spot, which halves its room each time, push on what is in their way."""
    size = 300
    chain = [(i + 1, i) if up else (i, i + 1) for i in range(size)]
    hub = [(1_000, i) if up else (i, 1_000) for i in range(size)]
    reference = nx.DiGraph()
    order = TopologicalOrder(successors=reference.adj, predecessors=reference.pred)
    nodes = [*range(size, -1, -1), 1_000, 2_000] if up else [2_000, 1_000, *range(size + 1)]
    for node in nodes:
        reference.add_node(str(node))
        order.place_last(str(node))
    anchor = ("2000", "1000") if up else ("1000", "2000")
    order.labels["2000"] = order.labels["1000"] - 1 if up else order.labels["1000"] + 1
    for tail, head in [anchor, *((str(u), str(v)) for u, v in chain + hub)]:
        assert order.admit(tail=tail, head=head) is None
        reference.add_edge(tail, head)
        assert all(order.labels[u] < order.labels[v] for u, v in reference.in_edges([head, tail]))
    assert all(order.labels[u] < order.labels[v] for u, v in reference.edges)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_one_pass_orders_what_has_no_cycle(pairs: list[tuple[int, int]]) -> None:
    """``whole_order`` answers a topological order, and None exactly when there is a cycle."""
    reference = nx.DiGraph([(str(u), str(v)) for u, v in pairs])
    order = whole_order(successors=reference.adj, predecessors=reference.pred)
    assert (order is not None) == nx.is_directed_acyclic_graph(reference)
    if order is not None:
        assert sorted(order) == sorted(reference.nodes)
        assert all(order.index(u) < order.index(v) for u, v in reference.edges)
