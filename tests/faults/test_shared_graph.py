"""Is the graph that an engine hands out safe to look at, and impossible to change behind the engine's back?"""

from __future__ import annotations

import inspect
import pickle
import threading

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.engine.shared_graph import CHANGES, QUESTIONS, SharedGraph
from flowforge_graph.graph import GraphIsReadOnly, TriggerGraph
from flowforge_graph.model import DependencyTrigger


@pytest.fixture
def shared() -> SharedGraph:
    """a → b, seen from outside."""
    graph = TriggerGraph()
    graph.add(DependencyTrigger(id="t", workflow_id="b", depends_on_workflow_id="a"))
    shared = SharedGraph(threading.RLock())
    shared.follow(graph)
    return shared


@pytest.mark.parametrize("name", CHANGES)
def test_no_change_is_possible_through_the_shared_graph(shared: SharedGraph, name: str) -> None:
    """Whatever changes a graph is refused, and changes nothing."""
    with pytest.raises(GraphIsReadOnly):
        getattr(shared, name)("a")
    assert (shared.downstream("a"), len(shared)) == (["b"], 1)


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_waits_for_the_lock(name: str) -> None:
    """A question is asked inside the lock, so that it never meets a change half done."""

    class Lock:
        held = False

        def __enter__(self) -> None:
            self.held = True

        def __exit__(self, *_: object) -> None:
            self.held = False

    lock = Lock()
    shared = SharedGraph(lock)

    class Store:
        def __getattr__(self, _: str) -> object:
            assert lock.held
            raise LookupError

    shared._store = Store()  # type: ignore[assignment]
    parameters = inspect.signature(getattr(TriggerGraph, name)).parameters.values()
    needed = [one for one in parameters if one.default is one.empty and one.name != "self"]
    positional = ["a" for one in needed if one.kind is not one.KEYWORD_ONLY]
    keywords = {one.name: "a" for one in needed if one.kind is one.KEYWORD_ONLY}
    with pytest.raises(LookupError):
        getattr(shared, name)(*positional, **keywords)


def test_every_public_method_is_a_question_a_change_or_works_on_a_snapshot() -> None:
    """A method that TriggerGraph gains later has to say here which of these it is."""
    methods = {name for name, value in vars(TriggerGraph).items() if inspect.isfunction(value)}
    public = {name for name in methods if not name.startswith("_") or name in QUESTIONS}
    drawn = {name for name in public if name.startswith("to_")}
    assert public - drawn - {"snapshot"} == set(CHANGES) | set(QUESTIONS)


def test_snapshots_and_pickles_are_free(shared: SharedGraph) -> None:
    """A snapshot, or a pickled graph, is an ordinary graph of its own."""
    for free in (shared.snapshot(), pickle.loads(pickle.dumps(shared))):
        assert type(free) is TriggerGraph
        free.remove("t")
        assert len(shared) == 1


def test_an_engines_graph_stays_live(sqlite_url: str) -> None:
    """Whoever keeps ``engine.graph`` sees later changes too, also after the graph was loaded anew."""
    with TriggerEngine(sqlite_url) as engine:
        kept = engine.graph
        for workflow_id in ("a", "b", "c"):
            engine.create_workflow(workflow_id)
        engine.create_trigger(DependencyTrigger(workflow_id="b", depends_on_workflow_id="a"))
        engine._context.live.forget()
        engine.create_trigger(DependencyTrigger(workflow_id="c", depends_on_workflow_id="b"))
        assert kept.downstream("a") == ["b", "c"]
        assert engine.graph is kept
        with pytest.raises(GraphIsReadOnly):
            kept.remove_workflow("a")
