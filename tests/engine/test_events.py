"""Events: every enabled trigger of the type starts its workflow, once for each key."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from flowforge_graph import EventTrigger, InvalidExecution, TriggerEngine
from tests.engine.support import make_workflows


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """An engine in which an arrived file starts A and B."""
    engine = make_engine()
    make_workflows(engine, *"ABC")
    engine.create_triggers(
        [
            EventTrigger(workflow_id="A", event_type="arrived", id="ta", trigger_name="file"),
            EventTrigger(workflow_id="B", event_type="arrived", id="tb", event_config={"folder": "in"}),
            EventTrigger(workflow_id="C", event_type="arrived", id="tc", enabled=False),
            EventTrigger(workflow_id="C", event_type="left", id="td"),
        ]
    )
    return engine


def test_an_event_starts_every_enabled_trigger_of_its_type(engine: TriggerEngine) -> None:
    """With the payload as parameters, each a root of its own."""
    started = engine.emit("arrived", {"file": "x.csv"}, key="x")
    assert [execution.workflow_id for execution in started] == ["A", "B"]
    for execution in started:
        assert (execution.trigger_type, execution.event_key, execution.parameters) == ("event", "x", {"file": "x.csv"})
        assert execution.root_execution_id == execution.id
    assert started[0].trigger_name == "file"
    assert len(engine.claim_due(10)) == 2


def test_the_same_key_starts_nothing_again(engine: TriggerEngine) -> None:
    """It answers the same executions; a trigger enabled since starts now; another key starts all."""
    first = engine.emit("arrived", key="x")
    assert engine.emit("arrived", {"other": 1}, key="x") == first
    engine.enable_trigger("tc")
    assert [execution.workflow_id for execution in engine.emit("arrived", key="x")] == ["A", "B", "C"]
    assert len(engine.emit("arrived", key="y")) == 3
    assert engine.emit("unknown", key="x") == []


def test_many_emitters_start_once(engine: TriggerEngine, make_engine: Callable[..., TriggerEngine]) -> None:
    """Threads of two engines with one key: one execution for each trigger."""
    engines = [engine, make_engine()]
    begin = threading.Barrier(8)
    answers: list[list[str]] = []

    def emit(number: int) -> None:
        begin.wait()
        answers.append([execution.id for execution in engines[number % 2].emit("arrived", key="x")])

    threads = [threading.Thread(target=emit, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert len({tuple(answer) for answer in answers}) == 1
    assert len(engine.list_executions()) == 2


@pytest.mark.parametrize("key", ["", "a\nb", "x" * 201, "\0"])
def test_a_bad_key_is_refused(engine: TriggerEngine, key: str) -> None:
    """One sentence names the field."""
    with pytest.raises(InvalidExecution, match=r"^key must"):
        engine.emit("arrived", key=key)
    with pytest.raises(InvalidExecution, match=r"^event_type must"):
        engine.emit(key, key="x")
    assert engine.list_executions() == []


def test_a_trigger_disabled_while_its_execution_waits_cancels_it(engine: TriggerEngine) -> None:
    """The second look is for events too (rule 14)."""
    engine.emit("arrived", key="x")
    engine.disable_trigger("ta")
    engine.delete_trigger("tb")
    assert engine.claim_due(10) == []
    assert {execution.workflow_id: execution.reason for execution in engine.list_executions()} == {
        "A": "trigger_disabled",
        "B": "trigger_deleted",
    }
