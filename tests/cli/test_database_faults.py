"""What happens where the database cannot take what a command says?"""

from __future__ import annotations

import resource
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def stored(cli: Cli, write_file: WriteFile) -> Cli:
    """A database with one workflow."""
    assert cli("apply", write_file("a: {}\n")).code == 0
    return cli


def test_a_newer_database_is_refused(stored: Cli, folder: Path) -> None:
    """Exit code 1 for reading and writing, one sentence, nothing changed."""
    with sqlite3.connect(folder / "flowforge.db") as connection:
        connection.execute("UPDATE flowforge_graph_version SET version_num = '9999'")
    connection.close()
    for words in (("workflows", "list"), ("workflows", "delete", "a")):
        answer = stored(*words)
        assert (answer.code, answer.out) == (1, "")
        assert "newer" in answer.err
        assert answer.err.count("\n") == 1


@pytest.mark.parametrize("words", ["workflows list", "triggers list", "executions show x", "export", "complete x"])
def test_what_only_reads_makes_no_tables_in_a_database_of_others(cli: Cli, folder: Path, words: str) -> None:
    """A wrong URL is found as empty as it is of ours, which is said, and left as it was."""
    with sqlite3.connect(folder / "others.db") as connection:
        connection.execute("CREATE TABLE customers (id)")
    connection.close()
    more = ["--workflow", "a", "--status", "completed"] if words.startswith("complete") else []
    answer = cli(*words.split(), *more, "--database", "sqlite:///others.db")
    assert answer.code in {0, 4}
    assert answer.err.startswith("note: sqlite:///others.db has no workflows yet\n")
    with sqlite3.connect(folder / "others.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("customers",)]
    connection.close()


def test_a_read_only_database_can_be_read_and_not_written(stored: Cli, write_file: WriteFile) -> None:
    """Reading works; writing is exit code 1 in one sentence."""
    url = "sqlite:///file:flowforge.db?mode=ro&uri=true"
    assert stored("--database", url, "workflows", "list", "--json").document["workflows"][0]["id"] == "a"
    answer = stored("--database", url, "apply", write_file("a: {}\nb: {}\n"))
    assert (answer.code, answer.out) == (1, "")
    assert "readonly" in answer.err.replace("read-only", "readonly")
    assert answer.err.count("\n") == 1


def test_a_full_disk_leaves_nothing_half_written(
    stored: Cli, spawn: Spawn, write_file: WriteFile, folder: Path
) -> None:
    """Exit code 1 in one sentence; what was stored before is still all that is stored."""
    room = (folder / "flowforge.db").stat().st_size + 20_000
    many = "".join(f"w{number}: {{description: {'x' * 1_000}}}\n" for number in range(300))
    process = spawn(
        "apply",
        write_file(f"a: {{}}\n{many}"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )
    out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert err.startswith("error: the database sqlite:///flowforge.db answered: ")
    assert err.count("\n") == 1
    assert [w["id"] for w in stored("workflows", "list", "--json").document["workflows"]] == ["a"]


def test_a_foreign_table_of_the_same_name_is_refused(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """A host's database is not taken over: exit code 1, and none of our tables appears in it."""
    with sqlite3.connect(folder / "flowforge.db") as connection:
        connection.execute("CREATE TABLE workflows (somebody TEXT)")
    connection.close()
    answer = cli("apply", write_file("a: {}\n"))
    assert (answer.code, answer.out) == (1, "")
    assert "workflows" in answer.err
    with sqlite3.connect(folder / "flowforge.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("workflows",)]
    connection.close()
