"""What applying a file changes, decided from the file and from what is stored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flowforge_graph.definitions import Plan, decide, parse_definitions, plan_definitions
from flowforge_graph.engine.changes import StoredDefinitions
from flowforge_graph.errors import CycleError, DuplicateTrigger, InvalidDefinition, WorkflowConflict
from flowforge_graph.model import (
    DependencyTrigger,
    EventTrigger,
    ManualTrigger,
    ScheduledTrigger,
    Workflow,
)
from tests.definitions.memory_store import MemoryStore, applied

INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
FILE = """\
  bronze:
    description: Raw rows
    run: {command: [python, bronze.py]}
    triggers:
      - {type: scheduled, name: Nightly, cron: "0 2 * * *"}
      - {type: event, event_type: uploaded}
  silver:
    triggers:
      - {type: dependency, depends_on: bronze, delay_minutes: 5}
      - {type: manual}
"""


def summary(plan: Plan) -> list[tuple[str, str, str]]:
    """Kind, what and workflow of each change, in order."""
    return [(change.kind, change.what, change.workflow_id) for change in plan.changes]


def only(plan: Plan) -> str:
    """The only change, as people read it."""
    (change,) = plan.changes
    return str(change)


def api_dependency(**fields: object) -> DependencyTrigger:
    """A trigger "silver depends on bronze" as the API makes it."""
    values = {"id": "api-1", "workflow_id": "silver", "depends_on_workflow_id": "bronze", **fields}
    return DependencyTrigger(**values)


class TestRepeating:
    """Applying again."""

    def test_a_new_file_adds_everything_in_its_order(self) -> None:
        """Workflows first, then triggers."""
        plan = applied(MemoryStore(), FILE)
        assert summary(plan) == [
            ("add", "workflow", "bronze"),
            ("add", "workflow", "silver"),
            ("add", "trigger", "bronze"),
            ("add", "trigger", "bronze"),
            ("add", "trigger", "silver"),
            ("add", "trigger", "silver"),
        ]
        assert str(plan).splitlines()[2] == "+ scheduled trigger 'Nightly' of 'bronze' at '0 2 * * *' in UTC"

    def test_a_second_time_changes_nothing(self) -> None:
        """Neither the plan nor the database moves."""
        store = MemoryStore()
        applied(store, FILE)
        plan = applied(store, FILE)
        assert plan.is_empty
        assert not plan.to_write
        assert store.writes == 1

    def test_planning_changes_nothing(self) -> None:
        """A plan is what applying would do."""
        store = MemoryStore()
        definitions = parse_definitions(f"version: 1\nworkflows:\n{FILE}", path="f.yaml")
        assert len(plan_definitions(store, definitions).changes) == 6
        assert store.writes == 0


class TestEditing:
    """A file that changed."""

    def test_an_edited_trigger_keeps_its_id(self) -> None:
        """Delay, name and enabled are not what identifies a dependency."""
        store = MemoryStore()
        applied(store, FILE)
        before = set(store.triggers)
        plan = applied(store, FILE.replace("delay_minutes: 5", "delay_minutes: 9, name: Soon, enabled: false"))
        assert only(plan) == (
            "~ dependency trigger of 'silver' on 'bronze' (on_success): "
            "trigger_name none → Soon, enabled True → False, delay_minutes 5 → 9"
        )
        assert plan.changes[0].before == {"trigger_name": None, "enabled": True, "delay_minutes": 5}
        assert plan.changes[0].after == {"trigger_name": "Soon", "enabled": False, "delay_minutes": 9}
        assert set(store.triggers) == before

    def test_what_the_engine_keeps_in_a_row_stays(self) -> None:
        """The put value is the stored one with the file's fields: creation, plan and last run are not the file's."""
        store = MemoryStore()
        applied(store, FILE)
        (schedule,) = [trigger for trigger in store.triggers.values() if isinstance(trigger, ScheduledTrigger)]
        kept = schedule.evolve(last_run_at=INSTANT, planned_until=INSTANT, created_at=INSTANT)
        store.triggers[schedule.id] = kept
        applied(store, FILE.replace("0 2 * * *", "0 3 * * *"))
        assert store.triggers[schedule.id] == kept.evolve(cron_expression="0 3 * * *")

    def test_an_edited_workflow_is_changed_in_place(self) -> None:
        """Fields that the file leaves out go back to their defaults."""
        store = MemoryStore()
        applied(store, FILE)
        plan = applied(store, FILE.replace("    description: Raw rows\n", "    tags: [b, a]\n"))
        assert only(plan) == "~ workflow 'bronze': description Raw rows → none, tags [] → ['a', 'b']"

    def test_a_moved_file_runs_its_commands_elsewhere(self) -> None:
        """Only workflows that run on this machine have a folder."""
        store = MemoryStore()
        applied(store, FILE)
        moved = parse_definitions(f"version: 1\nname: sales\nworkflows:\n{FILE}", path="/opt/sales.yaml")
        assert only(plan_definitions(store, moved)) == "~ workflow 'bronze': run_folder /srv → /opt"

    def test_another_natural_key_is_another_trigger(self) -> None:
        """The old one goes at once and the new one is new."""
        store = MemoryStore()
        applied(store, FILE)
        plan = applied(store, FILE.replace("depends_on: bronze,", "depends_on: bronze, condition: on_failure,"))
        assert summary(plan) == [("add", "trigger", "silver"), ("remove", "trigger", "silver")]
        assert plan.changes[1].before["dependency_condition"] == "on_success"

    def test_a_trigger_that_vanished_goes_at_once(self) -> None:
        """Without pruning."""
        store = MemoryStore()
        applied(store, FILE)
        plan = applied(store, FILE.replace("      - {type: manual}\n", ""))
        assert only(plan) == "- manual trigger of 'silver'"
        assert len(store.triggers) == 3

    def test_a_left_out_enabled_keeps_what_is_stored(self) -> None:
        """Switched off over the API it stays off, until the file itself says that it is on."""
        store = MemoryStore()
        applied(store, FILE)
        (manual,) = [trigger for trigger in store.triggers.values() if isinstance(trigger, ManualTrigger)]
        store.triggers[manual.id] = manual.evolve(enabled=False)
        assert applied(store, FILE).is_empty
        plan = applied(store, FILE.replace("type: manual", "type: manual, enabled: true"))
        assert only(plan) == "~ manual trigger of 'silver': enabled False → True"

    def test_a_row_edited_over_the_api_is_edited_back(self) -> None:
        """It is found by its derived id, although its natural key is another now."""
        store = MemoryStore()
        applied(store, FILE)
        (dependency,) = [trigger for trigger in store.triggers.values() if isinstance(trigger, DependencyTrigger)]
        store.triggers[dependency.id] = dependency.evolve(dependency_condition="on_completion")
        plan = applied(store, FILE)
        assert only(plan).endswith("(on_completion): dependency_condition on_completion → on_success")
        assert store.triggers[dependency.id] == dependency

    def test_a_row_edited_into_what_another_trigger_says_becomes_that(self) -> None:
        """The one that had the row is new, under an id that follows from the taken one, and is found again."""
        store = MemoryStore()
        applied(store, FILE)
        (dependency,) = [trigger for trigger in store.triggers.values() if isinstance(trigger, DependencyTrigger)]
        store.put(dependency.evolve(dependency_condition="on_failure"))
        text = FILE.replace("5}\n", "5}\n      - {type: dependency, depends_on: bronze, condition: on_failure}\n")
        plan = applied(store, text)
        assert [change.kind for change in plan.changes] == ["add", "change"]
        assert plan.changes[1].description.endswith("(on_failure): delay_minutes 5 → 0")
        assert plan.changes[1].id == dependency.id
        assert applied(store, text).is_empty

    def test_rows_that_changed_places_need_no_change(self) -> None:
        """Each is found by what it says."""
        store = MemoryStore()
        text = "  a:\n  b: {triggers: [{type: dependency, depends_on: a}, " + (
            "{type: dependency, depends_on: a, condition: on_failure}]}\n"
        )
        applied(store, text)
        one, two = store.triggers.values()
        store.triggers = {
            one.id: one.evolve(dependency_condition="on_failure"),
            two.id: two.evolve(dependency_condition="on_success"),
        }
        assert applied(store, text).is_empty


class TestAdoption:
    """Rows that were made over Python or the API."""

    def test_a_workflow_is_adopted(self) -> None:
        """It takes the file's fields and source."""
        store = MemoryStore([Workflow(id="bronze", name="Old", tags=("x",))])
        plan = applied(store, "  bronze: {name: New}\n")
        assert only(plan) == "~ workflow 'bronze': name Old → New, tags ['x'] → [], source none → sales"
        assert plan.changes[0].adopted
        assert applied(store, "  bronze: {name: New}\n").is_empty

    def test_an_equal_dependency_is_adopted_and_keeps_its_id(self) -> None:
        """The database could not hold both; now and later the row is found although its id is not derived."""
        store = MemoryStore([Workflow(id="bronze"), Workflow(id="silver")], [api_dependency(enabled=False)])
        plan = applied(store, FILE)
        adopted = [change for change in plan.changes if change.adopted and change.what == "trigger"]
        assert [change.id for change in adopted] == ["api-1"]
        assert store.triggers["api-1"] == api_dependency(enabled=False, delay_minutes=5, source="sales")
        assert applied(store, FILE).is_empty
        assert "delay_minutes 5 → 6" in only(applied(store, FILE.replace("delay_minutes: 5", "delay_minutes: 6")))

    def test_an_adopted_trigger_goes_with_the_file(self) -> None:
        """It is the file's now."""
        store = MemoryStore([Workflow(id="bronze"), Workflow(id="silver")], [api_dependency()])
        applied(store, FILE)
        plan = applied(store, FILE.replace("      - {type: dependency, depends_on: bronze, delay_minutes: 5}\n", ""))
        assert [(change.kind, change.id) for change in plan.changes] == [("remove", "api-1")]

    def test_an_equal_schedule_is_adopted(self) -> None:
        """Equal is what the database may hold only once: name, cron and zone."""
        equal = ScheduledTrigger(id="api-2", workflow_id="bronze", trigger_name="Nightly", cron_expression="0 2 * * *")
        store = MemoryStore([Workflow(id="bronze")], [equal])
        applied(store, FILE)
        assert store.triggers["api-2"].source == "sales"
        assert applied(store, FILE).is_empty

    def test_what_may_stand_twice_is_left_alone(self) -> None:
        """Another schedule, an event and a manual trigger of the API stay beside the file's."""
        others = [
            ScheduledTrigger(id="api-2", workflow_id="bronze", trigger_name="Nightly", cron_expression="0 3 * * *"),
            ScheduledTrigger(id="api-3", workflow_id="bronze", cron_expression="0 2 * * *"),
            EventTrigger(id="api-4", workflow_id="bronze", event_type="uploaded"),
            ManualTrigger(id="api-5", workflow_id="silver"),
            api_dependency(dependency_condition="on_failure"),
        ]
        store = MemoryStore([Workflow(id="bronze"), Workflow(id="silver")], others)
        applied(store, FILE)
        assert [store.triggers[other.id] for other in others] == others
        assert len(store.triggers) == 4 + len(others)

    def test_a_row_of_the_api_wins_over_an_edited_row_of_the_file(self) -> None:
        """The own one was moved to another condition and an equal one made: that is adopted, the moved one goes."""
        store = MemoryStore()
        applied(store, FILE)
        (own,) = [trigger for trigger in store.triggers.values() if isinstance(trigger, DependencyTrigger)]
        store.triggers[own.id] = own.evolve(dependency_condition="on_failure")
        store.triggers["api-1"] = api_dependency()
        plan = applied(store, FILE)
        assert [(change.kind, change.id) for change in plan.changes] == [("change", "api-1"), ("remove", own.id)]


