"""What is stored as a file that loads back to the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.definitions import (
    apply_definitions,
    definitions_text,
    export_definitions,
    parse_definitions,
    plan_definitions,
)
from flowforge_graph.definitions.trigger_ids import full_key
from flowforge_graph.errors import InvalidDefinition
from flowforge_graph.model import (
    AnyTrigger,
    CommandRun,
    DependencyTrigger,
    EventTrigger,
    ManualTrigger,
    PrefectRun,
    PythonRun,
    ScheduledTrigger,
    Workflow,
)
from tests.definitions.memory_store import MemoryStore, applied

FILE = """\
  silver:
    triggers:
      - type: dependency
        depends_on: bronze
        enabled: false
        delay_minutes: 5
      - {type: manual, name: "yes"}
  bronze:
    name: Bronze layer
    description: |
      Raw rows.

      Kept for ever.
    tags: [raw, "1"]
    run: {command: [python, bronze.py, --fast], timeout_seconds: 60}
    triggers:
      - {type: event, event_type: uploaded, event_config: {min: 1.5, who: [a, null]}}
      - {type: scheduled, cron: "0 2 * * *", misfire_policy: all}
"""

EXPORTED = """\
version: 1
name: sales

workflows:
  bronze:
    name: Bronze layer
    description: |
      Raw rows.

      Kept for ever.
    tags: ["1", raw]
    run: {command: [python, bronze.py, "--fast"], timeout_seconds: 60}
    triggers:
      - {type: event, event_type: uploaded, event_config: {"min": 1.5, "who": ["a", null]}}
      - {type: scheduled, cron: "0 2 * * *", timezone: UTC, misfire_policy: all}
  silver:
    triggers:
      - {type: dependency, depends_on: bronze, condition: on_success, delay_minutes: 5, enabled: false}
      - {type: manual, name: "yes"}
