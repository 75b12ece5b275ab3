"""What does a diagram learn of workflows beside the graph?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowforge_graph import (
    DependencyTrigger,
    EventTrigger,
    ManualTrigger,
    ScheduledTrigger,
    TriggerEngine,
    WorkflowNote,
)
from tests.engine.test_query_plans import plans_of

Make = Callable[..., TriggerEngine]


def test_a_note_holds_what_the_graph_does_not(make_engine: Make) -> None:
    """Name, tags, and the triggers that join no two workflows; the dependency triggers are the graph's."""
    engine = make_engine()
    engine.create_workflow("a", name="Alpha", tags=["raw", "nightly"])
    engine.create_workflow("b")
    own = [
        ScheduledTrigger(workflow_id="a", cron_expression="0 2 * * *"),
        EventTrigger(workflow_id="a", event_type="arrived"),
        ManualTrigger(workflow_id="a"),
    ]
    stored = engine.create_triggers([*own, DependencyTrigger(workflow_id="b", depends_on_workflow_id="a")])
    notes = engine.workflow_notes()
    assert notes["b"] == WorkflowNote(name="b")
    assert (notes["a"].name, notes["a"].tags) == ("Alpha", ("nightly", "raw"))
    assert {trigger.id for trigger in notes["a"].triggers} == {trigger.id for trigger in stored[:3]}
    assert "Daily at 2:00 AM, UTC" in engine.graph.to_dot(notes=notes)


def test_the_status_is_that_of_the_newest_execution(make_engine: Make) -> None:
    """Whichever ended last; a workflow that never ran has none."""
    engine = make_engine()
    for workflow_id in "abc":
        engine.create_workflow(workflow_id)
    older, newer = engine.start("a"), engine.start("a")
    engine.complete(newer.id, "completed")
    engine.complete(older.id, "failed")
    engine.start("b")
    engine.cancel(engine.start("b").id)
    statuses = {workflow_id: note.status for workflow_id, note in engine.workflow_notes().items()}
    assert statuses == {"a": "completed", "b": "cancelled", "c": None}


def test_history_is_not_read_through(make_engine: Make) -> None:
    """The newest execution of each workflow is found by the index of workflow and order."""
    engine = make_engine()
    engine.create_workflow("a")
    engine.start("a")
    plan = plans_of(engine, engine.workflow_notes, about="executions")
    assert "ix_executions_workflow" in plan or engine._context.store.database.engine.dialect.name == "postgresql"


@pytest.mark.parametrize("write", ["to_dot", "to_mermaid", "to_json", "to_svg"])
def test_the_live_graph_draws_itself(make_engine: Make, write: str) -> None:
    """Through the engine's lock, which is free again before any layout begins."""
    engine = make_engine()
    engine.create_workflow("silver")
    assert "silver" in getattr(engine.graph, write)()
