"""Walks over an adjacency, level by level: no recursion, so that no depth can exhaust the stack."""

from __future__ import annotations

from collections.abc import Mapping

from flowforge_graph.graph.topological_order import Neighbours


def reachable(start: str, neighbours: Neighbours, *, depth: int | None) -> set[str]:
    """The nodes that ``start`` reaches in at most ``depth`` steps (None: any number), without ``start``. O(edges)."""
    found: set[str] = set()
    level = {start}
    while level and depth != 0:
        level = set().union(*[neighbours[node] for node in level])
        level -= found
        found |= level
        depth = None if depth is None else depth - 1
    return found


def levels(order: list[str], predecessors: Mapping[str, Mapping[str, object]]) -> list[list[str]]:
    """The nodes by the length of the longest path that ends in them, each level by name. O(nodes + edges)."""
    height: dict[str, int] = {}
    grouped: list[list[str]] = []
    for node in order:
        level = height[node] = max([height[earlier] for earlier in predecessors[node]], default=-1) + 1
        if level == len(grouped):
            grouped.append([])
        grouped[level].append(node)
    return [sorted(level) for level in grouped]
