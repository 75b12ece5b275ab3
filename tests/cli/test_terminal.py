"""What does a person see on a terminal, and what does a pipe get?"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flowforge_graph.cli.output import aligned, print_json
from flowforge_graph.cli.text import count, countdown, duration, instant, last_lines, shown
from tests.cli.conftest import Answer, environment, python_run

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_terminal(folder: Path, *words: str, typed: str = "", **variables: str) -> tuple[int, str]:
    """Run a command with all three streams on a terminal of 100 columns; answer its exit code and what was seen."""
    person, terminal = pty.openpty()
    os.write(person, typed.encode())
    process = subprocess.Popen(
        [sys.executable, "-m", "flowforge_graph", *words],
        cwd=folder,
        env=environment(**{"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **variables}),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    seen = b""
    while piece := _read(person):
        seen += piece
    os.close(person)
    return process.wait(), seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other side is closed
        return b""


def test_a_terminal_shows_progress_that_leaves_only_the_summary(folder: Path, write_file: WriteFile) -> None:
    """The live table counts what runs; statuses have colours."""
    code, seen = on_terminal(folder, "run", write_file(f"a: {{run: {python_run('pass')}}}"))
    assert code == 0
    assert "(Ctrl-C cancels)" in seen
    assert "1 execution: 1 completed" in seen
    assert COLOUR.search(seen)
    assert "Z started a" not in seen


def test_no_color_is_honoured(folder: Path, write_file: WriteFile) -> None:
    """NO_COLOR leaves the progress and takes every colour and weight."""
    code, seen = on_terminal(folder, "run", write_file(f"a: {{run: {python_run('pass')}}}"), NO_COLOR="1")
    assert code == 0
    assert "(Ctrl-C cancels)" in seen
    assert not COLOUR.search(seen)


def test_a_dumb_terminal_gets_plain_lines(folder: Path, write_file: WriteFile) -> None:
    """Where the cursor cannot move, nothing is drawn twice."""
    code, seen = on_terminal(folder, "run", write_file(f"a: {{run: {python_run('pass')}}}"), TERM="dumb")
    assert code == 0
    assert "Z started a (attempt 1)" in seen
    assert "\x1b" not in seen


def test_a_table_on_a_terminal_wraps_ids_and_reads_no_markup(cli: Cli, folder: Path, write_file: WriteFile) -> None:
    """Nothing is cut off, however long an id is, and brackets are brackets."""
    long_id = "[red]" + "x" * 150
    cli("apply", write_file(f'"{long_id}": {{}}\n'))
    code, seen = on_terminal(folder, "workflows", "list", NO_COLOR="1")
    assert code == 0
    assert seen.count("x") >= 2 * 150
    assert "[red]" in seen
    assert "…" not in seen


def test_deleting_asks_on_a_terminal(cli: Cli, folder: Path, write_file: WriteFile) -> None:
    """No keeps it (exit code 1), yes deletes it, --yes does not ask."""
    cli("apply", write_file("a: {}\nb: {}\n"))
    code, seen = on_terminal(folder, "workflows", "delete", "a", typed="n\n")
    assert code == 1
    assert "Delete workflow 'a' and its triggers?" in seen
    assert "error: stopped before anything was done" in seen
    assert on_terminal(folder, "workflows", "delete", "a", typed="y\n")[0] == 0
    code, seen = on_terminal(folder, "workflows", "delete", "b", "--yes")
    assert "Delete workflow" not in seen
    assert cli("workflows", "list", "--json").document == {"workflows": []}


def test_a_pipe_gets_no_escape_sequences_and_whole_ids(cli: Cli, write_file: WriteFile) -> None:
    """Tables in a pipe are aligned plain text."""
    long_id = "x" * 200
    cli("apply", write_file(f'"{long_id}": {{}}\n"日本": {{}}\n'))
    answer = cli("workflows", "list")
    assert "\x1b" not in answer.out
    assert long_id in answer.out
    assert all(line == line.rstrip() for line in answer.out.splitlines())


def test_an_encoding_without_arrows_shows_escapes(folder: Path, write_file: WriteFile) -> None:
    """What the terminal's encoding lacks is escaped, and the exit code is the same."""
    file = write_file("a: {triggers: [{type: dependency, depends_on: a}]}")
    command = [sys.executable, "-m", "flowforge_graph", "graph", "check", file, "--json"]
    ran = subprocess.run(command, cwd=folder, env=environment(PYTHONIOENCODING="ascii"), capture_output=True)
    assert ran.returncode == 3
    assert b"a \\u2192 a" in ran.stderr
    assert b'"error"' in ran.stdout


def test_importing_is_late(folder: Path) -> None:
    """Help and previews load no database library, and nothing of the command line loads what only drawing needs."""
    code = (
        "import sys\nfrom flowforge_graph.cli import main\n"
        "assert main(['--help']) == 0 and main(['schedule', 'preview', '@daily']) == 0\n"
        "print(sorted({'sqlalchemy', 'alembic', 'networkx', 'hypothesis', 'graphviz'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1] == "[]", ran.stderr


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("silver", "silver"),
        ("日本 é", "日本 é"),
        ("[red]x[/red]", "[red]x[/red]"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\tc\x00", "a\\nb\\tc\\x00"),
        ("a\u202eb", "a\\u202eb"),
        ("a\udc80b", "a\\udc80b"),
    ],
)
def test_what_does_not_print_is_escaped(text: str, seen: str) -> None:
    """Controls, escape sequences, direction overrides and lone surrogates cannot reach a terminal."""
    assert shown(text) == seen


def test_json_escapes_what_terminals_obey(capsys: pytest.CaptureFixture[str]) -> None:
    """C1 controls, overrides and lone surrogates are escapes in the document, which is equal when it is read."""
    document = {"a": "é → \x9b2J \u202e \udc80 \x7f", "b": ["😀", "\U000e0001"]}
    print_json(document)
    text = capsys.readouterr().out
    assert json.loads(text) == document
    assert "é →" in text
    assert "😀" in text
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize(
    ("milliseconds", "seen"),
    [
        (None, "-"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (59_900, "59.9 s"),
        (59_990, "59.9 s"),
        (60_000, "1 min 00 s"),
        (185_000, "3 min 05 s"),
        (7_380_000, "2 h 03 min"),
    ],
)
def test_durations_read_well(milliseconds: int | None, seen: str) -> None:
    """Milliseconds, seconds, minutes or hours, by size, rounded down."""
    assert duration(milliseconds) == seen


def test_columns_are_aligned_by_their_width_on_a_terminal() -> None:
    """A Japanese character is two columns wide."""
    assert aligned([("A", "B"), ("日本", "x"), ("abc", "")]) == ["A     B", "日本  x", "abc"]


def test_small_words() -> None:
    """One is singular; instants are UTC; countdowns round up; only the last lines of an output are shown."""
    from datetime import UTC, datetime, timedelta

    assert (count(1, "trigger"), count(1_200, "trigger")) == ("1 trigger", "1,200 triggers")
    assert instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05Z"
    assert [countdown(timedelta(seconds=s)) for s in (-5, 0.1, 59.5, 3_600)] == [
        "0 s",
        "1 s",
        "1 min 00 s",
        "1 h 00 min",
    ]
    assert last_lines("a\nb\tc\nd\x07\n\n", 2) == ["b   c", "d\\x07"]
