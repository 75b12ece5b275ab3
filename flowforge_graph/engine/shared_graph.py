"""The live graph as everybody outside this room sees it: whole answers under the engine's lock, and no changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final

from flowforge_graph.graph import GraphIsReadOnly, TriggerGraph

CHANGES: Final = (
    "add",
    "add_all",
    "replace",
    "remove",
    "put_edge",
    "add_workflow",
    "remove_workflow",
)
QUESTIONS: Final = (
    "__contains__",
    "__len__",
    "__repr__",
    "get",
    "has_workflow",
    "chain_if_added",
    "chain_if_replaced",
    "check_changes",
    "upstream",
    "downstream",
    "direct_triggers",
    "edges_out_of",
    "edges_into",
    "topological_order",
    "generations",
    "diagram",
)


class SharedGraph(TriggerGraph):
    """A :class:`TriggerGraph` that follows another one, which the holder of ``lock`` changes.

    Each question is answered from one state of the graph. ``digraph`` is live and not locked: where other threads
    change triggers meanwhile, look at ``snapshot().digraph``. Changes raise GraphIsReadOnly: the engine makes them.
    """

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        super().__init__()
        self._lock = lock

    def follow(self, graph: TriggerGraph) -> None:
        """Show ``graph`` from now on. The caller holds the lock."""
        self._adopt(graph._store)

    def snapshot(self) -> TriggerGraph:
        """An independent graph of the same content, free to change."""
        with self._lock:
            return TriggerGraph._over(self._store.copy())

    def __reduce__(self) -> tuple[Any, ...]:
        return self.snapshot().__reduce__()


def _refused(name: str) -> Callable[..., Any]:
    def refuse(_: SharedGraph, *__: Any, **___: Any) -> None:
        raise GraphIsReadOnly

    refuse.__name__ = name
    return refuse


def _locked(name: str) -> Callable[..., Any]:
    question = getattr(TriggerGraph, name)

    def ask(self: SharedGraph, *arguments: Any, **keywords: Any) -> Any:
        with self._lock:
            return question(self, *arguments, **keywords)

    ask.__name__, ask.__doc__ = name, question.__doc__
    return ask


for _name in CHANGES:
    setattr(SharedGraph, _name, _refused(_name))
for _name in QUESTIONS:
    setattr(SharedGraph, _name, _locked(_name))