class TestOtherFiles:
    """Rows of another source."""

    def test_a_workflow_of_another_file_is_refused(self) -> None:
        """The sentence names both sources and the line."""
        store = MemoryStore([Workflow(id="silver", source="billing")])
        with pytest.raises(WorkflowConflict) as refusal:
            applied(store, FILE)
        assert str(refusal.value) == (
            "/srv/sales.yaml:10: workflows.silver: workflow 'silver' belongs to source 'billing', not to 'sales'; "
            "choose another id, or name the file 'billing'"
        )

    def test_an_equal_dependency_of_another_file_is_refused(self) -> None:
        """It is named, with the line that repeats it."""
        store = MemoryStore([Workflow(id="bronze"), Workflow(id="silver")], [api_dependency(source="billing")])
        with pytest.raises(DuplicateTrigger) as refusal:
            applied(store, FILE)
        assert refusal.value.existing_id == "api-1"
        assert str(refusal.value) == (
            "/srv/sales.yaml:12: workflows.silver.triggers[0].depends_on: the dependency trigger of 'silver' on "
            "'bronze' (on_success) belongs to source 'billing' already"
        )

    def test_two_files_live_side_by_side(self) -> None:
        """One may depend on the other's workflows, and neither touches the other's rows."""
        store = MemoryStore()
        applied(store, FILE)
        report = "  report: {triggers: [{type: dependency, depends_on: silver}]}\n"
        applied(store, report, name="reports")
        assert applied(store, FILE, prune=True).is_empty
        assert applied(store, report, name="reports", prune=True).is_empty
        assert {workflow.source for workflow in store.workflows.values()} == {"sales", "reports"}


