"""A million triggers at once: from values in memory, and from a database by an engine that has just started."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Any

import networkx as nx

from benchmarks.areas.guarded_insert import attributes_of
from benchmarks.databases import KINDS, Databases, connected
from benchmarks.graphs import Pair, dense, triggers_of
from benchmarks.measure import Row, at_most, duration, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from flowforge_graph import TriggerEngine, TriggerGraph

_EDGES = """
    SELECT id, workflow_id, depends_on_workflow_id, dependency_condition, delay_minutes, enabled, trigger_name
    FROM workflow_triggers WHERE trigger_type = 'dependency' ORDER BY seq
"""
_KEYS = ("id", "dependency_condition", "delay_minutes", "enabled", "trigger_name")


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """Loading from values and from both databases, and what a stored trigger weighs."""
    pairs = dense(sizes.triggers, per_workflow=5)
    yield _add_all(pairs, sizes)
    for kind in KINDS:
        yield from _cold_start(kind, databases.stored(kind, sizes.triggers), pairs, sizes)


def _add_all(pairs: Sequence[Pair], sizes: Sizes) -> Row:
    triggers = triggers_of(pairs)
    edges = [(t.depends_on_workflow_id, t.workflow_id, attributes_of(t)) for t in triggers]
    graphs: dict[str, Any] = {}

    def ours() -> float:
        graph = graphs["ours"] = TriggerGraph()
        return seconds_of(lambda: graph.add_all(triggers))

    def bare() -> float:
        graph = graphs["bare"] = nx.DiGraph()
        return seconds_of(lambda: (graph.add_edges_from(edges), nx.is_directed_acyclic_graph(graph)))

    measured = side_by_side(sizes.few_rounds, ours=ours, bare=bare)
    assert set(graphs["ours"].digraph.edges) == set(graphs["bare"].edges)
    return Row(
        work=f"add_all of {len(pairs):,} triggers",
        ours=duration(measured.seconds("ours")),
        floor=f"add_edges_from + is_directed_acyclic_graph {duration(measured.seconds('bare'))}",
        ratio=measured.ratio("ours", to="bare"),
        target=at_most(1.5),
    )


def _cold_start(kind: str, url: str, pairs: Sequence[Pair], sizes: Sizes) -> Iterator[Row]:
    seen: dict[str, int] = {}

    def ours() -> float:
        return seconds_of(open_and_look)

    def open_and_look() -> None:
        with TriggerEngine(url) as engine:
            seen["ours"] = engine.graph.digraph.number_of_edges()

    def bare() -> float:
        graph: nx.DiGraph[str] = nx.DiGraph()
        seconds = seconds_of(lambda: load_bare(url, graph))
        seen["bare"] = graph.number_of_edges()
        return seconds

    measured = side_by_side(sizes.few_rounds, ours=ours, bare=bare)
    assert seen["ours"] == seen["bare"] >= len(pairs)
    yield Row(
        work=f"cold start from {kind}, {len(pairs):,} triggers",
        ours=duration(measured.seconds("ours")),
        floor=f"SELECT by the driver + add_edges_from {duration(measured.seconds('bare'))}",
        ratio=measured.ratio("ours", to="bare"),
        target=at_most(2),
    )
    yield _weight(kind, url, pairs)


def load_bare(url: str, graph: nx.DiGraph[str]) -> None:
    """What an engine must read at least, by the driver alone, into a bare graph."""
    with connected(url) as connection:
        cursor = connection.connection.dbapi_connection.cursor()
        cursor.execute("SELECT id, name FROM workflows")
        graph.add_nodes_from((workflow_id, {"name": name}) for workflow_id, name in cursor.fetchall())
        cursor.execute(_EDGES)
        graph.add_edges_from(
            (row[2], row[1], dict(zip(_KEYS, (row[0], *row[3:]), strict=True))) for row in cursor.fetchall()
        )


def _weight(kind: str, url: str, pairs: Sequence[Pair]) -> Row:
    ids = {workflow_id for pair in pairs for workflow_id in pair}
    size_of_ids = sum(map(sys.getsizeof, ids)) + sum(sys.getsizeof(f"t{number}") for number in range(len(pairs)))
    with TriggerEngine(url) as engine:
        gc.collect()
        tracemalloc.start()
        graph = engine.graph
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert graph.digraph.number_of_edges() >= len(pairs)
    per_trigger = (held - size_of_ids) / len(pairs)
    return Row(
        work=f"memory of a trigger loaded from {kind}",
        ours=f"{per_trigger:,.0f} bytes",
        floor="900 bytes beyond the ids",
        ratio=per_trigger / 900,
        target=at_most(1),
        note=f"of a graph of {len(pairs):,} triggers and {len(ids):,} workflows, the workflows counted in",
    )
