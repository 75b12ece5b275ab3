"""A topological order that is kept while edges come and go. It knows nodes and neighbours, and no triggers.

Source: D. J. Pearce and P. H. J. Kelly, "A Dynamic Topological Sort Algorithm for Directed Acyclic Graphs", ACM Journal
of Experimental Algorithmics 11 (2006): only the window of the order between the two ends of a new edge is searched.
What is different here:

* A node without predecessors can always go to the very front, one without successors to the very back. Labels are
  unbounded ints, so either costs one addition, and building a chain from its end is as quick as from its beginning.
* The two searches of the window run towards each other, level by level, so that a refusal stops where they meet, with
  a shortest path in hand, and an admission stops as soon as the smaller side is exhausted.
* Labels have room between them. The exhausted side alone moves into the room past the other end of the edge, and the
  other, perhaps far larger side is never searched to its end: on sparse random layers that is 28 edges looked at for
  each edge against the order, where both sides together are thousands.

Invariant: ``labels[tail] < labels[head]`` for every edge ``tail → head``. Unrelated nodes may share a label.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from typing import Final

Neighbours = Mapping[str, Collection[str]]

# The room between labels that are given at an end of the order, and what is left behind where room ran out.
_ROOM: Final = 1 << 32
_PUSHED_ROOM: Final = 1 << 16


class TopologicalOrder:
    """The labels of the nodes of a graph that somebody else stores.

    ``successors`` and ``predecessors`` are that graph's live adjacency; only item access is used. Every node of the
    graph needs a label before an edge that touches it is admitted.
    """

    __slots__ = ("_highest", "_lowest", "_predecessors", "_successors", "labels")

    def __init__(
        self,
        *,
        successors: Neighbours,
        predecessors: Neighbours,
        labels: dict[str, int] | None = None,
        lowest: int = 0,
        highest: int = 0,
    ) -> None:
        self._successors = successors
        self._predecessors = predecessors
        self.labels: dict[str, int] = {} if labels is None else labels
        self._lowest = lowest
        self._highest = highest

    @property
    def bounds(self) -> tuple[int, int]:
        """The lowest and the highest label ever given: what a copy of this order must continue from."""
        return self._lowest, self._highest

    def place_first(self, node: str) -> None:
        """Give ``node``, which has no predecessors, the front of the order. O(1)."""
        self._lowest = lowest = self._lowest - _ROOM
        self.labels[node] = lowest

    def place_last(self, node: str) -> None:
        """Give ``node``, which has no successors, the back of the order. O(1)."""
        self._highest = highest = self._highest + _ROOM
        self.labels[node] = highest

    def forget(self, node: str) -> None:
        """Drop the label of a node that left the graph; removals never invalidate the other labels. O(1)."""
        del self.labels[node]

    def restart(self, nodes_in_order: Collection[str]) -> None:
        """Label all nodes anew from a topological order of the whole graph. O(nodes)."""
        self.labels.clear()
        last = _ROOM * len(nodes_in_order)
        self.labels.update(zip(nodes_in_order, range(_ROOM, last + 1, _ROOM), strict=True))
        self._lowest, self._highest = 0, last

    def follow(self, other: TopologicalOrder) -> None:
        """Take over the labels of the order of an equal graph. O(nodes)."""
        self.labels.update(other.labels)
        self._lowest, self._highest = other.bounds

    def in_order(self, nodes: Collection[str]) -> list[str]:
        """``nodes`` in topological order; those that share a label by name."""
        labels = self.labels
        if len({labels[node] for node in nodes}) == len(nodes):
            return self._by_label(nodes)
        return sorted(nodes, key=lambda node: (labels[node], node))

    def _by_label(self, nodes: Iterable[str]) -> list[str]:
        return sorted(nodes, key=self.labels.__getitem__)

    def shortest_path(self, *, source: str, target: str) -> tuple[str, ...] | None:
        """The shortest path from ``source`` to ``target``, or None; among equally short ones the first by node names.

        Why the window suffices: labels grow along every edge, so they grow along every path. A node on a path from
        ``source`` to ``target`` therefore has a label between theirs, and a search that never leaves that window
        misses no path, hence no shortest one. O(1) when the labels already say no; else at most the nodes and edges
        inside the window.
        """
        if source == target:
            return (source,)
        if self._labels_exclude_a_path(source=source, target=target):
            return None
        return _WindowSearch(self, source=source, target=target).run()

    def admit(self, *, tail: str, head: str) -> tuple[str, ...] | None:
        """Make the order agree with a new edge ``tail → head``, or answer the shortest path ``head → … → tail``.

        When a path is answered, the edge would close a cycle and nothing has changed. Both nodes must have labels.
        Cost: O(1) when the order already agrees, when ``tail`` is a source or ``head`` a sink; else the part of the
        window that is reachable from ``head`` or reaches ``tail``, plus sorting it.
        """
        labels = self.labels
        if tail == head:
            return (head,)
        if labels[tail] < labels[head]:
            return None
        if not self._predecessors[tail]:
            self.place_first(tail)
            return None
        if not self._successors[head]:
            self.place_last(head)
            return None
        search = _WindowSearch(self, source=head, target=tail)
        path = search.run()
        if path is None:
            if search.front:
                self._lower(search.behind, beyond=search.beyond_back, ceiling=labels[head])
            else:
                self._raise(search.ahead, beyond=search.beyond_front, floor=labels[tail])
        return path

    def _labels_exclude_a_path(self, *, source: str, target: str) -> bool:
        return (
            self.labels[source] >= self.labels[target] or not self._successors[source] or not self._predecessors[target]
        )

    def _raise(self, nodes: Iterable[str], *, beyond: Iterable[str], floor: int) -> None:
        """Move ``nodes`` up past ``floor``, each still before its successors.

        Before the move none of the nodes is above ``floor``, and ``beyond`` are their successors above it. Nodes only
        ever move up, so what leads into them stays before them.
        """
        labels = self.labels
        limits = [(labels[node], node) for node in set(beyond)]
        if not limits:
            for node in self._by_label(nodes):
                self.place_last(node)
            return
        moving = self._by_label(nodes)
        step = (min(limits)[0] - floor) // (len(moving) + 1)
        if step:
            labels.update(zip(moving, range(floor + step, floor + step * len(moving) + 1, step), strict=True))
        else:
            self._push(moving, limits, from_label=floor, neighbours=self._successors, up=1)

    def _lower(self, nodes: Iterable[str], *, beyond: Iterable[str], ceiling: int) -> None:
        """The mirror image of ``_raise``: move ``nodes`` down below ``ceiling``, each still after its predecessors."""
        labels = self.labels
        limits = [(-labels[node], node) for node in set(beyond)]
        moving = self._by_label(nodes)[::-1]
        if not limits:
            for node in moving:
                self.place_first(node)
            return
        step = (ceiling + min(limits)[0]) // (len(moving) + 1)
        if step:
            labels.update(zip(moving, range(ceiling - step, ceiling - step * len(moving) - 1, -step), strict=True))
        else:
            self._push(moving, limits, from_label=ceiling, neighbours=self._predecessors, up=-1)

    def _push(
        self, moving: list[str], limits: list[tuple[int, str]], *, from_label: int, neighbours: Neighbours, up: int
    ) -> None:
        """Where there is no room: move ``moving`` on, and push what they run into further, until there is room.

        ``limits`` is a heap of the neighbours ahead with their labels (``up`` is 1, or -1 with labels negated for a
        push down). A neighbour is pushed only when a label given has reached its own, so it never moves back, and the
        heap hands them out in topological order. Every push leaves room of ``_PUSHED_ROOM`` behind it.
        """
        labels = self.labels
        label = from_label * up
        for node in moving:
            label += _PUSHED_ROOM
            labels[node] = label * up
        pushed: set[str] = set()
        heapq.heapify(limits)
        while limits and limits[0][0] <= label:
            _, node = heapq.heappop(limits)
            if node in pushed:
                continue
            pushed.add(node)
            for neighbour in neighbours[node]:
                heapq.heappush(limits, (labels[neighbour] * up, neighbour))
            label += _PUSHED_ROOM
            labels[node] = label * up
        self._highest = max(self._highest, label * up)
        self._lowest = min(self._lowest, label * up)


class _WindowSearch:
    """Two breadth-first searches inside the window: ahead from ``source``, behind from ``target``.

    ``ahead`` and ``behind`` map what was found to its distance from the source and to the target; ``front`` and
    ``back`` are the levels still to be expanded; ``beyond_front`` and ``beyond_back`` the neighbours outside the
    window, which the search leaves alone.
    """

    __slots__ = (
        "_labels", "_predecessors", "_source", "_successors", "_target",
        "ahead", "back", "behind", "beyond_back", "beyond_front", "front",
    )  # fmt: skip

    def __init__(self, order: TopologicalOrder, *, source: str, target: str) -> None:
        self._successors = order._successors
        self._predecessors = order._predecessors
        self._labels = order.labels
        self._source = source
        self._target = target
        self.ahead = {source: 0}
        self.behind = {target: 0}
        self.front = [source]
        self.back = [target]
        self.beyond_front: list[str] = []
        self.beyond_back: list[str] = []

    def run(self) -> tuple[str, ...] | None:
        """The shortest path, or None as soon as either side is exhausted.

        Whole levels are expanded, the smaller frontier first. While the sides of depth a and b share no node, every
        path is longer than a + b; so all nodes shared after the next level lie in the middle of shortest paths.
        """
        while self.front and self.back:
            if len(self.front) <= len(self.back):
                self._expand_ahead()
                met = [node for node in self.front if node in self.behind]
            else:
                self._expand_behind()
                met = [node for node in self.back if node in self.ahead]
            if met:
                return self._path_through(met)
        return None

    def _expand_ahead(self) -> None:
        labels, successors, found, beyond = self._labels, self._successors, self.ahead, self.beyond_front
        depth = found[self.front[0]] + 1
        end = labels[self._target]
        level: list[str] = []
        for node in self.front:
            for neighbour in successors[node]:
                if neighbour not in found:
                    if labels[neighbour] <= end:
                        found[neighbour] = depth
                        level.append(neighbour)
                    else:
                        beyond.append(neighbour)
        self.front = level

    def _expand_behind(self) -> None:
        labels, predecessors, found, beyond = self._labels, self._predecessors, self.behind, self.beyond_back
        depth = found[self.back[0]] + 1
        start = labels[self._source]
        level: list[str] = []
        for node in self.back:
            for neighbour in predecessors[node]:
                if neighbour not in found:
                    if labels[neighbour] >= start:
                        found[neighbour] = depth
                        level.append(neighbour)
                    else:
                        beyond.append(neighbour)
        self.back = level

    def _path_through(self, middle: list[str]) -> tuple[str, ...]:
        """Of all shortest paths, which all pass through ``middle``, the first by node names.

        The answer so depends on the edges only, never on the labels or on the order in which edges came.
        """
        levels = [set(middle)]
        while self._source not in levels[-1]:
            levels.append(self._one_level_back(levels[-1]))
        path = [self._source]
        for level in reversed(levels[:-1]):
            path.append(min(node for node in self._successors[path[-1]] if node in level))
        for distance in range(self.behind[path[-1]] - 1, -1, -1):
            path.append(min(node for node in self._successors[path[-1]] if self.behind.get(node) == distance))
        return tuple(path)

    def _one_level_back(self, level: set[str]) -> set[str]:
        ahead, predecessors = self.ahead, self._predecessors
        depth = ahead[next(iter(level))] - 1
        return {earlier for node in level for earlier in predecessors[node] if ahead.get(earlier) == depth}


def whole_order(*, successors: Neighbours, predecessors: Neighbours) -> list[str] | None:
    """A topological order of the whole graph, or None if it holds a cycle.

    Source: A. B. Kahn, "Topological sorting of large networks", CACM 5 (1962). Invariant: a node joins the order when
    its last predecessor has. Cost: O(nodes + edges).
    """
    waiting = {node: len(before) for node, before in predecessors.items()}
    order = [node for node, count in waiting.items() if not count]
    for node in order:
        for successor in successors[node]:
            left = waiting[successor] - 1
            waiting[successor] = left
            if not left:
                order.append(successor)
    return order if len(order) == len(waiting) else None