class TestPruning:
    """Workflows that vanished from the file."""

    def test_a_workflow_that_vanished_stays_without_its_triggers(self) -> None:
        """Only pruning removes it; the plan names it."""
        store = MemoryStore()
        applied(store, FILE)
        plan = applied(store, "  bronze:\n    description: Raw rows\n    run: {command: [python, bronze.py]}\n")
        assert plan.kept_workflow_ids == ("silver",)
        assert [change.kind for change in plan.changes] == ["remove"] * 4
        assert set(store.workflows) == {"bronze", "silver"}
        assert not store.triggers

    def test_pruning_removes_it_with_its_triggers(self) -> None:
        """Each is named once, for people and for the engine."""
        store = MemoryStore()
        applied(store, FILE)
        text = FILE[: FILE.index("  silver")]
        plan = applied(store, text, prune=True)
        assert summary(plan) == [("remove", "trigger", "silver")] * 2 + [("remove", "workflow", "silver")]
        assert plan.to_write.delete_workflow_ids == ("silver",)
        assert plan.to_write.delete_trigger_ids == ()
        assert applied(store, text, prune=True).is_empty

    def test_pruning_touches_no_other_source(self) -> None:
        """Rows of the API and of other files are not this file's to remove."""
        others = [Workflow(id="api"), Workflow(id="other", source="billing")]
        store = MemoryStore(others)
        applied(store, FILE)
        applied(store, "  bronze:\n", prune=True)
        assert set(store.workflows) == {"api", "other", "bronze"}

    @pytest.mark.parametrize(
        ("trigger", "owner"),
        [
            (DependencyTrigger(id="t", workflow_id="report", depends_on_workflow_id="silver"), "the API"),
            (ManualTrigger(id="t", workflow_id="silver", source="billing"), "source 'billing'"),
        ],
    )
    def test_a_workflow_on_which_others_hang_is_not_pruned(
        self, trigger: DependencyTrigger | ManualTrigger, owner: str
    ) -> None:
        """Deleting it would delete their triggers, which are not the file's to remove."""
        store = MemoryStore([Workflow(id="report")])
        applied(store, FILE)
        store.triggers["t"] = trigger
        with pytest.raises(WorkflowConflict) as refusal:
            applied(store, "  bronze:\n", prune=True)
        sentence = str(refusal.value)
        assert sentence.startswith("workflow 'silver' cannot be pruned, because the ")
        assert sentence.endswith(f"was made by {owner} and would go with it; delete trigger 't' first")
        assert "silver" in store.workflows

    def test_a_pruned_workflow_is_no_upstream(self) -> None:
        """Its id is unknown in the same breath."""
        store = MemoryStore()
        applied(store, FILE)
        report = "  report:\n    triggers:\n      - {type: dependency, depends_on: silver}\n"
        with pytest.raises(InvalidDefinition, match=r"sales\.yaml:6: .*depends_on: there is no workflow 'silver'"):
            applied(store, report, prune=True)
        assert not applied(store, report).is_empty


