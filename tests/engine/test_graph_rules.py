"""Rules 1–3: the stored graph holds no cycle, several triggers join two workflows, deleting answers what went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import inspect

from flowforge_graph import (
    CycleError,
    DependencyTrigger,
    DuplicateTrigger,
    EventTrigger,
    FlowforgeGraphError,
    InvalidTrigger,
    InvalidWorkflow,
    ManualTrigger,
    ScheduledTrigger,
    TriggerEngine,
    TriggerNotFound,
    WorkflowConflict,
    WorkflowNotFound,
)
from flowforge_graph.engine import DefinitionChanges
from flowforge_graph.testing import FixedClock
from tests.engine.support import chain_of, depends, make_workflows, rows, write

MakeEngine = Callable[..., TriggerEngine]


@pytest.fixture
def engine(make_engine: MakeEngine) -> TriggerEngine:
    """An empty engine."""
    return make_engine()


# Rule 1


def test_a_cycle_is_refused_with_the_shortest_chain(engine: TriggerEngine) -> None:
    """With A→B→C→D stored, "A depends on D" answers A, B, C, D, A, and nothing is stored."""
    chain_of(engine, "ABCD")
    with pytest.raises(CycleError) as refused:
        engine.create_trigger(depends("A", "D"))
    assert list(refused.value.chain) == ["A", "B", "C", "D", "A"]
    assert len(engine.list_triggers()) == 3
    assert engine.get_triggers("A") == []


def test_a_shortcut_shortens_the_chain(engine: TriggerEngine) -> None:
    """The chain answered is the shortest one there is."""
    chain_of(engine, "ABCD")
    engine.create_trigger(depends("D", "B"))
    with pytest.raises(CycleError) as refused:
        engine.create_trigger(depends("A", "D"))
    assert refused.value.chain == ("A", "B", "D", "A")


def test_a_workflow_cannot_depend_on_itself(engine: TriggerEngine) -> None:
    """The chain of a self-dependency names the workflow twice."""
    make_workflows(engine, "A")
    with pytest.raises(CycleError) as refused:
        engine.create_trigger(depends("A", "A"))
    assert refused.value.chain == ("A", "A")


def test_a_disabled_trigger_is_an_edge(engine: TriggerEngine) -> None:
    """Disabling a trigger opens no way for a cycle, nor does creating one disabled."""
    (first,) = chain_of(engine, "AB")
    engine.disable_trigger(first)
    with pytest.raises(CycleError):
        engine.create_trigger(depends("A", "B"))
    with pytest.raises(CycleError):
        engine.create_trigger(depends("A", "B", enabled=False))


def test_an_update_is_checked_as_if_the_trigger_were_gone(engine: TriggerEngine) -> None:
    """A trigger may turn to an upstream that only it stood in the way of, and to no other."""
    make_workflows(engine, *"ABC")
    moved = engine.create_trigger(depends("B", "A"))
    engine.create_trigger(depends("A", "C"))
    with pytest.raises(CycleError) as refused:
        engine.create_trigger(depends("C", "B"))
    assert refused.value.chain == ("C", "A", "B", "C")
    assert engine.update_trigger(moved.id, depends_on_workflow_id="C") == engine.get_trigger(moved.id)
    with pytest.raises(CycleError):
        engine.update_trigger(moved.id, depends_on_workflow_id="B")
    assert isinstance(engine.get_trigger(moved.id), DependencyTrigger)
    assert engine.graph.upstream("B") == ["C"]


def test_changed_definitions_are_checked_on_the_outcome(engine: TriggerEngine) -> None:
    """A file may turn an edge round in one go, and may not close a cycle."""
    (forward,) = chain_of(engine, "AB")
    back = depends("A", "B")
    engine.change_definitions(
        lambda _: DefinitionChanges(delete_trigger_ids=(forward,), put_triggers=(back,)),
    )
    assert engine.graph.upstream("A") == ["B"]
    with pytest.raises(CycleError) as refused:
        engine.change_definitions(lambda _: DefinitionChanges(put_triggers=(depends("B", "A"),)))
    assert refused.value.chain == ("B", "A", "B")
    assert [trigger.id for trigger in engine.list_triggers()] == [back.id]


def test_two_stored_triggers_may_swap_their_places(engine: TriggerEngine) -> None:
    """Neither the UNIQUE key nor the log is offended in between."""
    make_workflows(engine, *"ABC")
    one, two = engine.create_triggers([depends("C", "A"), depends("C", "B")])
    assert isinstance(one, DependencyTrigger)
    assert isinstance(two, DependencyTrigger)
    swapped = (one.evolve(depends_on_workflow_id="B"), two.evolve(depends_on_workflow_id="A"))
    engine.change_definitions(lambda _: DefinitionChanges(put_triggers=swapped))
    assert [(edge.id, edge.depends_on_workflow_id) for edge in engine.graph.edges_into("C")] == [
        (one.id, "B"),
        (two.id, "A"),
    ]


def _error_of(action: Callable[[], object]) -> FlowforgeGraphError | None:
    try:
        action()
    except FlowforgeGraphError as error:
        return error
    return None


_BULKS: list[list[Any]] = [
    [depends("B", "A"), depends("C", "B"), depends("A", "C"), depends("X", "A")],
    [depends("B", "A"), depends("X", "A"), depends("A", "B")],
    [depends("B", "A"), depends("B", "A"), depends("A", "B")],
    [depends("B", "A", id="same"), depends("C", "A", id="same"), depends("A", "B")],
    [ScheduledTrigger(workflow_id="A", cron_expression="@daily"), depends("A", "A"), ManualTrigger(workflow_id="X")],
    [
        ScheduledTrigger(workflow_id="A", cron_expression="@daily"),
        ScheduledTrigger(workflow_id="A", cron_expression="@daily"),
        depends("A", "A"),
    ],
    [ManualTrigger(workflow_id="X"), depends("A", "A")],
    [depends("A", "A"), ManualTrigger(workflow_id="A", id="stored")],
    [ScheduledTrigger(workflow_id="A", cron_expression="@daily", id="stored"), depends("A", "A")],
    [depends("C", "B", enabled=False), depends("B", "C")],
]


@pytest.mark.parametrize("bulk", range(len(_BULKS)))
def test_a_bulk_answers_what_one_at_a_time_would(make_engine: MakeEngine, bulk: int) -> None:
    """The first offending trigger, with its own error; and of a refused bulk nothing is stored."""
    triggers = _BULKS[bulk]
    engine = make_engine()
    make_workflows(engine, *"ABC")
    engine.create_trigger(depends("C", "A", "on_failure", id="stored"))
    refused = _error_of(lambda: engine.create_triggers(triggers))
    assert [trigger.id for trigger in engine.list_triggers()] == ["stored"]
    singly = _error_of(lambda: [engine.create_trigger(trigger) for trigger in triggers])
    assert refused is not None
    assert (type(refused), str(refused)) == (type(singly), str(singly))


def test_an_accepted_bulk_is_stored_in_its_order(engine: TriggerEngine) -> None:
    """Creation order is the order given."""
    make_workflows(engine, *"ABCD")
    created = engine.create_triggers([depends("D", "C"), depends("C", "B"), depends("B", "A")])
    assert [trigger.workflow_id for trigger in created] == ["D", "C", "B"]
    assert [trigger.id for trigger in engine.list_triggers()] == [trigger.id for trigger in reversed(created)]
    assert engine.create_triggers([]) == []


def test_what_is_not_a_trigger_is_refused(engine: TriggerEngine) -> None:
    """A mapping or a text is no trigger value."""
    things: Sequence[Any] = [{"workflow_id": "A"}, "A", None]
    for thing in things:
        with pytest.raises(InvalidTrigger, match="must be one of the trigger values"):
            engine.create_trigger(thing)


# Rule 2


def test_several_triggers_share_one_edge(engine: TriggerEngine) -> None:
    """Two conditions between the same workflows are two triggers on one edge, in creation order."""
    make_workflows(engine, *"AB")
    created = engine.create_triggers([depends("B", "A", "on_failure"), depends("B", "A")])
    digraph = engine.graph.digraph
    assert digraph.number_of_edges() == 1
    assert [edge.id for edge in digraph.edges["A", "B"]["triggers"]] == [trigger.id for trigger in created]


@pytest.mark.parametrize("other", [{"delay_minutes": 5}, {"trigger_name": "again"}, {"enabled": False}])
def test_an_exact_duplicate_is_refused(engine: TriggerEngine, other: dict[str, Any]) -> None:
    """Same workflow, upstream and condition: whatever else differs."""
    (stored,) = chain_of(engine, "AB")
    with pytest.raises(DuplicateTrigger) as refused:
        engine.create_trigger(depends("B", "A", **other))
    assert refused.value.existing_id == stored
    with pytest.raises(DuplicateTrigger):
        engine.create_trigger(depends("A", "B", id=stored))


def test_an_update_to_a_duplicate_is_refused(engine: TriggerEngine) -> None:
    """Nor can a trigger be changed into what another one says."""
    make_workflows(engine, *"AB")
    _, second = engine.create_triggers([depends("B", "A"), depends("B", "A", "on_failure")])
    with pytest.raises(DuplicateTrigger):
        engine.update_trigger(second.id, dependency_condition="on_success")
    assert engine.update_trigger(second.id, dependency_condition="on_completion").id == second.id


def test_schedules_need_distinct_names_or_times(engine: TriggerEngine) -> None:
    """Equal cron and zone under an equal name (or none) is a duplicate; any difference is enough."""
    make_workflows(engine, *"AB")

    def schedule(**fields: Any) -> ScheduledTrigger:
        return ScheduledTrigger(**({"workflow_id": "A", "cron_expression": "0 2 * * *"} | fields))

    engine.create_triggers(
        [
            schedule(),
            schedule(trigger_name="x"),
            schedule(trigger_name="y"),
            schedule(timezone="Europe/Berlin"),
            schedule(cron_expression="0 3 * * *"),
            schedule(workflow_id="B"),
        ]
    )
    for again in (schedule(), schedule(trigger_name="x"), schedule(misfire_policy="all", timezone="Europe/Berlin")):
        with pytest.raises(DuplicateTrigger):
            engine.create_trigger(again)
    named = next(trigger for trigger in engine.list_triggers() if trigger.trigger_name == "y")
    with pytest.raises(DuplicateTrigger):
        engine.update_trigger(named.id, trigger_name="x")


def test_both_workflows_must_exist(engine: TriggerEngine) -> None:
    """An unknown workflow at either end is named."""
    make_workflows(engine, "A")
    for trigger in (depends("A", "X"), depends("X", "A"), EventTrigger(workflow_id="X", event_type="e")):
        with pytest.raises(WorkflowNotFound, match="'X'"):
            engine.create_trigger(trigger)


# Changing fields


def test_an_update_changes_only_the_given_fields(engine: TriggerEngine) -> None:
    """The rest stays, None clears an optional field, and the place in creation order is kept."""
    make_workflows(engine, *"AB")
    created = engine.create_trigger(depends("B", "A", delay_minutes=5, trigger_name="x"))
    engine.create_trigger(depends("B", "A", "on_failure"))
    changed = engine.update_trigger(created.id, trigger_name=None)
    assert changed.evolve(trigger_name="x", updated_at=created.updated_at) == created
    assert engine.list_triggers()[-1].id == created.id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cron_expression": "@daily"}, "cron_expression belongs to scheduled triggers"),
        ({"trigger_type": "event"}, "trigger_type of trigger"),
        ({"workflow_id": "B"}, "workflow_id of trigger"),
        ({"id": "x"}, "id of trigger"),
        ({"created_at": None}, "created_at of trigger"),
        ({"nonsense": 1}, "no field 'nonsense'"),
        ({"delay_minutes": 61}, "delay_minutes must be between 0 and 60, not 61"),
        ({"delay_minutes": "5"}, "delay_minutes must be a whole number, not '5'"),
        ({"enabled": None}, "enabled must be true or false, not None"),
        ({"enabled": 1}, "enabled must be true or false, not 1"),
        ({"depends_on_workflow_id": None}, "depends_on_workflow_id must be text, not None"),
        ({"dependency_condition": "sometimes"}, "dependency_condition must be one of"),
    ],
)
def test_a_bad_update_names_the_field(engine: TriggerEngine, changes: dict[str, Any], message: str) -> None:
    """Another kind's field, a fixed one, an unknown one or a bad value changes nothing."""
    (trigger_id,) = chain_of(engine, "AB")
    before = engine.get_trigger(trigger_id)
    with pytest.raises(InvalidTrigger, match=message):
        engine.update_trigger(trigger_id, **changes)
    assert engine.get_trigger(trigger_id) == before


