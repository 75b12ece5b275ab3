"""Rule 18 and the starts by hand: always possible, once for one execution id, inside another cascade if asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowforge_graph import (
    ExecutionConflict,
    ExecutionNotFound,
    InvalidExecution,
    ManualTrigger,
    TriggerEngine,
    TriggerNotFound,
    WorkflowNotFound,
)
from tests.engine.support import chain_of, rows


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """An engine with A → B."""
    engine = make_engine()
    chain_of(engine, "AB")
    return engine


def test_a_manual_start_needs_no_trigger(engine: TriggerEngine) -> None:
    """A workflow whose triggers are all disabled starts as well, and its claim is not looked at twice."""
    for trigger in engine.list_triggers():
        engine.disable_trigger(trigger.id)
    execution = engine.start("B", {"x": 1})
    assert (execution.status, execution.trigger_type) == ("pending", "manual")
    assert execution.root_execution_id == execution.id
    assert [claim.execution_id for claim in engine.claim_due(5)] == [execution.id]


def test_a_stored_manual_trigger_gives_a_name_and_a_history(engine: TriggerEngine) -> None:
    """Also a disabled one; of another workflow it is refused."""
    trigger = engine.create_trigger(ManualTrigger(workflow_id="A", trigger_name="by hand", enabled=False))
    execution = engine.start("A", trigger_id=trigger.id)
    assert (execution.trigger_id, execution.trigger_name) == (trigger.id, "by hand")
    assert engine.get_trigger_history(trigger.id) == [execution]
    assert [claim.execution_id for claim in engine.claim_due(5)] == [execution.id]
    with pytest.raises(InvalidExecution, match="starts 'A', not 'B'"):
        engine.start("B", trigger_id=trigger.id)
    with pytest.raises(TriggerNotFound):
        engine.start("A", trigger_id="nobody")


def test_the_same_id_answers_the_stored_execution(engine: TriggerEngine) -> None:
    """Whatever else the second call says, and also after it ended; for another workflow it is a conflict."""
    first = engine.start("A", {"x": 1}, execution_id="one")
    assert engine.start("A", {"x": 2}, execution_id="one") == first
    engine.complete("one", "completed")
    assert engine.start("A", execution_id="one").status == "completed"
    with pytest.raises(ExecutionConflict, match="'one' exists and is of workflow 'A', not of 'B'"):
        engine.start("B", execution_id="one")
    assert rows(engine, "SELECT count(*) FROM executions WHERE workflow_id = 'A'") == [(1,)]


def test_a_caused_start_stands_in_the_cascade_of_its_cause(engine: TriggerEngine) -> None:
    """Root and hop are inherited, and the cascade counts it."""
    engine.complete("root", "completed", workflow_id="A")
    below = engine.list_executions("B")[0]
    caused = engine.start("A", caused_by=below.id)
    assert (caused.root_execution_id, caused.hop, caused.caused_by_execution_id) == ("root", 1, below.id)
    assert caused.upstream_execution_id is None
    assert rows(engine, "SELECT cascade_size FROM executions WHERE id = 'root'") == [(3,)]
    assert {execution.id for execution in engine.list_executions(root_execution_id="root")} == {
        "root",
        below.id,
        caused.id,
    }
    with pytest.raises(ExecutionNotFound):
        engine.start("A", caused_by="nobody")


def test_an_unknown_workflow_cannot_start(engine: TriggerEngine) -> None:
    """And nothing is stored."""
    with pytest.raises(WorkflowNotFound):
        engine.start("C", execution_id="one")
    assert engine.list_executions() == []


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"execution_id": ""}, "execution_id must have 1 to 200 characters"),
        ({"execution_id": "a/b"}, "execution_id must have printable characters only"),
        ({"execution_id": "x" * 201}, "execution_id must have 1 to 200 characters"),
        ({"execution_id": 5}, "execution_id must be text, not 5"),
        ({"parameters": [1]}, "parameters must be a JSON object"),
        ({"parameters": {"a": "\0"}}, "parameters must hold JSON values only"),
        ({"parameters": {"a": float("nan")}}, "parameters must hold JSON values only"),
        ({"parameters": {1: 2}}, "parameters must have text as keys only"),
    ],
)
def test_bad_starts_name_the_field(engine: TriggerEngine, keywords: dict[str, Any], message: str) -> None:
    """One sentence, nothing stored."""
    with pytest.raises(InvalidExecution, match=message):
        engine.start("A", **keywords)
    assert engine.list_executions() == []


def test_lists_page_by_seq_and_take_every_filter(engine: TriggerEngine) -> None:
    """Newest first; before_seq goes on where a list ended."""
    ids = [engine.start("A" if n % 2 else "B", execution_id=f"e{n}").id for n in range(7)]
    engine.complete("e0", "failed")
    first = engine.list_executions(limit=3)
    second = engine.list_executions(limit=10, before_seq=first[-1].seq)
    assert [execution.id for execution in [*first, *second]] == ids[::-1]
    assert [execution.id for execution in engine.list_executions("A")] == ["e5", "e3", "e1"]
    assert [execution.id for execution in engine.list_executions(status="failed")] == ["e0"]
    assert engine.list_executions(trigger_type="event") == []
    assert [execution.id for execution in engine.list_executions(roots=["e1", "e2"])] == ["e2", "e1"]
    for limit in (0, -1, True, "5", 1.5):
        with pytest.raises(InvalidExecution, match="limit must be a whole number of at least 1"):
            engine.list_executions(limit=limit)  # type: ignore[arg-type]
    with pytest.raises(InvalidExecution, match="status must be one of"):
        engine.list_executions(status="done")