class TestTheGraph:
    """What the graph as it would become cannot hold."""

    def test_an_upstream_may_be_stored(self) -> None:
        """Whoever made it."""
        store = MemoryStore([Workflow(id="api"), Workflow(id="other", source="billing")])
        triggers = "[{type: dependency, depends_on: api}, {type: dependency, depends_on: other}]"
        assert len(applied(store, f"  w: {{triggers: {triggers}}}\n").changes) == 3

    def test_an_unknown_upstream_is_refused(self) -> None:
        """With its line and the nearest known id."""
        store = MemoryStore([Workflow(id="ingestion")])
        with pytest.raises(InvalidDefinition) as refusal:
            applied(store, "  w:\n    triggers:\n      - type: dependency\n        depends_on: ingestoin\n")
        assert str(refusal.value) == (
            "/srv/sales.yaml:7: workflows.w.triggers[0].depends_on: there is no workflow 'ingestoin' in this file "
            "or in the database; did you mean 'ingestion'?"
        )

    def test_a_cycle_with_stored_triggers_is_refused_with_line_and_chain(self) -> None:
        """The chain runs through the stored ones."""
        stored = [DependencyTrigger(id="t", workflow_id="a", depends_on_workflow_id="b", enabled=False)]
        store = MemoryStore([Workflow(id="a"), Workflow(id="b")], stored)
        with pytest.raises(CycleError) as refusal:
            applied(store, "  b:\n    triggers:\n      - {type: dependency, depends_on: a}\n")
        assert refusal.value.chain == ("b", "a", "b")
        assert refusal.value.source == "/srv/sales.yaml:6"

    def test_a_turned_edge_is_no_cycle(self) -> None:
        """What the file no longer says is gone before what it now says is added."""
        store = MemoryStore()
        edge = "  {}: {{triggers: [{{type: dependency, depends_on: {}}}]}}\n  {}:\n"
        applied(store, edge.format("a", "b", "b"))
        plan = applied(store, edge.format("b", "a", "a"))
        assert [change.kind for change in plan.changes] == ["add", "remove"]

    def test_deciding_is_pure(self) -> None:
        """The same question has the same answer, and what is stored is not touched."""
        definitions = parse_definitions(f"version: 1\nname: sales\nworkflows:\n{FILE}", path="/srv/sales.yaml")
        stored = StoredDefinitions(workflows={"bronze": Workflow(id="bronze")})
        assert decide(definitions, stored) == decide(definitions, stored)
        assert list(stored.workflows.values()) == [Workflow(id="bronze")]