def test_a_trigger_of_another_kind_cannot_take_a_stored_id(engine: TriggerEngine) -> None:
    """Creating it is a duplicate; putting it by a file is refused as well."""
    (trigger_id,) = chain_of(engine, "AB")
    other = ManualTrigger(workflow_id="A", id=trigger_id)
    with pytest.raises(DuplicateTrigger):
        engine.create_trigger(other)
    with pytest.raises(InvalidTrigger, match="cannot become manual"):
        engine.change_definitions(lambda _: DefinitionChanges(put_triggers=(other,)))


def test_unknown_ids_are_not_found(engine: TriggerEngine) -> None:
    """Every question and change by id says so."""
    for call in (engine.get_trigger, engine.delete_trigger, engine.enable_trigger, engine.get_trigger_history):
        with pytest.raises(TriggerNotFound):
            call("nobody")
    for ask in (engine.get_workflow, engine.delete_workflow, engine.get_triggers, engine.get_dependency_graph):
        with pytest.raises(WorkflowNotFound):
            ask("nobody")
    with pytest.raises(WorkflowNotFound):
        engine.get_available_upstream_workflows("nobody")
    make_workflows(engine, "A")
    for ends in (("A", "nobody"), ("nobody", "A")):
        with pytest.raises(WorkflowNotFound):
            engine.validate_dependency(*ends)


