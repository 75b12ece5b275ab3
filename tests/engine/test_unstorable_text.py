"""Text that no database can hold names nothing: it is refused or not found, and never ends in a driver's error."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowforge_graph import FlowforgeGraphError, TriggerEngine
from flowforge_graph.errors import DatabaseError

UNSTORABLE = ["\ud800", "a\udfffb", "a\0b"]

FINDS_NOTHING: dict[str, Callable[[TriggerEngine, str], object]] = {
    "executions of a workflow": lambda engine, text: engine.list_executions(workflow_id=text),
    "executions of a trigger": lambda engine, text: engine.list_executions(trigger_id=text),
    "executions below a root": lambda engine, text: engine.list_executions(roots=[text]),
    "triggers of a source": lambda engine, text: engine.list_triggers(source=text),
    "drops": lambda engine, text: engine.list_schedule_drops(text),
}
REFUSES: dict[str, Callable[[TriggerEngine, str], object]] = {
    "a workflow": lambda engine, text: engine.get_workflow(text),
    "a trigger": lambda engine, text: engine.get_trigger(text),
    "an execution": lambda engine, text: engine.get_execution(text),
    "verdicts": lambda engine, text: engine.get_verdicts(text),
    "a cancel": lambda engine, text: engine.cancel(text),
    "a cause": lambda engine, text: engine.start("a", caused_by=text),
    "an execution's id": lambda engine, text: engine.start("a", execution_id=text),
    "a trigger that starts": lambda engine, text: engine.start("a", trigger_id=text),
    "a completion": lambda engine, text: engine.complete(text, "failed", workflow_id="a"),
    "an event": lambda engine, text: engine.emit("paid", key=text),
    "parameters": lambda engine, text: engine.start("a", {"p": [text]}),
    "a name": lambda engine, text: engine.update_workflow("a", name=text),
    "a delete": lambda engine, text: engine.delete_workflow(text),
}


@pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
def test_lists_by_it_are_empty(make_engine: Callable[..., TriggerEngine], text: str) -> None:
    """No row can have it, on either database."""
    engine = make_engine()
    engine.create_workflow("a")
    engine.start("a")
    assert {name: ask(engine, text) for name, ask in FINDS_NOTHING.items()} == {name: [] for name in FINDS_NOTHING}


def test_a_root_beside_it_is_still_found(make_engine: Callable[..., TriggerEngine]) -> None:
    """Of several roots, one that cannot exist hides no other."""
    engine = make_engine()
    engine.create_workflow("a")
    started = engine.start("a")
    assert engine.list_executions(roots=["\ud800", started.id]) == [started]


@pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
def test_whatever_else_takes_it_refuses_it(make_engine: Callable[..., TriggerEngine], text: str) -> None:
    """With an error of ours that speaks of the caller's value, not of the database."""
    engine = make_engine()
    engine.create_workflow("a")
    for name, ask in REFUSES.items():
        with pytest.raises(FlowforgeGraphError) as refusal:
            ask(engine, text)
        assert not isinstance(refusal.value, DatabaseError), name
        assert str(refusal.value).isprintable()
    assert engine.list_executions() == []
