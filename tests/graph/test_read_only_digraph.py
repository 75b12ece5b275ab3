"""Can anybody change the graph through its networkx side?"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import networkx as nx
import pytest

from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.graph import TriggerGraph
from tests.graph.helpers import content, depends, graph_of, scheduled

MUTATORS: dict[str, Callable[[nx.DiGraph], Any]] = {
    "add_node": lambda g: g.add_node("x"),
    "add_nodes_from": lambda g: g.add_nodes_from(["x"]),
    "remove_node": lambda g: g.remove_node("a"),
    "remove_nodes_from": lambda g: g.remove_nodes_from(["a"]),
    "add_edge": lambda g: g.add_edge("c", "a"),
    "add_edges_from": lambda g: g.add_edges_from([("c", "a")]),
    "add_weighted_edges_from": lambda g: g.add_weighted_edges_from([("c", "a", 1)]),
    "remove_edge": lambda g: g.remove_edge("a", "b"),
    "remove_edges_from": lambda g: g.remove_edges_from([("a", "b")]),
    "update": lambda g: g.update(edges=[("c", "a")]),
    "clear": lambda g: g.clear(),
    "clear_edges": lambda g: g.clear_edges(),
    "nx.add_path": lambda g: nx.add_path(g, "ca"),
    "nx.add_cycle": lambda g: nx.add_cycle(g, "abc"),
    "nx.set_edge_attributes": lambda g: nx.set_edge_attributes(g, 1, "weight"),
    "nx.set_node_attributes": lambda g: nx.set_node_attributes(g, 1, "weight"),
    "edge data": lambda g: g.edges["a", "b"].__setitem__("triggers", ()),
    "edge data update": lambda g: g.edges["a", "b"].update(triggers=()),
    "edge data clear": lambda g: g["a"]["b"].clear(),
    "edge data pop": lambda g: g.get_edge_data("a", "b").pop("triggers"),
    "edge data setdefault": lambda g: g.pred["b"]["a"].setdefault("weight", 1),
    "edge data deletion": lambda g: g.succ["a"]["b"].__delitem__("triggers"),
    "node data": lambda g: g.nodes["a"].__setitem__("name", "x"),
    "node data popitem": lambda g: g.nodes["a"].popitem(),
    "graph data": lambda g: g.graph.__setitem__("name", "x"),
    "graph name": lambda g: setattr(g, "name", "x"),
}


@pytest.mark.parametrize("mutate", MUTATORS.values(), ids=MUTATORS.keys())
def test_every_mutator_is_refused(mutate: Callable[[nx.DiGraph], Any]) -> None:
    """Each way to change a networkx graph raises NetworkXError, which is an error of this package and a TypeError."""
    graph = graph_of("ab", "bc")
    before = content(graph)
    with pytest.raises(nx.NetworkXError, match="read-only") as refusal:
        mutate(graph.digraph)
    assert isinstance(refusal.value, FlowforgeGraphError)
    assert isinstance(refusal.value, TypeError)
    assert content(graph) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g.adj.__setitem__("c", {}),
        lambda g: g["a"].__delitem__("b"),
        lambda g: next(iter(g.adjacency()))[1].clear(),
        lambda g: g._adj.clear(),
        lambda g: g._pred.clear(),
        lambda g: g._node.clear(),
        lambda g: setattr(g.edges["a", "b"], "triggers", ()),
        lambda g: setattr(g.edges["a", "b"], "weight", 1),
        lambda g: setattr(g.nodes["a"], "name", "x"),
        lambda g: setattr(g.edges["a", "b"]["triggers"][0], "enabled", False),
    ],
)
def test_no_view_or_value_lets_a_change_through(change: Callable[[nx.DiGraph], Any]) -> None:
    """Adjacency views, attributes and the triggers themselves cannot be assigned to."""
    graph = graph_of("ab", "bc")
    before = content(graph)
    with pytest.raises((TypeError, AttributeError)):
        change(graph.digraph)
    assert content(graph) == before


def test_the_digraph_is_live() -> None:
    """One and the same digraph shows every later change, through views taken earlier too."""
    graph = TriggerGraph()
    digraph = graph.digraph
    edges, nodes, degree = digraph.edges, digraph.nodes, digraph.degree
    graph.add(depends("b", "a"))
    assert list(edges) == [("a", "b")]
    assert list(nodes) == ["a", "b"]
    graph.add_all([depends("c", "b"), depends("d", "c")])
    assert nx.ancestors(digraph, "d") == {"a", "b", "c"}
    assert degree["b"] == 2
    graph.remove_workflow("b")
    assert list(edges) == [("c", "d")]
    assert digraph is graph.digraph


def test_networkx_works_on_it() -> None:
    """Algorithms, views and conversions of networkx take it as the DiGraph that it is."""
    digraph = graph_of("ab", "bc", "ac").digraph
    assert isinstance(digraph, nx.DiGraph)
    assert nx.is_frozen(digraph)
    assert nx.is_directed_acyclic_graph(digraph)
    assert nx.descendants(digraph, "a") == {"b", "c"}
    assert nx.shortest_path(digraph, "a", "c", weight="weight") == ["a", "c"]
    assert list(nx.topological_sort(digraph)) == ["a", "b", "c"]
    assert nx.dag_longest_path(digraph) == ["a", "b", "c"]
    assert set(nx.transitive_reduction(digraph).edges) == {("a", "b"), ("b", "c")}
    assert set(digraph.subgraph("ab").edges) == {("a", "b")}
    assert set(digraph.edge_subgraph([("a", "b")])) == {"a", "b"}
    assert set(digraph.reverse(copy=False).edges) == {("b", "a"), ("c", "b"), ("c", "a")}
    assert digraph.to_undirected().number_of_edges() == 3
    assert nx.utils.graphs_equal(nx.relabel_nodes(digraph, {"a": "z"}), graph_of("zb", "bc", "zc").digraph) is False
    assert len(nx.node_link_data(digraph, edges="edges")["edges"]) == 3
    assert nx.to_dict_of_lists(digraph) == {"a": ["b", "c"], "b": ["c"], "c": []}


@pytest.mark.parametrize(
    "duplicate",
    [lambda g: g.copy(), nx.DiGraph, lambda g: g.subgraph("abc").copy(), lambda g: g.reverse().reverse()],
    ids=["copy", "DiGraph", "subgraph copy", "reverse"],
)
def test_copies_are_ordinary(duplicate: Callable[[nx.DiGraph], nx.DiGraph]) -> None:
    """A copy is a plain DiGraph with plain dicts: changing it is allowed and does not show in the graph."""
    graph = graph_of("ab", "bc")
    graph.add(scheduled("a", id="nightly"))
    before = content(graph)
    ordinary = duplicate(graph.digraph)
    assert type(ordinary) is nx.DiGraph
    assert nx.utils.graphs_equal(ordinary, graph.digraph)
    ordinary.add_edge("c", "a")
    ordinary.edges["a", "b"]["triggers"] = ()
    ordinary.nodes["a"]["name"] = "x"
    assert content(graph) == before


@pytest.mark.parametrize(
    "through", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g))], ids=["deepcopy", "pickle"]
)
def test_it_travels(through: Callable[[Any], Any]) -> None:
    """Pickled or deep-copied, the digraph is independent and still read-only; the graph goes on as it was."""
    graph = graph_of("ab", "bc")
    graph.add(scheduled("a", id="nightly"))
    graph.add(depends("b", "a", condition="on_failure"))
    digraph, whole = through(graph.digraph), through(graph)
    assert nx.utils.graphs_equal(digraph, graph.digraph)
    with pytest.raises(nx.NetworkXError):
        digraph.add_node("x")
    assert content(whole) == content(graph)
    graph.remove_workflow("b")
    assert set(digraph.edges) == set(whole.digraph.edges) == {("a", "b"), ("b", "c")}
    whole.add(depends("d", "c"))
    assert whole.upstream("d") == ["a", "b", "c"]


def test_attributes_read_like_dicts() -> None:
    """What edges and nodes carry compares, iterates and prints as a dict does."""
    graph = graph_of("ab")
    edge, node = graph.digraph.edges["a", "b"], graph.digraph.nodes["a"]
    assert edge == {"triggers": graph.edges_out_of("a")}
    assert (edge.get("triggers"), edge.get("weight", 1)) == (graph.edges_out_of("a"), 1)
    assert repr(node) == "{'name': None}"
    assert (len(edge), len(node), dict(graph.digraph.graph), len(graph.digraph.graph)) == (1, 1, {}, 0)
    for mapping in (edge, node, graph.digraph.graph):
        with pytest.raises(KeyError):
            mapping["weight"]