def test_a_workflow_changes_but_for_its_id(engine: TriggerEngine) -> None:
    """Name, description, run and tags change; a taken id and a change of id are refused."""
    make_workflows(engine, "A")
    changed = engine.update_workflow("A", name="First", tags=["x"], run={"command": ["true"]})
    assert (changed.name, changed.tags) == ("First", ("x",))
    assert engine.update_workflow("A", name=None).name == "A"
    with pytest.raises(WorkflowConflict):
        engine.create_workflow("A")
    for changes in ({"id": "B"}, {"created_at": None}, {"source": "x"}):
        with pytest.raises(InvalidWorkflow, match="of workflow 'A' cannot be changed"):
            engine.update_workflow("A", **changes)
    with pytest.raises(InvalidWorkflow, match="there is no field 'nam'"):
        engine.update_workflow("A", nam="x")
    assert [workflow.id for workflow in engine.list_workflows()] == ["A"]


# Rule 3


def test_deleting_a_workflow_answers_what_went(engine: TriggerEngine) -> None:
    """Its triggers in and out go in creation order; its pending executions end with that reason."""
    into, out_of = chain_of(engine, "ABC")
    own = engine.create_trigger(ManualTrigger(workflow_id="B"))
    other = engine.create_trigger(depends("C", "A"))
    waiting = [engine.start("B").id for _ in range(2)]
    ended = engine.start("B").id
    engine.complete(ended, "failed")
    deletion = engine.delete_workflow("B")
    assert deletion.deleted_trigger_ids == (into, out_of, own.id)
    assert sorted(deletion.cancelled_execution_ids) == sorted(waiting)
    assert [trigger.id for trigger in engine.list_triggers()] == [other.id]
    for execution_id in waiting:
        execution = engine.get_execution(execution_id)
        assert (execution.status, execution.reason) == ("cancelled", "workflow_deleted")
    assert engine.get_execution(ended).status == "failed"
    assert not engine.graph.has_workflow("B")
    assert engine.graph.downstream("A") == ["C"]


