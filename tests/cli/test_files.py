"""``graph check``, ``plan``, ``apply``, ``export``: what do they accept, refuse and change?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]

TWO = """
a: {run: {command: ["true"]}}
b:
  run: {command: ["true"]}
  triggers: [{type: dependency, depends_on: a}]
"""

BAD_FILES = {
    "a cycle": (
        "a: {triggers: [{type: dependency, depends_on: b}]}\nb: {triggers: [{type: dependency, depends_on: a}]}",
        3,
        "b → a → b",
    ),
    "itself": ("a: {triggers: [{type: dependency, depends_on: a}]}", 3, "a → a"),
    "an unknown upstream": ("a: {triggers: [{type: dependency, depends_on: z}]}", 2, "there is no workflow 'z'"),
    "a duplicate trigger": (
        "a: {}\nb: {triggers: [{type: dependency, depends_on: a}, {type: dependency, depends_on: a}]}",
        2,
        "stands twice",
    ),
    "a long delay": ("a: {}\nb: {triggers: [{type: dependency, depends_on: a, delay_minutes: 61}]}", 2, "not 61"),
    "a negative delay": ("a: {}\nb: {triggers: [{type: dependency, depends_on: a, delay_minutes: -1}]}", 2, "not -1"),
    "half a minute": ("a: {}\nb: {triggers: [{type: dependency, depends_on: a, delay_minutes: 2.5}]}", 2, "2.5"),
    "six cron fields": ('a: {triggers: [{type: scheduled, cron: "* * * * * *"}]}', 2, "has 6 fields"),
    "cron never firing": ('a: {triggers: [{type: scheduled, cron: "0 0 30 2 *"}]}', 2, "can never fire"),
    "an unknown zone": ('a: {triggers: [{type: scheduled, cron: "@daily", timezone: Mars}]}', 2, "'Mars'"),
    "an empty id": ('"": {}', 2, "1 to 200 characters"),
    "a long id": (f"? {'x' * 10_000}\n: {{}}", 2, "1 to 200 characters"),
    "NUL in an id": ('"a\\0b": {}', 2, "workflow"),
    "a newline in an id": ('"a\\nb": {}', 2, "printable"),
    "a slash in an id": ("a/b: {}", 2, "slash"),
    "an alias": ("a: &x {}\nb: *x", 2, "not allowed"),
    "a duplicate key": ("a: {}\na: {}", 2, "stands twice"),
    "an unknown key": ("a: {rum: {}}", 2, "did you mean 'run'?"),
}


@pytest.mark.parametrize(("text", "code", "complaint"), BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.parametrize("command", [("graph", "check"), ("plan",), ("apply",), ("run",)], ids=" ".join)
def test_a_bad_file_is_refused_in_one_sentence_and_leaves_nothing(
    cli: Cli, write_file: WriteFile, folder: Path, command: tuple[str, ...], text: str, code: int, complaint: str
) -> None:
    """Every command that reads a file says what is wrong and where, with the right exit code; no database appears."""
    answer = cli(*command, write_file(text))
    error = [line for line in answer.err.splitlines() if not line.startswith("note: ")]
    assert (answer.code, answer.out) == (code, "")
    assert len(error) == 1
    assert error[0].startswith("error: flow.yaml:")
    assert complaint in error[0]
    assert len(error[0]) < 500
    assert [path.name for path in folder.iterdir()] == ["flow.yaml"]


def test_a_refused_cycle_answers_its_chain_as_json(cli: Cli, write_file: WriteFile) -> None:
    """The chain is in data-flow order and closes."""
    answer = cli("graph", "check", write_file(BAD_FILES["a cycle"][0]), "--json")
    assert answer.code == 3
    assert answer.document["chain"] == ["b", "a", "b"]
    assert answer.document["error"] in answer.err


@pytest.mark.parametrize("file", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_bad_argument(cli: Cli, folder: Path, file: str) -> None:
    """One sentence that names it."""
    answer = cli("graph", "check", file)
    assert answer.code == 2
    assert answer.err.startswith(f"error: {file}")


def test_an_accepted_file_is_counted(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """Check says what it read, and needs no database."""
    file = write_file(TWO)
    assert cli("graph", "check", file).out == "accepted: 2 workflows, 1 trigger, no cycle\n"
    assert cli("graph", "check", file, "--json").document == {
        "success": True,
        "workflowCount": 2,
        "triggerCount": 1,
        "topologicalOrder": ["a", "b"],
    }
    assert [path.name for path in folder.iterdir()] == ["flow.yaml"]


def test_apply_says_what_it_added_and_a_second_time_changes_nothing(cli: Cli, write_file: WriteFile) -> None:
    """Applying is repeatable."""
    file = write_file(TWO)
    first, second = cli("apply", file), cli("apply", file)
    assert first.out.splitlines()[-1] == "3 added, 0 changed, 0 removed"
    assert {line[0] for line in first.out.splitlines()[:-1]} == {"+"}
    assert second.out == "nothing to change: the database says what the file says\n"


def test_a_plan_says_what_apply_would_change(cli: Cli, write_file: WriteFile) -> None:
    """The plan's document equals that of the apply that follows, and the plan itself changes nothing."""
    cli("apply", write_file(TWO))
    edited = write_file("a: {name: Alpha}\nb: {run: {command: ['true']}}\n")
    planned = cli("plan", edited, "--json")
    assert (planned.document["added"], planned.document["changed"], planned.document["removed"]) == (0, 1, 1)
    assert cli("plan", edited, "--json").document == planned.document
    assert cli("apply", edited, "--json").document == planned.document
    assert cli("workflows", "show", "a", "--json").document["workflow"]["name"] == "Alpha"


