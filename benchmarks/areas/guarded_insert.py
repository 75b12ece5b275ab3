"""``TriggerGraph.add`` beside the bare ``add_edge``, and beside the checks that people write in front of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import networkx as nx

from benchmarks.databases import Databases
from benchmarks.graphs import ORDERS, Pair, dense, in_order, layered, triggers_of
from benchmarks.measure import Row, Side, at_least, at_most, each, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from flowforge_graph import DependencyTrigger, TriggerGraph


def rows(sizes: Sizes, _databases: Databases) -> Iterator[Row]:
    """Nine families: layered, sparse and dense graphs, each from the front, from the back and shuffled."""
    families = {
        "layered E=2V": layered(sizes.edges),
        "random E=3V": dense(sizes.edges, per_workflow=3),
        "random E=10V": dense(sizes.edges, per_workflow=10),
    }
    for name, pairs in families.items():
        for order in ORDERS:
            yield from _family(f"{name}, {order} order", in_order(pairs, order), sizes)
    yield from _beside_rustworkx(sizes.edges)


def _family(name: str, pairs: Sequence[Pair], sizes: Sizes) -> Iterator[Row]:
    ours, bare, checked = _Ours(pairs), _Bare(pairs), _Checked(pairs)
    measured = side_by_side(sizes.rounds, ours=ours, bare=bare)
    guard = side_by_side(1, ours=ours, checked=checked)
    _agree(ours, bare, checked)
    count = len(pairs)
    yield Row(
        work=name,
        ours=each(measured.seconds("ours"), count),
        floor=f"add_edge {each(measured.seconds('bare'), count)}",
        ratio=measured.ratio("ours", to="bare"),
        target=at_most(2.5),
    )
    yield Row(
        work=f"{name}, beside has_path",
        ours=each(guard.seconds("ours"), count),
        floor=f"has_path + add_edge {each(guard.seconds('checked'), count)}",
        ratio=guard.ratio("ours", to="checked"),
        target=at_most(1.2),
    )


class _Ours:
    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._triggers = triggers_of(pairs)
        self.graph = TriggerGraph()

    def __call__(self) -> float:
        self.graph = TriggerGraph()
        return seconds_of(self._build)

    def _build(self) -> None:
        add = self.graph.add
        for trigger in self._triggers:
            add(trigger)


class _Bare:
    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._edges = [(t.depends_on_workflow_id, t.workflow_id, attributes_of(t)) for t in triggers_of(pairs)]
        self.graph: nx.DiGraph[str] = nx.DiGraph()

    def __call__(self) -> float:
        self.graph = nx.DiGraph()
        return seconds_of(self._build)

    def _build(self) -> None:
        add_edge = self.graph.add_edge
        for upstream, downstream, attributes in self._edges:
            add_edge(upstream, downstream, **attributes)


class _Checked(_Bare):
    def _build(self) -> None:
        graph = self.graph
        for upstream, downstream, attributes in self._edges:
            if upstream in graph and downstream in graph and nx.has_path(graph, downstream, upstream):
                raise AssertionError("the families hold no cycle")
            graph.add_edge(upstream, downstream, **attributes)


def attributes_of(trigger: DependencyTrigger) -> dict[str, object]:
    """What an edge carries of a trigger, beside the workflows that it joins."""
    return {
        "id": trigger.id,
        "dependency_condition": trigger.dependency_condition,
        "delay_minutes": trigger.delay_minutes,
        "enabled": trigger.enabled,
        "trigger_name": trigger.trigger_name,
    }


def _agree(ours: _Ours, *others: _Bare) -> None:
    for other in others:
        assert set(ours.graph.digraph.edges) == set(other.graph.edges)
    place = {workflow_id: number for number, workflow_id in enumerate(ours.graph.topological_order())}
    assert all(place[upstream] < place[downstream] for upstream, downstream in ours.graph.digraph.edges)


def _beside_rustworkx(edges: int) -> Iterator[Row]:
    work = f"random E=10V, random order, {edges:,} edges, beside rustworkx"
    try:
        import rustworkx
    except ImportError:
        yield Row(work=work, ours="", note="rustworkx is not installed: pip install -e '.[bench]'")
        return
    pairs = in_order(dense(edges, per_workflow=10), "random")
    ours = _Ours(pairs)
    graphs: list[rustworkx.PyDiGraph[str, str]] = []
    measured = side_by_side(1, ours=ours, rustworkx=_rustworkx_side(pairs, graphs))
    assert graphs[-1].num_edges() == len(ours.graph)
    yield Row(
        work=work,
        ours=each(measured.seconds("ours"), edges),
        floor=f"add_edge with check_cycle {each(measured.seconds('rustworkx'), edges)}",
        ratio=measured.ratio("rustworkx", to="ours"),
        target=at_least(1),
    )


def _rustworkx_side(pairs: Sequence[Pair], graphs: list) -> Side:  # type: ignore[type-arg]
    import rustworkx

    def build() -> None:
        graph = graphs[-1]
        places: dict[str, int] = {}
        for number, (upstream, downstream) in enumerate(pairs):
            for workflow_id in (upstream, downstream):
                if workflow_id not in places:
                    places[workflow_id] = graph.add_node(workflow_id)
            graph.add_edge(places[upstream], places[downstream], f"t{number}")

    def side() -> float:
        graphs.append(rustworkx.PyDiGraph(check_cycle=True, multigraph=False))
        return seconds_of(build)

    return side
