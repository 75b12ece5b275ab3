"""What a trigger file means: workflows, triggers, their ids and their places."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph.definitions import Definitions, load_definitions, parse_definitions
from flowforge_graph.model import (
    CommandRun,
    DependencyTrigger,
    EventTrigger,
    ManualTrigger,
    PrefectRun,
    PythonRun,
    ScheduledTrigger,
    Workflow,
)

MEDALLION = """\
version: 1
name: medallion          # the source of what it defines; default: the file's stem
workflows:
  customer_ingestion:
    name: Customer ingestion
    run: {command: [python, ingest.py]}          # or {python: "module:function"} or {prefect: "flow/deployment"}
    triggers:
      - {type: scheduled, name: Nightly, cron: "0 2 * * *", timezone: America/New_York}
  customer_silver:
    run: {command: [python, silver.py]}
    triggers:
      - {type: dependency, depends_on: customer_ingestion, condition: on_success, delay_minutes: 5}
"""


def one_trigger(body: str, *, workflow: str = "w", name: str = "s") -> Any:
    """The only trigger of a file."""
    text = f"version: 1\nname: {name}\nworkflows: {{{workflow}: {{triggers: [{body}]}}}}"
    (trigger,) = parse_definitions(text, path="f.yaml").triggers
    return trigger


def one_workflow(body: str, path: str = "/srv/app/f.yaml") -> Workflow:
    """The only workflow of a file."""
    (workflow,) = parse_definitions(f"version: 1\nworkflows: {{w: {body}}}", path=path).workflows
    return workflow


def test_the_contracts_example_is_read_as_it_says() -> None:
    """Every key of the example reaches the field it names."""
    found = parse_definitions(MEDALLION, path="/srv/app/file.yaml")
    ingestion = Workflow(
        id="customer_ingestion",
        name="Customer ingestion",
        run=CommandRun(command=("python", "ingest.py")),
        run_folder="/srv/app",
        source="medallion",
    )
    silver = Workflow(
        id="customer_silver",
        run=CommandRun(command=("python", "silver.py")),
        run_folder="/srv/app",
        source="medallion",
    )
    nightly = ScheduledTrigger(
        id="25007b4a-bd94-5330-b774-9fcb4aacb73e",
        workflow_id="customer_ingestion",
        trigger_name="Nightly",
        cron_expression="0 2 * * *",
        timezone="America/New_York",
        source="medallion",
    )
    after = DependencyTrigger(
        id="a9b1c977-f8d8-5b9a-b69d-0fe25f189ae9",
        workflow_id="customer_silver",
        depends_on_workflow_id="customer_ingestion",
        dependency_condition="on_success",
        delay_minutes=5,
        source="medallion",
    )
    assert (found.name, found.path, found.folder) == ("medallion", "/srv/app/file.yaml", "/srv/app")
    assert found.workflows == (ingestion, silver)
    assert found.triggers == (nightly, after)
    assert {key: place.line for key, place in found.workflow_places.items()} == {
        "customer_ingestion": 4,
        "customer_silver": 9,
    }
    assert found.trigger_places[after.id].source == "/srv/app/file.yaml:12"


def test_every_kind_of_trigger_has_its_keys() -> None:
    """Common keys, own keys and their defaults."""
    assert isinstance(one_trigger("{type: manual, name: By hand}"), ManualTrigger)
    event = one_trigger("{type: event, event_type: order_paid, event_config: {min: 1.5, tags: [a, null, true]}}")
    assert isinstance(event, EventTrigger)
    assert event.event_config == {"min": 1.5, "tags": ["a", None, True]}
    schedule = one_trigger("{type: scheduled, cron: '*/5 * * * *', misfire_policy: all, schedule_owner: prefect}")
    assert (schedule.timezone, schedule.misfire_policy, schedule.schedule_owner) == ("UTC", "all", "prefect")
    assert one_trigger("{type: dependency, depends_on: x}").dependency_condition == "on_success"


def test_every_kind_of_run_is_read() -> None:
    """A command may have a timeout; only what runs on this machine has a folder."""
    command = one_workflow("{run: {command: [a, b c], timeout_seconds: 60}}")
    assert command.run == CommandRun(command=("a", "b c"), timeout_seconds=60)
    python = one_workflow("{run: {python: 'pkg.mod:fn'}}")
    assert (python.run, python.run_folder) == (PythonRun(python="pkg.mod:fn"), "/srv/app")
    prefect = one_workflow("{run: {prefect: flow/deployment}}")
    assert (prefect.run, prefect.run_folder) == (PrefectRun(prefect="flow/deployment"), None)


@pytest.mark.parametrize("body", ["", "{}", "~", "{triggers: , run: ~, name: , description: , tags: }"])
def test_a_workflow_may_have_no_body(body: str) -> None:
    """A key without a value counts as left out: no run, no triggers, the id as its name."""
    assert one_workflow(body) == Workflow(id="w", name="w", source="f")


def test_words_that_yaml_1_1_misreads_are_ids_and_names() -> None:
    """``on``, ``no``, ``1:30`` and dates need no quotes."""
    text = "version: 1\nworkflows:\n  on:\n  no:\n  1:30:\n  2026-01-01: {name: yes}\n"
    found = parse_definitions(text, path="f.yaml").workflows
    assert [(workflow.id, workflow.name) for workflow in found] == [
        ("on", "on"),
        ("no", "no"),
        ("1:30", "1:30"),
        ("2026-01-01", "yes"),
    ]


def test_the_files_stem_is_its_name_where_it_says_none() -> None:
    """Only the last suffix is cut."""
    assert parse_definitions("version: 1\nworkflows: {}", path="x/sales.prod.yaml").name == "sales.prod"


def test_the_folder_is_absolute_and_keeps_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that is moved to a new release changes no row."""
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "f.yaml").write_text(MEDALLION)
    (tmp_path / "current").symlink_to("release")
    monkeypatch.chdir(tmp_path)
    assert load_definitions("current/f.yaml").folder == str(tmp_path / "current")
    assert load_definitions(Path("current") / ".." / "release" / "f.yaml").folder == str(tmp_path / "release")