def test_workflows_that_vanished_stay_unless_pruned(cli: Cli, write_file: WriteFile) -> None:
    """Without --prune a note names them; with it they go."""
    cli("apply", write_file("a: {}\nb: {}\n"))
    shorter = write_file("a: {}\n")
    kept = cli("apply", shorter)
    assert "note: the file no longer has b; --prune removes them" in kept.err
    assert cli("apply", shorter, "--json").document["keptWorkflowIds"] == ["b"]
    assert cli("apply", shorter, "--prune", "--json").document["removed"] == 1
    assert [w["id"] for w in cli("workflows", "list", "--json").document["workflows"]] == ["a"]


def test_another_files_workflow_is_a_conflict(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """A source owns its rows: exit code 1, and nothing of the second file is written."""
    cli("apply", write_file("a: {}\n"))
    (folder / "other.yaml").write_text("version: 1\nname: other\nworkflows:\n  new: {}\n  a: {}\n")
    answer = cli("apply", "other.yaml")
    assert answer.code == 1
    assert "belongs to source 'flow'" in answer.err
    assert [w["id"] for w in cli("workflows", "list", "--json").document["workflows"]] == ["a"]


def test_a_cycle_through_what_is_stored_is_refused(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """The graph of all sources is kept free of cycles."""
    cli("apply", write_file("a: {}\nb: {triggers: [{type: dependency, depends_on: a}]}\n"))
    cli("triggers", "create", "a", "--type", "event", "--event-type", "x")
    (folder / "other.yaml").write_text("version: 1\nworkflows:\n  c: {triggers: [{type: dependency, depends_on: b}]}\n")
    assert cli("apply", "other.yaml").code == 0
    refused = cli("triggers", "create", "a", "--type", "dependency", "--depends-on", "c", "--json")
    assert refused.code == 3
    assert refused.document["chain"] == ["a", "b", "c", "a"]
    assert "a → b → c → a" in refused.err


def test_what_is_exported_can_be_applied(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """The text is a file of the same source: applied where it was exported, it changes nothing; as JSON too."""
    cli("apply", write_file(TWO))
    text = cli("export").out
    document = cli("export", "--json")
    (folder / "export.yaml").write_text(text)
    (folder / "export.json").write_text(document.out)
    assert document.document["name"] == "flow"
    for file in ("export.yaml", "export.json"):
        assert cli("plan", file, "--json").document["changes"] == []


def test_export_of_one_source_leaves_the_others_out(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """--source names the file whose rows are printed."""
    cli("apply", write_file("a: {}\n"))
    (folder / "other.yaml").write_text("version: 1\nworkflows:\n  c: {}\n")
    cli("apply", "other.yaml")
    assert set(cli("export", "--json").document["workflows"]) == {"a", "c"}
    assert set(cli("export", "--source", "other", "--json").document["workflows"]) == {"c"}
