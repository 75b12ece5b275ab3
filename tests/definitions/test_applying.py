"""Files applied to a real database: what stays, what goes, and that nothing is half written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from flowforge_graph.definitions import (
    Definitions,
    apply_definitions,
    export_definitions,
    parse_definitions,
    plan_definitions,
)
from flowforge_graph.errors import CycleError, DuplicateTrigger, InvalidDefinition, WorkflowConflict
from flowforge_graph.model import DependencyTrigger, ScheduledTrigger

if TYPE_CHECKING:
    from flowforge_graph import TriggerEngine
    from flowforge_graph.testing import FixedClock

FILE = """\
version: 1
name: sales
workflows:
  bronze:
    description: Raw rows
    run: {command: [python, bronze.py]}
    triggers:
      - {type: scheduled, name: Nightly, cron: "0 2 * * *"}
      - {type: event, event_type: uploaded, event_config: {min: 1}}
  silver:
    triggers:
      - {type: dependency, depends_on: bronze, delay_minutes: 5}
      - {type: manual}
"""
DEPENDENCY = "      - {type: dependency, depends_on: bronze, delay_minutes: 5}\n"


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """An engine on an empty database."""
    return make_engine()


def sales(text: str = FILE) -> Definitions:
    """A file as it stands in /srv."""
    return parse_definitions(text, path="/srv/sales.yaml")


def stored(engine: TriggerEngine) -> tuple[object, object]:
    """Everything that is stored, times included."""
    found = engine.stored_definitions()
    return list(found.workflows.values()), list(found.triggers.values())


def test_an_applied_file_is_stored_as_it_says(engine: TriggerEngine) -> None:
    """Workflows and triggers carry its name as their source, triggers in the file's order of creation."""
    definitions = sales()
    apply_definitions(engine, definitions)
    found = engine.stored_definitions()
    assert [trigger.id for trigger in found.triggers.values()] == [trigger.id for trigger in definitions.triggers]
    assert {row.source for row in (*found.workflows.values(), *found.triggers.values())} == {"sales"}
    assert found.workflows["bronze"].run == definitions.workflows[0].run
    assert engine.graph.upstream("silver") == ["bronze"]


def test_applying_twice_changes_nothing(engine: TriggerEngine, clock: FixedClock) -> None:
    """No row and no time of a row moves."""
    apply_definitions(engine, sales())
    before = stored(engine)
    clock.advance(minutes=10)
    assert apply_definitions(engine, sales()).is_empty
    assert stored(engine) == before


def test_applying_after_an_edit_keeps_the_ids(engine: TriggerEngine, clock: FixedClock) -> None:
    """Ids, creation order and creation times stay; only what was edited moves."""
    apply_definitions(engine, sales())
    before = engine.stored_definitions().triggers
    clock.advance(minutes=10)
    edited = FILE.replace("delay_minutes: 5", "delay_minutes: 6").replace("0 2 * * *", "0 3 * * *")
    plan = apply_definitions(engine, sales(edited))
    after = engine.stored_definitions().triggers
    assert [change.kind for change in plan.changes] == ["change", "change"]
    assert list(after) == list(before)
    assert [row.created_at for row in after.values()] == [row.created_at for row in before.values()]
    assert apply_definitions(engine, sales(edited)).is_empty


def test_a_plan_is_what_applying_then_does(engine: TriggerEngine) -> None:
    """And it writes nothing."""
    planned = plan_definitions(engine, sales())
    assert stored(engine) == ([], [])
    assert apply_definitions(engine, sales()) == planned


def test_an_equal_dependency_of_the_api_is_adopted(engine: TriggerEngine) -> None:
    """It keeps its id and is the file's from now on."""
    engine.create_workflow("bronze")
    engine.create_workflow("silver")
    made = engine.create_trigger(DependencyTrigger(workflow_id="silver", depends_on_workflow_id="bronze"))
    apply_definitions(engine, sales())
    adopted = engine.get_trigger(made.id)
    assert isinstance(adopted, DependencyTrigger)
    assert (adopted.source, adopted.delay_minutes) == ("sales", 5)
    assert apply_definitions(engine, sales()).is_empty
    apply_definitions(engine, sales(FILE.replace(DEPENDENCY, "")))
    assert not engine.graph.upstream("silver")


def test_an_equal_schedule_of_the_api_is_adopted(engine: TriggerEngine) -> None:
    """Its state goes on."""
    engine.create_workflow("bronze")
    made = ScheduledTrigger(workflow_id="bronze", trigger_name="Nightly", cron_expression="0 2 * * *")
    engine.create_trigger(made)
    apply_definitions(engine, sales())
    assert engine.get_trigger(made.id).source == "sales"
    assert apply_definitions(engine, sales()).is_empty