def test_deleting_opens_the_way_back(engine: TriggerEngine) -> None:
    """What the deleted workflow closed is open, in every engine."""
    chain_of(engine, "ABC")
    engine.delete_workflow("B")
    engine.create_trigger(depends("A", "C"))
    engine.create_workflow("B")
    assert engine.get_triggers("B") == []


def test_history_keeps_its_own_copies(engine: TriggerEngine, clock: FixedClock) -> None:
    """Renaming and deleting afterwards changes no old answer."""
    make_workflows(engine, "A")
    engine.create_workflow("B", name="Before")
    trigger = engine.create_trigger(depends("B", "A", trigger_name="named", delay_minutes=3))
    result = engine.complete(engine.start("A", execution_id="up").id, "completed")
    downstream = engine.list_executions("B")
    clock.advance(minutes=1)
    engine.update_workflow("B", name="After")
    engine.update_trigger(trigger.id, trigger_name="other", delay_minutes=9, dependency_condition="on_failure")
    assert engine.complete("up", "completed") == result
    assert engine.get_verdicts("up") == list(result.verdicts)
    assert engine.list_executions("B") == downstream
    engine.delete_workflow("B")
    engine.delete_workflow("A")
    assert engine.complete("up", "completed") == result
    (kept,) = engine.list_executions("B")
    assert (kept.workflow_name, kept.trigger_name, kept.delay_minutes) == ("Before", "named", 3)
    assert (kept.dependency_condition, kept.status) == ("on_success", "cancelled")
    assert engine.get_trigger_history(trigger.id) == [kept]


