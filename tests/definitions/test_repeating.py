"""Applying is repeatable, whatever the API did to the rows in between."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.definitions import apply_definitions, definitions_text, parse_definitions
from flowforge_graph.definitions.trigger_ids import full_key
from flowforge_graph.errors import DuplicateTrigger
from flowforge_graph.model import AnyTrigger, DependencyTrigger, EventTrigger, ManualTrigger, ScheduledTrigger, Workflow
from tests.definitions.memory_store import MemoryStore

NAMES = st.sampled_from([None, "n", "m"])
DEPENDENCIES = st.fixed_dictionaries(
    {
        "depends_on_workflow_id": st.sampled_from("ab"),
        "dependency_condition": st.sampled_from(["on_success", "on_failure", "on_completion"]),
        "delay_minutes": st.sampled_from([0, 5]),
    }
)
SCHEDULES = st.fixed_dictionaries(
    {
        "trigger_name": NAMES,
        "cron_expression": st.sampled_from(["@daily", "@hourly"]),
        "timezone": st.sampled_from(["UTC", "Asia/Tokyo"]),
    }
)
EVENTS = st.fixed_dictionaries({"trigger_name": NAMES, "event_type": st.sampled_from(["e", "f"])})
MANUALS = st.fixed_dictionaries({"trigger_name": NAMES})
FIELDS: dict[type[AnyTrigger], st.SearchStrategy[dict[str, Any]]] = {
    DependencyTrigger: DEPENDENCIES,
    ScheduledTrigger: SCHEDULES,
    EventTrigger: EVENTS,
    ManualTrigger: MANUALS,
}
TRIGGERS: st.SearchStrategy[AnyTrigger] = st.one_of(
    [fields.map(lambda values, kind=kind: kind(workflow_id="w", **values)) for kind, fields in FIELDS.items()]
)
FILES = st.lists(TRIGGERS, max_size=4, unique_by=full_key).map(
    lambda triggers: definitions_text([Workflow(id=workflow_id) for workflow_id in "abw"], triggers, name="sales")
)


def edit_over_the_api(data: st.DataObject, store: MemoryStore) -> None:
    """Change rows and make new ones, as far as the database takes them."""
    for row in list(store.triggers.values()):
        if data.draw(st.booleans()):
            put_if_possible(store, row.evolve(**data.draw(FIELDS[type(row)])))
    for trigger in data.draw(st.lists(TRIGGERS, max_size=3)):
        put_if_possible(store, trigger)


def put_if_possible(store: MemoryStore, trigger: AnyTrigger) -> None:
    """What says the same as another row is refused."""
    try:
        store.put(trigger)
    except DuplicateTrigger:
        return


@given(files=st.lists(FILES, min_size=1, max_size=2), data=st.data())
def test_a_second_time_changes_nothing_whatever_came_before(files: list[str], data: st.DataObject) -> None:
    """After each application the rows of the source say exactly what the file says, and no unique key was in the way.

    Rows of the API stay as they are or are adopted; what the file says and a row already said keeps such a row.
    """
    store = MemoryStore()
    for text in files:
        edit_over_the_api(data, store)
        before = dict(store.triggers)
        definitions = parse_definitions(text, path="/srv/sales.yaml")
        apply_definitions(store, definitions)
        assert apply_definitions(store, definitions).is_empty
        own = {full_key(row): row.id for row in store.triggers.values() if row.source == "sales"}
        assert own.keys() == {full_key(trigger) for trigger in definitions.triggers}
        for row in before.values():
            if row.source is None:
                assert row.id in store.triggers
            elif full_key(row) in own:
                assert full_key(before[own[full_key(row)]]) == full_key(row)
