"""What the outside sees of the graph: a live networkx DiGraph that nobody can change, nor what its edges carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NoReturn

import networkx as nx

from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.graph.edges import Carried, StandaloneTrigger, edges_in
from flowforge_graph.graph.settled import SettledDict
from flowforge_graph.model import DependencyEdge


class GraphIsReadOnly(FlowforgeGraphError, nx.NetworkXError, TypeError):
    """The graph was to be changed through its read-only side; it is changed through triggers only."""

    def __str__(self) -> str:
        return "this graph is read-only: change its triggers instead, or take a .copy()"


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise GraphIsReadOnly


class _Attributes(Mapping[str, Any]):
    """An attribute mapping that cannot be changed. ``copy`` gives an ordinary dict, which networkx's copies rely on.

    Slots instead of a dict of its own save 150 bytes an edge.
    """

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def copy(self) -> dict[str, Any]:
        """An ordinary, independent dict."""
        return dict(self)

    def __repr__(self) -> str:
        return repr(dict(self))


class EdgeAttributes(_Attributes):
    """What the edge of two workflows carries: ``triggers``, a tuple of DependencyEdge in creation order."""

    __slots__ = ("_carried",)

    def __init__(self, carried: Carried) -> None:
        self._carried = carried

    @property
    def triggers(self) -> tuple[DependencyEdge, ...]:
        """The triggers that join the two workflows."""
        return tuple(map(DependencyEdge._make, edges_in(self._carried)))

    def __getitem__(self, key: str) -> tuple[DependencyEdge, ...]:
        if key == "triggers":
            return self.triggers
        raise KeyError(key)

    def get(self, key: str, default: Any = None) -> Any:
        """As of a dict; in one step, because networkx asks each edge for a weight."""
        return self.triggers if key == "triggers" else default

    def __iter__(self) -> Iterator[str]:
        return iter(("triggers",))

    def __len__(self) -> int:
        return 1

    def __reduce__(self) -> tuple[Any, ...]:
        return EdgeAttributes, (self._carried,)


class NodeAttributes(_Attributes):
    """What a workflow's node carries: its ``name`` or None and, where there are any, its own ``triggers``.

    ``triggers`` holds those that join no two workflows (manual, scheduled, event), in creation order.
    """

    __slots__ = ("_name", "_triggers")

    def __init__(self, name: str | None = None, triggers: tuple[StandaloneTrigger, ...] = ()) -> None:
        self._name = name
        self._triggers = triggers

    @property
    def name(self) -> str | None:
        """The name shown to people."""
        return self._name

    @property
    def triggers(self) -> tuple[StandaloneTrigger, ...]:
        """The triggers that join no two workflows, none included."""
        return self._triggers

    def __getitem__(self, key: str) -> Any:
        if key == "name":
            return self._name
        if key == "triggers" and self._triggers:
            return self._triggers
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(("name", "triggers") if self._triggers else ("name",))

    def __len__(self) -> int:
        return 2 if self._triggers else 1

    def __reduce__(self) -> tuple[Any, ...]:
        return NodeAttributes, (self._name, self._triggers)


UNNAMED: Final = NodeAttributes()

Adjacency = dict[str, SettledDict[str, Carried]]


class _View(Mapping[str, Any]):
    """A live dictionary that cannot be changed. Its keys are read as quickly as the dictionary's own."""

    __slots__ = ("_kept",)

    def __init__(self, kept: Mapping[str, Any]) -> None:
        self._kept = kept

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return repr(dict(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self._kept),)


class _Neighbours(_View):
    """The workflows next to one, each with the attributes of the edge between them."""

    __slots__ = ()

    def __getitem__(self, key: str) -> EdgeAttributes:
        return EdgeAttributes(self._kept[key])


class _AllNeighbours(_View):
    """The neighbours of every workflow."""

    __slots__ = ()

    def __getitem__(self, key: str) -> _Neighbours:
        return _Neighbours(self._kept[key])

    def as_kept(self) -> Adjacency:
        """An independent copy of what the view shows, as the graph keeps it."""
        return {node: SettledDict(neighbours) for node, neighbours in self._kept.items()}


class ReadOnlyDiGraph(nx.DiGraph):  # type: ignore[type-arg]
    """A live view of the graph's own adjacency. Every mutator raises, as on a graph that ``nx.freeze`` froze.

    It shares the dictionaries that the graph keeps, so it is always current and costs nothing. Algorithms that follow
    edges run at their usual speed; the values of an edge are made when they are asked for. Calling the class, as
    networkx does for an empty graph of the same kind, makes an ordinary DiGraph; so do ``copy`` and ``reverse``.
    Pickled or deep-copied it is an independent read-only graph.
    """

    frozen: Final = True
    # None tells networkx's backends to keep no converted copies: a live view would outdate them silently.
    __networkx_cache__ = None  # type: ignore[assignment]

    _node: Mapping[str, NodeAttributes]
    _adj: _AllNeighbours
    _pred: _AllNeighbours

    def __new__(cls, *args: Any, **attributes: Any) -> nx.DiGraph[str]:  # type: ignore[misc]
        return nx.DiGraph(*args, **attributes)

    @classmethod
    def over(
        cls, *, successors: Adjacency, predecessors: Adjacency, nodes: dict[str, NodeAttributes]
    ) -> ReadOnlyDiGraph:
        """The view over these dictionaries."""
        view = object.__new__(cls)
        view.graph = _NO_ATTRIBUTES  # type: ignore[assignment]
        view._node = MappingProxyType(nodes)
        view._adj = _AllNeighbours(successors)
        view._pred = _AllNeighbours(predecessors)
        return view

    add_node = add_nodes_from = remove_node = remove_nodes_from = _refuse
    add_edge = add_edges_from = add_weighted_edges_from = remove_edge = remove_edges_from = _refuse
    clear = clear_edges = update = _refuse

    def adjacency(self) -> Iterator[tuple[str, Mapping[str, Any]]]:  # type: ignore[override]
        """Pairs of a workflow and a read-only mapping of its direct downstream workflows."""
        return iter(self.adj.items())

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._adj.as_kept(), self._pred.as_kept(), dict(self._node))


class _NoAttributes(_Attributes):
    __slots__ = ()

    def __getitem__(self, key: str) -> NoReturn:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NO_ATTRIBUTES: Final = _NoAttributes()


def _restored(successors: Adjacency, predecessors: Adjacency, nodes: dict[str, NodeAttributes]) -> ReadOnlyDiGraph:
    return ReadOnlyDiGraph.over(successors=successors, predecessors=predecessors, nodes=nodes)
