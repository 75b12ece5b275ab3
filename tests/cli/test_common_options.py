"""Where may the database and ``--json`` stand, and what do they do?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowforge_graph.cli.options import DATABASE_VARIABLE
from flowforge_graph.cli.output import column_widths
from tests.cli.conftest import Answer

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]


def test_the_database_may_stand_before_and_after_the_command(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """Both places mean the same; the later one wins."""
    file = write_file("a:\n")
    assert cli("--database", "sqlite:///one.db", "apply", file).code == 0
    assert cli("apply", file, "--database", "sqlite:///two.db").code == 0
    assert cli("--database", "sqlite:///one.db", "apply", file, "--database", "sqlite:///three.db").code == 0
    assert sorted(path.name for path in folder.glob("*.db")) == ["one.db", "three.db", "two.db"]


def test_the_environment_names_the_database(
    cli: Cli, write_file: WriteFile, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is used where no option is given; an option wins over it."""
    monkeypatch.setenv(DATABASE_VARIABLE, "sqlite:///named.db")
    assert cli("apply", write_file("a:\n")).code == 0
    assert (folder / "named.db").exists()
    assert cli("workflows", "list", "--json", "--database", "sqlite:///other.db").document == {"workflows": []}


def test_the_default_database_lies_in_the_current_folder(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """Without option and variable it is ``sqlite:///flowforge.db``."""
    assert cli("apply", write_file("a:\n")).code == 0
    assert (folder / "flowforge.db").exists()


@pytest.mark.parametrize("words", [("--json", "workflows", "list"), ("workflows", "list", "--json")])
def test_json_may_stand_before_and_after_the_command(cli: Cli, words: tuple[str, ...]) -> None:
    """Both places mean the same."""
    assert cli(*words).document == {"workflows": []}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("workflows", "list"), 0),
        (("triggers", "list"), 0),
        (("executions", "list"), 0),
        (("export",), 0),
        (("tokens", "list"), 0),
        (("tokens", "revoke", "t"), 4),
        (("workflows", "show", "a"), 4),
        (("workflows", "delete", "a"), 4),
        (("triggers", "list", "a"), 4),
        (("triggers", "create", "a", "--type", "manual"), 4),
        (("triggers", "enable", "t"), 4),
        (("triggers", "history", "t"), 4),
        (("executions", "show", "e"), 4),
        (("executions", "cancel", "e"), 4),
        (("graph", "upstream", "a"), 4),
        (("complete", "e", "--workflow", "a", "--status", "failed"), 4),
        (("prune", "--before", "2026-01-01T00:00:00Z"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_missing_database_is_empty_and_is_not_created(
    cli: Cli, folder: Path, words: tuple[str, ...], code: int
) -> None:
    """Only a command that brings workflows into being makes a database file; others say that there is none."""
    answer = cli(*words)
    assert answer.code == code
    assert "note: there is no database at flowforge.db yet" in answer.err
    assert list(folder.iterdir()) == []


def test_a_plan_on_a_missing_database_adds_everything_and_creates_nothing(
    cli: Cli, write_file: WriteFile, folder: Path
) -> None:
    """A plan changes nothing, not even on the disk."""
    assert cli("plan", write_file("a:\n"), "--json").document["added"] == 1
    assert not (folder / "flowforge.db").exists()


@pytest.mark.parametrize("url", ["mysql://ann:s3cret@host/db", "flowforge.db", "s3cret"])
def test_a_url_of_something_else_is_a_bad_argument(cli: Cli, url: str) -> None:
    """SQLite and PostgreSQL are the databases; the message shows no password."""
    answer = cli("workflows", "list", "--database", url)
    assert answer.code == 2
    assert answer.err.startswith("error: the database URL must begin with sqlite:/// or postgresql://, not ")
    assert ":s3cret@" not in answer.err


def test_a_server_that_does_not_answer_is_a_database_fault(cli: Cli) -> None:
    """Exit code 1, one sentence, no password, no traceback."""
    answer = cli("workflows", "list", "--database", "postgresql+psycopg://ann:s3cret@127.0.0.1:1/db")
    assert answer.code == 1
    assert answer.err.startswith("error: the database postgresql+psycopg://ann:***@127.0.0.1:1/db answered: ")
    assert answer.err.count("\n") == 1
    assert "s3cret" not in answer.err


def test_a_file_that_is_no_database_is_a_database_fault(cli: Cli, folder: Path) -> None:
    """A text file is not opened as a database, and is left as it is."""
    (folder / "notes.txt").write_text("not a database " * 100)
    answer = cli("workflows", "list", "--database", "sqlite:///notes.txt", "--json")
    assert answer.code == 1
    assert answer.document["success"] is False
    assert answer.document["error"] in answer.err
    assert (folder / "notes.txt").read_text() == "not a database " * 100


def test_postgresql_is_chosen_by_its_url(cli: Cli, write_file: WriteFile, postgres_url: str, folder: Path) -> None:
    """The same commands work on PostgreSQL, and no SQLite file appears."""
    assert cli("--database", postgres_url, "apply", write_file("a:\n")).code == 0
    listed = cli("--database", postgres_url, "workflows", "list", "--json").document["workflows"]
    assert [workflow["id"] for workflow in listed] == ["a"]
    assert list(folder.glob("*.db")) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nonsense",), "no such command 'nonsense'"),
        (("workflows", "nonsense"), "no such command 'nonsense'"),
        (("run",), "missing argument 'FILE'"),
        (("run", "a.yaml", "b.yaml"), "got unexpected extra argument(s) (b.yaml)"),
        (("run", "a.yaml", "--nonsense"), "no such option: --nonsense"),
        (("executions", "list", "--limit", "0"), "invalid value for '--limit': 0 is less than 1"),
        (("executions", "list", "--limit", "9.5"), "invalid value for '--limit': '9.5' is not a whole number"),
        (("executions", "list", "--status", "done"), "invalid value for '--status': 'done' is not one of 'pending'"),
        (("serve", "--grace", "soon"), "invalid value for '--grace': 'soon' is not a number of seconds"),
        (("complete", "e", "--workflow", "a"), "missing option '--status'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(cli: Cli, words: tuple[str, ...], complaint: str) -> None:
    """The sentence names what is wrong and where help is."""
    answer = cli(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith(f"error: {complaint}")
    assert answer.err.rstrip().endswith("--help')")
    assert answer.err.count("\n") == 1


def test_a_wrong_command_line_with_json_is_a_json_document_too(cli: Cli) -> None:
    """A program that asked for JSON gets JSON, whatever goes wrong."""
    answer = cli("--json", "run")
    assert answer.code == 2
    assert answer.document == {"success": False, "error": answer.err.removeprefix("error: ").rstrip("\n")}


def test_no_arguments_show_the_help(cli: Cli) -> None:
    """A person who types the bare name learns what there is; a script learns that it forgot something."""
    answer = cli()
    assert answer.code == 2
    assert answer.out == ""
    assert "Commands:" in answer.err


def test_the_version_is_printed(cli: Cli) -> None:
    """``--version`` is data."""
    answer = cli("--version")
    assert answer.code == 0
    assert answer.out.startswith("flowforge-graph ")


def test_narrow_terminals_fold_and_cut_nothing() -> None:
    """Short columns stay whole where there is room, the others share the rest, and all of it fits."""
    rows = [("WORKFLOW", "STATUS", "TOOK", "WHY"), ("w" * 41, "completed", "139 ms", "on_success of " + "u" * 41)]
    assert column_widths(rows, room=200) == [41, 9, 6, 55]
    assert column_widths(rows, room=80) == [29, 9, 6, 30]
    assert column_widths(rows, room=20) == [4, 3, 3, 4]
    for room in range(10, 200):
        assert sum(column_widths(rows, room=room)) + 2 * 3 <= room
