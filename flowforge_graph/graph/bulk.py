"""Linking many edges at once, before any of them is checked for a cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from flowforge_graph.graph.edges import EdgeTuple, Entry, carrying, edges_in, with_edge
from flowforge_graph.graph.read_only import UNNAMED, Adjacency, NodeAttributes
from flowforge_graph.graph.settled import SettledDict


@contextmanager
def collector_resting() -> Iterator[None]:
    """Without cyclic garbage collection meanwhile, unless another thread wants it.

    What is made in bulk stays and holds no cycle; looking through all of it again and again would take as long as
    making it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def link_all(
    edges: Iterable[EdgeTuple],
    *,
    successors: Adjacency,
    predecessors: Adjacency,
    nodes: dict[str, NodeAttributes],
    entries: dict[str, Entry],
    refuse_equal: bool,
) -> str | None:
    """Link ``edges``, adding nodes as they are named; answer the id of the first that cannot be stored, or None.

    An edge cannot be stored when its id is taken or, with ``refuse_equal``, when another of the same two workflows
    has its condition; what came before it stays linked. One loop without calls for the usual edge, because a million
    of them pass here.
    """
    for edge in edges:
        trigger_id, downstream, upstream, condition = edge[:4]
        if trigger_id in entries:
            return trigger_id
        after = successors.get(upstream)
        if after is None:
            after = successors[upstream] = SettledDict()
            predecessors[upstream] = SettledDict()
            nodes.setdefault(upstream, UNNAMED)
        before = predecessors.get(downstream)
        if before is None:
            before = predecessors[downstream] = SettledDict()
            successors[downstream] = SettledDict()
            nodes.setdefault(downstream, UNNAMED)
        known = after.get(downstream)
        if known is None:
            after[downstream] = before[upstream] = edge
        else:
            others = edges_in(known)
            if refuse_equal and any(other[3] == condition for other in others):
                return trigger_id
            after[downstream] = before[upstream] = carrying(with_edge(others, edge))
        entries[trigger_id] = edge
    return None