def test_history_has_no_foreign_keys(engine: TriggerEngine) -> None:
    """Executions, verdicts, drops and tombstones stand by themselves."""
    inspector = inspect(engine._context.store.database.engine)
    for table in ("executions", "verdicts", "schedule_drops", "tombstones"):
        assert inspector.get_foreign_keys(table) == []
    assert len(inspector.get_foreign_keys("workflow_triggers")) == 2


def test_a_row_that_no_value_can_be_read_from_can_still_go(engine: TriggerEngine) -> None:
    """A trigger that somebody spoilt by hand is listed as it stands, hides no other, and goes like any."""
    first, second = chain_of(engine, "ABC")
    write(engine, "UPDATE workflow_triggers SET dependency_condition = 'nonsense'")
    assert [(trigger.id, trigger.dependency_condition) for trigger in engine.list_triggers()] == [
        (second, "nonsense"),
        (first, "nonsense"),
    ]
    with pytest.raises(InvalidTrigger, match="dependency_condition must be one of"):
        engine.disable_trigger(first)
    assert engine.update_trigger(first, dependency_condition="on_failure").dependency_condition == "on_failure"
    assert engine.delete_trigger(first).id == first
    assert engine.delete_workflow("C").deleted_trigger_ids == (second,)
    assert rows(engine, "SELECT id FROM workflow_triggers") == []


# Questions about the graph


def test_validation_answers_the_chain_and_changes_nothing(engine: TriggerEngine) -> None:
    """Valid or not, with the chain of the cycle."""
    chain_of(engine, "ABC")
    refused = engine.validate_dependency("A", "C")
    assert (refused.valid, refused.chain) == (False, ("A", "B", "C", "A"))
    assert refused.error == "'A' cannot depend on 'C': A → B → C → A would be a cycle"
    assert engine.validate_dependency("C", "A").valid
    assert len(engine.list_triggers()) == 2


def test_available_upstreams_close_no_cycle(engine: TriggerEngine) -> None:
    """By name, without itself and without anything downstream."""
    chain_of(engine, "ABC")
    engine.create_workflow("D", name="0")
    assert [workflow.id for workflow in engine.get_available_upstream_workflows("B")] == ["D", "A"]
    assert [workflow.id for workflow in engine.get_available_upstream_workflows("A")] == ["D"]


def test_dependencies_show_enabled_triggers_only(engine: TriggerEngine) -> None:
    """Direct by default; transitive follows enabled triggers all the way, in topological order."""
    ab, bc, _cd = chain_of(engine, "ABCD")
    both = engine.create_trigger(depends("C", "B", "on_failure"))
    direct = engine.get_dependency_graph("B")
    assert [(link.trigger_id, link.workflow_id) for link in direct.upstream] == [(ab, "A")]
    assert [(link.trigger_id, link.condition) for link in direct.downstream] == [
        (bc, "on_success"),
        (both.id, "on_failure"),
    ]
    engine.disable_trigger(bc)
    everything = engine.get_dependency_graph("D", transitive=True)
    assert [link.workflow_id for link in everything.upstream] == ["A", "B", "C"]
    engine.disable_trigger(both.id)
    assert [link.workflow_id for link in engine.get_dependency_graph("D", transitive=True).upstream] == ["C"]
    assert [link.workflow_id for link in engine.get_dependency_graph("A", transitive=True).downstream] == ["B"]


def test_lists_of_triggers_take_every_filter(engine: TriggerEngine) -> None:
    """Newest first, filtered by workflow, kind, state and source."""
    make_workflows(engine, *"AB")
    dependency = engine.create_trigger(depends("B", "A", enabled=False, source="file"))
    manual = engine.create_trigger(ManualTrigger(workflow_id="A"))
    assert engine.list_triggers() == [manual, dependency]
    assert engine.list_triggers(trigger_type="dependency") == engine.list_triggers(enabled=False) == [dependency]
    assert engine.list_triggers(source="file") == engine.list_triggers("B") == [dependency]
    assert engine.list_triggers(enabled=True) == [manual]
    with pytest.raises(FlowforgeGraphError, match="trigger_type must be one of"):
        engine.list_triggers(trigger_type="cron")