def test_a_switched_off_trigger_stays_off(engine: TriggerEngine) -> None:
    """A file that does not say ``enabled`` leaves that to the API."""
    definitions = sales()
    apply_definitions(engine, definitions)
    engine.disable_trigger(definitions.triggers[0].id)
    assert apply_definitions(engine, definitions).is_empty
    apply_definitions(engine, sales(FILE.replace("delay_minutes: 5", "delay_minutes: 6")))
    assert not engine.get_trigger(definitions.triggers[0].id).enabled


def test_a_row_edited_over_the_api_is_edited_back(engine: TriggerEngine) -> None:
    """It keeps its id, whatever the API made of it."""
    definitions = sales()
    apply_definitions(engine, definitions)
    before = stored(engine)
    engine.update_trigger(definitions.triggers[2].id, dependency_condition="on_failure", delay_minutes=60)
    engine.update_trigger(definitions.triggers[0].id, cron_expression="@daily", timezone="Asia/Tokyo")
    assert len(apply_definitions(engine, definitions).changes) == 2
    assert stored(engine) == before


def test_pruning_removes_what_vanished(engine: TriggerEngine) -> None:
    """Its triggers go at once, the workflow itself only when pruned; pending executions are cancelled."""
    apply_definitions(engine, sales())
    waiting = engine.start("silver")
    smaller = sales(FILE[: FILE.index("  silver")])
    apply_definitions(engine, smaller)
    assert [workflow.id for workflow in engine.list_workflows()] == ["bronze", "silver"]
    assert engine.get_triggers("silver") == []
    plan = apply_definitions(engine, smaller, prune=True)
    assert [(change.kind, change.id) for change in plan.changes] == [("remove", "silver")]
    assert [workflow.id for workflow in engine.list_workflows()] == ["bronze"]
    assert engine.get_execution(waiting.id).reason == "workflow_deleted"


def test_pruning_takes_workflow_and_triggers_in_one_go(engine: TriggerEngine) -> None:
    """From a full file to an empty one."""
    apply_definitions(engine, sales())
    apply_definitions(engine, sales("version: 1\nname: sales\nworkflows: {}"), prune=True)
    assert stored(engine) == ([], [])


def test_a_turned_edge_is_no_cycle(engine: TriggerEngine) -> None:
    """What goes is gone before what comes is checked, in the database too."""
    text = "version: 1\nworkflows: {{{}: {{triggers: [{{type: dependency, depends_on: {}}}]}}, {}: }}"
    apply_definitions(engine, sales(text.format("a", "b", "b")))
    apply_definitions(engine, sales(text.format("b", "a", "a")))
    assert engine.graph.upstream("b") == ["a"]


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (FILE + "  gold: {triggers: [{type: dependency, depends_on: silver}]}\n", CycleError),
        (FILE.replace("  silver:", "  theirs:\n  silver:"), WorkflowConflict),
        (FILE.replace("depends_on: bronze", "depends_on: nobody"), InvalidDefinition),
    ],
)
def test_a_refused_file_writes_nothing(engine: TriggerEngine, broken: str, error: type[Exception]) -> None:
    """All or nothing."""
    apply_definitions(engine, parse_definitions("version: 1\nworkflows: {theirs: }", path="/srv/theirs.yaml"))
    engine.create_workflow("gold")
    engine.create_workflow("silver")
    engine.create_trigger(DependencyTrigger(workflow_id="silver", depends_on_workflow_id="gold"))
    before = stored(engine)
    with pytest.raises(error, match=r"^/srv/sales\.yaml:"):
        apply_definitions(engine, sales(broken))
    with pytest.raises(error, match=r"^/srv/sales\.yaml:"):
        plan_definitions(engine, sales(broken))
    assert stored(engine) == before


def test_an_equal_trigger_of_another_file_is_refused(engine: TriggerEngine) -> None:
    """It is named, and nothing is taken over."""
    engine.create_workflow("bronze")
    engine.create_workflow("silver")
    theirs = DependencyTrigger(workflow_id="silver", depends_on_workflow_id="bronze", source="theirs")
    engine.create_trigger(theirs)
    with pytest.raises(DuplicateTrigger, match="belongs to source 'theirs' already") as refusal:
        apply_definitions(engine, sales())
    assert refusal.value.existing_id == theirs.id


def test_what_is_stored_exports_and_loads_back(engine: TriggerEngine) -> None:
    """Out of one database and back: nothing to do."""
    engine.create_workflow("bronze", name="By hand")
    apply_definitions(engine, sales())
    again = parse_definitions(export_definitions(engine), path="/srv/export.yaml")
    assert plan_definitions(engine, again, prune=True).is_empty