def test_an_id_is_derived_from_source_workflow_type_and_natural_key_alone() -> None:
    """Editing anything else of a trigger keeps its id, which is in the unique keys of executions."""
    dependency = "{type: dependency, depends_on: x, condition: on_failure%s}"
    assert one_trigger(dependency % "").id == one_trigger(dependency % ", delay_minutes: 9, name: n, enabled: false").id
    named = "{type: scheduled, name: n, cron: '%s', timezone: %s}"
    assert one_trigger(named % ("@daily", "UTC")).id == one_trigger(named % ("@hourly", "Asia/Tokyo")).id
    unnamed = "{type: scheduled, cron: '0 1 * * *', misfire_policy: %s}"
    assert one_trigger(unnamed % "all").id == one_trigger(unnamed % "skip").id
    event = "{type: event, event_type: e, event_config: {a: %s}}"
    assert one_trigger(event % 1).id == one_trigger(event % 2).id


def test_different_keys_have_different_ids() -> None:
    """Source, workflow, type and each part of the natural key count, and parts never blend into one another."""
    bodies = [
        "{type: manual}",
        "{type: manual, name: a}",
        "{type: event, event_type: a}",
        "{type: event, event_type: b, name: a}",
        "{type: event, event_type: event}",
        "{type: scheduled, cron: '0 1 * * *'}",
        "{type: scheduled, cron: '0 1 * * *', timezone: Asia/Tokyo}",
        "{type: scheduled, cron: '0 1 * * *', name: a}",
        "{type: dependency, depends_on: a}",
        "{type: dependency, depends_on: b}",
        "{type: dependency, depends_on: a, condition: on_failure}",
    ]
    ids = {one_trigger(body, workflow=w, name=s).id for body in bodies for w, s in [("a", "b"), ("b", "a"), ("a", "a")]}
    assert len(ids) == 3 * len(bodies)


def test_whether_enabled_was_stated_is_remembered() -> None:
    """A left-out ``enabled`` means true for a new trigger, but keeps a stored one as it is."""
    text = "version: 1\nworkflows: {w: {triggers: [{type: manual}, {type: manual, name: n, enabled: true}]}}"
    found: Definitions = parse_definitions(text, path="f.yaml")
    assert [trigger.enabled for trigger in found.triggers] == [True, True]
    assert found.stated_enabled == {found.triggers[1].id}


def test_a_file_is_read_from_any_kind_of_path(tmp_path: Path) -> None:
    """Text and path objects name the same file."""
    file = tmp_path / "sales.yaml"
    file.write_text(MEDALLION)
    assert load_definitions(file) == load_definitions(str(file))
    assert load_definitions(file).path == os.fspath(file)
