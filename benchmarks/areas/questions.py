"""Single edges, refusals and walks on large graphs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import networkx as nx

from benchmarks.databases import Databases
from benchmarks.graphs import Pair, chain, dense, triggers_of
from benchmarks.measure import Measured, Row, at_least, at_most, each, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from flowforge_graph import CycleError, DependencyTrigger, TriggerGraph

_MANY, _FEW = 1_000, 50
_QUERIES = 5


def single_edges(sizes: Sizes, _databases: Databases) -> Iterator[Row]:
    """One edge at a time into a dense graph and into a chain, each given where the order agrees already."""
    pairs = dense(sizes.deep_edges, per_workflow=10)
    yield from _single_edges(f"{len(pairs):,} edges E=10V", pairs, min(_MANY, len(pairs) // 2), sizes)
    # has_path walks the whole chain each time.
    yield from _single_edges(f"a chain of {sizes.edges:,}", chain(sizes.edges), _FEW, sizes)


def _single_edges(name: str, pairs: Sequence[Pair], sample: int, sizes: Sizes) -> Iterator[Row]:
    graph, bare = TriggerGraph(), nx.DiGraph(pairs)
    graph.add_all(triggers_of(pairs))
    new = _new_edges(graph, bare, count=sample)
    triggers = [
        DependencyTrigger(id=f"new{n}", workflow_id=d, depends_on_workflow_id=u) for n, (u, d) in enumerate(new)
    ]

    def ours() -> float:
        seconds = seconds_of(lambda: [graph.add(trigger) for trigger in triggers])
        assert all(graph.digraph.has_edge(upstream, downstream) for upstream, downstream in new)
        for trigger in triggers:
            graph.remove(trigger.id)
        return seconds

    def checked() -> float:
        seconds = seconds_of(lambda: [_add_where_no_path(bare, *pair) for pair in new])
        assert all(bare.has_edge(*pair) for pair in new)
        bare.remove_edges_from(new)
        return seconds

    measured = side_by_side(sizes.few_rounds, ours=ours, checked=checked)
    yield Row(
        work=name,
        ours=each(measured.seconds("ours"), sample),
        floor=f"has_path + add_edge {each(measured.seconds('checked'), sample)}",
        ratio=measured.ratio("checked", to="ours"),
        target=at_least(20),
    )
    yield _single_edges_beside_rustworkx(name, pairs, new, ours, sizes)


def _add_where_no_path(graph: nx.DiGraph[str], upstream: str, downstream: str) -> None:
    assert not nx.has_path(graph, downstream, upstream)
    graph.add_edge(upstream, downstream)


def _new_edges(graph: TriggerGraph, bare: nx.DiGraph[str], *, count: int) -> list[Pair]:
    """Random edges that are not there, from an earlier to a later place of the order."""
    order = graph.topological_order()
    chance = random.Random(count)
    new: set[Pair] = set()
    while len(new) < count:
        one, other = sorted(chance.sample(range(len(order)), 2))
        if not bare.has_edge(order[one], order[other]):
            new.add((order[one], order[other]))
    return sorted(new)


def _single_edges_beside_rustworkx(
    name: str, pairs: Sequence[Pair], new: Sequence[Pair], ours: Callable[[], float], sizes: Sizes
) -> Row:
    work = f"{name}, beside rustworkx"
    try:
        import rustworkx
    except ImportError:
        return Row(work=work, ours="", note="rustworkx is not installed: pip install -e '.[bench]'")
    graph: rustworkx.PyDiGraph[str, str] = rustworkx.PyDiGraph(multigraph=False)
    ids = dict.fromkeys(workflow_id for pair in pairs for workflow_id in pair)
    places = dict(zip(ids, graph.add_nodes_from(list(ids)), strict=True))
    graph.add_edges_from_no_data([(places[u], places[d]) for u, d in pairs])
    graph.check_cycle = True

    def theirs() -> float:
        seconds = seconds_of(lambda: [graph.add_edge(places[u], places[d], "") for u, d in new])
        for upstream, downstream in new:
            graph.remove_edge(places[upstream], places[downstream])
        return seconds

    measured = side_by_side(sizes.few_rounds, ours=ours, theirs=theirs)
    return Row(
        work=work,
        ours=each(measured.seconds("ours"), len(new)),
        floor=f"check_cycle {each(measured.seconds('theirs'), len(new))}",
        ratio=measured.ratio("theirs", to="ours"),
        target=at_least(20),
    )


def refusals(sizes: Sizes, _databases: Databases) -> Iterator[Row]:
    """Edges that would close a cycle: our answer names the shortest chain, has_path says yes."""
    pairs = dense(sizes.deep_edges, per_workflow=10)
    graph, bare = TriggerGraph(), nx.DiGraph(pairs)
    graph.add_all(triggers_of(pairs))
    closing = _closing_edges(bare, graph.topological_order(), count=_FEW * 4)
    triggers = [DependencyTrigger(workflow_id=d, depends_on_workflow_id=u) for u, d in closing]
    chains: list[tuple[str, ...] | None] = []

    def ours() -> float:
        chains.clear()
        return seconds_of(lambda: chains.extend(graph.chain_if_added(upstream=u, downstream=d) for u, d in closing))

    measured = side_by_side(
        sizes.rounds,
        ours=ours,
        refused=lambda: seconds_of(lambda: [_refused(graph, trigger) for trigger in triggers]),
        has_path=lambda: seconds_of(lambda: [nx.has_path(bare, d, u) for u, d in closing]),
    )
    for (upstream, downstream), found in zip(closing, chains, strict=True):
        assert found is not None
        assert len(found) == nx.shortest_path_length(bare, downstream, upstream) + 2
        assert nx.is_path(bare, found[:-1])
    yield _refusal_row("chain_if_added", "ours", measured, len(closing))
    yield _refusal_row("add, which raises CycleError", "refused", measured, len(closing))


def _refusal_row(work: str, side: str, measured: Measured, count: int) -> Row:
    return Row(
        work=work,
        ours=each(measured.seconds(side), count),
        floor=f"has_path {each(measured.seconds('has_path'), count)}",
        ratio=measured.ratio(side, to="has_path"),
        target=at_most(3),
    )


def _closing_edges(bare: nx.DiGraph[str], order: Sequence[str], *, count: int) -> list[Pair]:
    chance = random.Random(count)
    closing: list[Pair] = []
    while len(closing) < count:
        one, other = sorted(chance.sample(range(len(order)), 2))
        if nx.has_path(bare, order[one], order[other]):
            closing.append((order[other], order[one]))
    return closing


def _refused(graph: TriggerGraph, trigger: DependencyTrigger) -> None:
    try:
        graph.add(trigger)
    except CycleError:
        return
    raise AssertionError("a cycle was accepted")


def reachability(sizes: Sizes, _databases: Databases) -> Iterator[Row]:
    """A good part of a large, dense graph lies upstream and downstream of the workflows asked about."""
    pairs = dense(sizes.triggers, per_workflow=10)
    graph, bare = TriggerGraph(), nx.DiGraph(pairs)
    graph.add_all(triggers_of(pairs))
    order = graph.topological_order()
    asked = [order[len(order) // (_QUERIES + 1) * (n + 1)] for n in range(_QUERIES)]
    yield _reachability_row(
        "upstream", graph.upstream, lambda w: nx.ancestors(bare, w), asked=asked, order=order, sizes=sizes
    )
    yield _reachability_row(
        "downstream", graph.downstream, lambda w: nx.descendants(bare, w), asked=asked, order=order, sizes=sizes
    )


def _reachability_row(
    work: str,
    ours: Callable[[str], list[str]],
    theirs: Callable[[str], set[str]],
    *,
    asked: Sequence[str],
    order: Sequence[str],
    sizes: Sizes,
) -> Row:
    measured = side_by_side(
        sizes.few_rounds,
        ours=lambda: seconds_of(lambda: [ours(workflow_id) for workflow_id in asked]),
        theirs=lambda: seconds_of(lambda: [theirs(workflow_id) for workflow_id in asked]),
    )
    place = {workflow_id: number for number, workflow_id in enumerate(order)}
    found = 0
    for workflow_id in asked:
        answer = ours(workflow_id)
        assert set(answer) == theirs(workflow_id)
        assert answer == sorted(answer, key=place.__getitem__)
        found += len(answer)
    return Row(
        work=f"{work}, {sizes.triggers:,} edges, {found // len(asked):,} workflows found",
        ours=each(measured.seconds("ours"), len(asked)),
        floor=f"networkx, unordered {each(measured.seconds('theirs'), len(asked))}",
        ratio=measured.ratio("ours", to="theirs"),
        target=at_most(1.5),
    )
