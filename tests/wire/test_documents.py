"""Is a document that nobody looked at one that its own model would accept?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel

from flowforge_graph import DependencyTrigger, EventTrigger, ManualTrigger, ScheduledTrigger, TriggerEngine
from flowforge_graph.model import Deployment
from flowforge_graph.testing import FixedClock
from flowforge_graph.wire import (
    CompletionDocument,
    DeletionDocument,
    DependencyGraphDocument,
    DeploymentDocument,
    EventDocument,
    ExecutionDocument,
    HistoryDocument,
    PreviewDocument,
    TokenDocument,
    TriggerDocument,
    UpstreamDocument,
    VerdictDocument,
    WholeExecutionDocument,
    WorkflowDocument,
)
from flowforge_graph.wire.events import PositionDocument


@pytest.fixture
def documents(clock: FixedClock) -> list[BaseModel]:
    """One of each kind and more, of a world in which each field is set somewhere."""
    with TriggerEngine("sqlite://", clock=clock) as engine:
        for workflow_id in "ABC":
            engine.create_workflow(workflow_id, run={"prefect": "f/d"} if workflow_id == "A" else None, tags=["t"])
        triggers = [
            engine.create_trigger(trigger)
            for trigger in (
                ManualTrigger(workflow_id="A", trigger_name="n"),
                ScheduledTrigger(workflow_id="A", cron_expression="* * * * *"),
                DependencyTrigger(workflow_id="B", depends_on_workflow_id="A", delay_minutes=3),
                DependencyTrigger(workflow_id="C", depends_on_workflow_id="A", dependency_condition="on_failure"),
                EventTrigger(workflow_id="C", event_type="e", event_config={"a": 1}),
            )
        ]
        clock.advance(120)
        (fired,) = engine.tick().started_execution_ids
        engine.emit("e", {"p": 1}, key="k")
        result = engine.complete(fired, "completed")
        executions = engine.list_executions()
        token = engine.create_token(["read"], expires_at=clock.now() + timedelta(days=1)).token
        return [
            *(TriggerDocument.of(trigger, {"A": "A"}) for trigger in triggers),
            *(ExecutionDocument.of(execution) for execution in executions),
            *(WholeExecutionDocument.of(execution) for execution in executions),
            *(VerdictDocument.of(verdict) for verdict in result.verdicts),
            *(EventDocument.of(event) for event in engine.read_events(0).events),
            CompletionDocument.of(result),
            HistoryDocument.of(executions),
            PreviewDocument.of(engine.preview_schedule("@daily")),
            WorkflowDocument.of(engine.get_workflow("A"), engine.summarize_triggers(["A"])["A"]),
            UpstreamDocument.of(engine.get_workflow("A")),
            DependencyGraphDocument.of(engine.get_dependency_graph("A")),
            TokenDocument.of(token, now=datetime(2026, 1, 2, tzinfo=UTC)),
            DeploymentDocument.of(Deployment(id="d", name="n", trigger_id="t", details={"a": 1})),
            PositionDocument.at(3, reason="pruned", message="m"),
            DeletionDocument.of(engine.delete_workflow("A")),
        ]


def test_each_is_what_its_model_would_make_of_it(documents: list[BaseModel]) -> None:
    """Every field is there and of its type, in Python and in JSON, and it equals the one that was looked at."""
    assert len({type(document) for document in documents}) == 15
    for document in documents:
        looked_at = type(document).model_validate(document.model_dump(), strict=True)
        assert looked_at == document
        assert type(document).model_validate_json(document.model_dump_json(by_alias=True)) == document
        assert list(document.model_dump()) == list(type(document).model_fields)