"""


def test_an_export_is_stable_and_complete() -> None:
    """Workflows by id, triggers in creation order, a line each; what is a default need not be said."""
    store = MemoryStore()
    applied(store, FILE)
    assert export_definitions(store) == EXPORTED


def test_applying_an_export_changes_nothing() -> None:
    """It names the same source, and finds each row again."""
    store = MemoryStore([Workflow(id="bronze"), Workflow(id="silver")])
    store.triggers["api"] = DependencyTrigger(id="api", workflow_id="silver", depends_on_workflow_id="bronze")
    applied(store, FILE)
    exported = parse_definitions(export_definitions(store), path="/srv/export.yaml")
    assert plan_definitions(store, exported, prune=True).is_empty


def test_an_export_of_one_source_leaves_out_the_others() -> None:
    """Rows of the API and of other files are not in it; an export of everything has no single name."""
    store = MemoryStore([Workflow(id="api")], [ManualTrigger(id="m", workflow_id="api")])
    applied(store, FILE)
    assert export_definitions(store, source="sales") == EXPORTED
    assert export_definitions(store).startswith(
        "version: 1\n\nworkflows:\n  api:\n    triggers:\n      - {type: manual}"
    )


def test_an_empty_database_is_exported_as_an_empty_file() -> None:
    """Which loads."""
    text = export_definitions(MemoryStore())
    assert text == "version: 1\n\nworkflows: {}\n"
    assert parse_definitions(text, path="f.yaml").workflows == ()


def test_triggers_that_a_file_could_not_tell_apart_get_numbers() -> None:
    """The API may hold two unnamed manual triggers of one workflow; a file may not."""
    twins: list[AnyTrigger] = [ManualTrigger(workflow_id="w") for _ in range(3)]
    twins += [EventTrigger(workflow_id="w", event_type="e", event_config={"n": n}) for n in range(2)]
    twins += [ManualTrigger(workflow_id="w", trigger_name="manual (2)")]
    found = parse_definitions(definitions_text([Workflow(id="w")], twins), path="f.yaml").triggers
    names = [trigger.trigger_name for trigger in found]
    assert names == [None, "manual (3)", "manual (4)", None, "event (2)", "manual (2)"]


def nested(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("config", [{"k" * 2_000: 1}, {"a": nested(61)}])
def test_a_configuration_that_no_file_can_hold_is_refused(config: dict[str, Any]) -> None:
    """YAML has a limit for keys, and a file for its depth."""
    trigger = EventTrigger(workflow_id="w", event_type="e", event_config=config)
    with pytest.raises(InvalidDefinition, match=r"the event trigger of 'w' on 'e' cannot be written to a file: "):
        definitions_text([Workflow(id="w")], [trigger])


ODD = [
    *("yes", "No", "on", "1", "1.5", "1e5", "0x1f", "0o7", "1:30", "~", "null", "2026-01-01", ".inf", "a" * 200),
    *(
        "- a",
        "a: b",
        "a #b",
        "<<",
        "*a",
        "&a",
        "{a}",
        "[a]",
        "a, b",
        "'",
        '"',
        "@x",
        "%x",
        "|",
        ">",
        "?",
        "!",
        "=",
        "-",
    ),
    *("é", "\u3042", "\U0001f600", "a - b", "a  b"),
]
PRINTABLE = st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/\\.")
IDS = st.sampled_from(ODD) | st.text(PRINTABLE, min_size=1, max_size=12)
NAMES = IDS | st.sampled_from(["a/b", "..", " ", " a ", "a\\b", "America/New_York"])
PIECES = NAMES | st.sampled_from(["\n", " ", "\t", "\r", "\x07", "\u2028", "\x85", "\ufeff", "\ufffe", ""])
TEXTS = st.lists(PIECES, max_size=6).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
JSON_OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
RUNS = st.one_of(
    st.none(),
    st.builds(
        CommandRun,
        command=st.lists(TEXTS, max_size=2).map(lambda arguments: ("program", *arguments)),
        timeout_seconds=st.none() | st.integers(1, 10**9),
    ),
    st.builds(PythonRun, python=st.sampled_from(["a:b", "pkg.mod:Class.fn"])),
    st.builds(PrefectRun, prefect=IDS.map(lambda name: f"{name}/{name}")),
)
COMMON = {"trigger_name": st.none() | NAMES, "enabled": st.booleans()}


def triggers_of(workflow_id: str, ids: list[str]) -> st.SearchStrategy[AnyTrigger]:
    """Any trigger of a workflow, whose upstream may be any of ``ids``."""
    own = {"workflow_id": st.just(workflow_id), **COMMON}
    return st.one_of(
        st.builds(ManualTrigger, **own),
        st.builds(
            EventTrigger, event_type=IDS, event_config=st.none() | st.dictionaries(TEXTS, JSON, max_size=3), **own
        ),
        st.builds(
            ScheduledTrigger,
            cron_expression=st.sampled_from(["@daily", "*/5 * * * *", "0 9-17 * * MON-FRI"]),
            timezone=st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu"]),
            misfire_policy=st.sampled_from(["latest", "all", "skip"]),
            schedule_owner=st.sampled_from(["engine", "prefect"]),
            **own,
        ),
        st.builds(
            DependencyTrigger,
            depends_on_workflow_id=st.sampled_from(ids),
            dependency_condition=st.sampled_from(["on_success", "on_failure", "on_completion"]),
            delay_minutes=st.integers(0, 60),
            **own,
        ),
    )


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[Workflow], list[AnyTrigger]]:
    """A source name, workflows, and triggers that a file can tell apart."""
    ids = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    described = {"description": st.none() | TEXTS, "tags": st.lists(NAMES, max_size=3).map(tuple), "run": RUNS}
    workflows = [draw(st.builds(Workflow, id=st.just(workflow_id), name=NAMES, **described)) for workflow_id in ids]
    triggers: list[AnyTrigger] = []
    for workflow_id in ids:
        triggers += draw(st.lists(triggers_of(workflow_id, ids), max_size=3, unique_by=full_key))
    return draw(NAMES), workflows, triggers


def said(workflows: Any, triggers: Any) -> tuple[list[Any], list[Any]]:
    """What a file can say of them: neither ids of triggers, nor sources and folders."""
    return (
        sorted((workflow.evolve(source=None, run_folder=None) for workflow in workflows), key=lambda one: one.id),
        sorted((full_key(t), t.evolve(id="x", source=None).model_dump_json()) for t in triggers),
    )


@given(file=files())
def test_every_file_loads_back_to_the_same(file: tuple[str, list[Workflow], list[AnyTrigger]]) -> None:
    """Ids that need quotes, text of many lines, any unicode: YAML and back is the same."""
    name, workflows, triggers = file
    text = definitions_text(workflows, triggers, name=name)
    found = parse_definitions(text, path="f.yaml")
    assert found.name == name
    assert said(found.workflows, found.triggers) == said(workflows, triggers)
    assert definitions_text(found.workflows, found.triggers, name=name) == text


@given(file=files())
def test_other_yaml_programs_read_the_same_ids(file: tuple[str, list[Workflow], list[AnyTrigger]]) -> None:
    """Where YAML 1.1 would read a word as something else, the export quotes it."""
    name, workflows, triggers = file
    found = yaml.safe_load(definitions_text(workflows, triggers, name=name))
    assert found["name"] == name
    assert list(found["workflows"]) == sorted(workflow.id for workflow in workflows)


@given(file=files())
def test_an_applied_file_is_exported_and_found_again(file: tuple[str, list[Workflow], list[AnyTrigger]]) -> None:
    """Into an empty database, out of it, and nothing is left to do."""
    name, workflows, triggers = file
    store = MemoryStore()
    independent = [trigger for trigger in triggers if not isinstance(trigger, DependencyTrigger)]
    text = definitions_text(workflows, independent, name=name)
    apply_definitions(store, parse_definitions(text, path="/srv/f.yaml"))
    again = parse_definitions(export_definitions(store, source=name), path="/srv/g.yaml")
    assert plan_definitions(store, again, prune=True).is_empty
