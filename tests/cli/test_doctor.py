"""Does ``doctor`` answer in one line a check, with the exit code that a watchdog reads?"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flowforge_graph.cli.options import DATABASE_VARIABLE
from flowforge_graph.observability import CHECKS
from flowforge_graph.storage import sqlite
from tests.cli.conftest import Answer, python_run
from tests.executors.hosts import eventually

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]
Spawn = Callable[..., "subprocess.Popen[str]"]
LINES = [name for name in CHECKS if name != "postgresql"]


@pytest.fixture(autouse=True)
def _whichever_sqlite_is_loaded_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one this process has loaded depends on the tests before; it has a test of its own."""
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _: True)


@pytest.fixture
def stored(cli: Cli, write_file: WriteFile) -> Cli:
    """A database with one workflow that a schedule starts."""
    workflow = f"a: {{run: {python_run('pass')}, triggers: [{{type: scheduled, cron: '@hourly'}}]}}\n"
    assert cli("apply", write_file(workflow)).code == 0
    return cli


def change(folder: Path, *statements: str) -> None:
    """Change rows by hand, while no command runs."""
    connection = sqlite._driver().connect(folder / "flowforge.db")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_a_healthy_database_is_exit_code_0(stored: Cli) -> None:
    """A line a check, all ok, and a summary."""
    answer = stored("doctor")
    assert (answer.code, answer.err) == (0, "")
    header, *lines, empty, summary = answer.out.splitlines()
    assert header.split() == ["STATE", "CHECK", "FINDING"]
    assert [line.split()[0] for line in lines] == ["ok"] * len(LINES)
    assert [line[7:].split("  ")[0] for line in lines] == LINES
    assert (empty, summary) == ("", f"{len(LINES)} checks: 0 problems, 0 warnings")


def test_a_problem_is_exit_code_1(stored: Cli, folder: Path) -> None:
    """The line says what to do; the other checks stay ok."""
    change(folder, "UPDATE workflow_triggers SET next_run_at = 1000")
    answer = stored("doctor")
    assert answer.code == 1
    (line,) = [line for line in answer.out.splitlines() if line.startswith("problem")]
    assert "nobody ticks; start 'flowforge-graph serve'" in line
    assert answer.out.splitlines()[-1] == f"{len(LINES)} checks: 1 problem, 0 warnings"


def test_a_warning_alone_is_exit_code_0(stored: Cli, write_file: WriteFile) -> None:
    """Nobody has to come because of it."""
    triggers = "{triggers: [{type: event, event_type: e}]}"
    assert stored("apply", write_file(f"host_runs_it: {triggers}\n", "other.yaml")).code == 0
    answer = stored("doctor", "--json")
    assert (answer.code, answer.document["success"]) == (0, True)
    assert [c["check"] for c in answer.document["checks"] if c["state"] == "warning"] == ["executors"]


def test_json_is_one_document(stored: Cli, folder: Path) -> None:
    """Each check with its state and message; ``success`` says what the exit code says."""
    document = stored("doctor", "--json").document
    assert document["success"] is True
    assert [check["check"] for check in document["checks"]] == LINES
    assert {frozenset(check) for check in document["checks"]} == {frozenset({"check", "state", "message"})}
    change(folder, "UPDATE flowforge_graph_version SET version_num = '9999'")
    answer = stored("doctor", "--json")
    assert (answer.code, answer.document["success"]) == (1, False)
    assert [check["check"] for check in answer.document["checks"]] == ["database", "schema"]


def test_a_database_that_does_not_exist_is_a_problem(cli: Cli, folder: Path) -> None:
    """Whoever watches the wrong file learns it; no file is made."""
    answer = cli("doctor")
    assert answer.code == 1
    assert "problem  database  there is no file flowforge.db: correct the URL" in answer.out
    assert list(folder.iterdir()) == []


def test_a_server_that_does_not_answer_is_one_line(cli: Cli, folder: Path) -> None:
    """Exit code 1, without the password, and nothing on stderr; a URL of another kind is exit code 2."""
    answer = cli("doctor", "--database", f"postgresql://ann:s3cret@/none?host={folder}")
    assert (answer.code, answer.err) == (1, "")
    assert answer.out.count("problem  database  ") == 1
    assert "s3cret" not in answer.out
    assert cli("doctor", "--database", "mysql://x@y/z").code == 2


def test_hostile_rows_cannot_break_a_line(stored: Cli, folder: Path) -> None:
    """Escape sequences and newlines in an id that came in by hand are shown escaped."""
    change(
        folder,
        "UPDATE workflow_triggers SET id = 'a' || char(10) || 'ok  b' || char(27) || '[2J', cron_expression = 'x'",
    )
    answer = stored("doctor")
    assert answer.code == 1
    assert len(answer.out.splitlines()) == len(LINES) + 3
    assert all(line.isprintable() for line in answer.out.splitlines())


def test_a_frozen_holder_is_found_and_a_living_one_is_well(
    spawn: Spawn, cli: Cli, write_file: WriteFile, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``serve`` that runs a command renews while one watches; stopped or killed it does not."""
    monkeypatch.setenv(DATABASE_VARIABLE, f"sqlite:///{folder}/served.db")
    ready = folder / "ready"
    code = f"import pathlib, time; pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    assert (
        cli("apply", write_file(f"a: {{run: {python_run(code)}, triggers: [{{type: event, event_type: e}}]}}\n")).code
        == 0
    )
    server = spawn("serve", "--port", "0", "--database", f"sqlite:///{folder}/served.db")
    start_by_hand(f"sqlite:///{folder}/served.db")
    eventually(ready.exists)
    living = cli("doctor", "--json", "--watch", "60")
    assert {c["check"]: c["state"] for c in living.document["checks"]}["leases"] == "ok", living.out
    server.send_signal(signal.SIGSTOP)
    frozen = cli("doctor", "--json", "--watch", "2.5")
    assert frozen.code == 1
    (leases,) = [c for c in frozen.document["checks"] if c["check"] == "leases"]
    assert leases["state"] == "problem"
    assert "1 of 1 claim gave no sign of life" in leases["message"]
    assert f":{server.pid}'" in leases["message"]
    server.kill()
    server.wait()
    dead = cli("doctor", "--json", "--watch", "0.1")
    assert [c["check"] for c in dead.document["checks"] if c["state"] == "problem"] == ["leases"]


def start_by_hand(url: str) -> None:
    """Start workflow ``a`` from another process than the one that serves."""
    from flowforge_graph import TriggerEngine

    with TriggerEngine(url) as engine:
        engine.start("a")


def test_serve_logs_facts_as_json(spawn: Spawn, cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """``--log-format json``: every line of stderr is one object with its event; nothing else is said."""
    url = f"sqlite:///{folder}/served.db"
    event = "{type: event, event_type: e}"
    file = write_file(f"a: {{run: {python_run('pass')}, triggers: [{event}]}}\n")
    assert cli("apply", file, "--database", url).code == 0
    server = spawn("serve", "--port", "0", "--database", url, "--log-format", "json")
    start_by_hand(url)
    seen: list[dict[str, object]] = []
    assert server.stderr is not None
    for line in server.stderr:
        seen.append(json.loads(line))
        if seen[-1].get("event") == "completion.recorded":
            server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    events = [line["event"] for line in seen]
    assert [e for e in events if e == "serve.notice"] == ["serve.notice"] * 2
    assert [e for e in events if str(e).startswith(("execution.", "completion."))] == [
        "execution.claimed",
        "execution.started",
        "completion.recorded",
    ]
    (end,) = [line for line in seen if line["event"] == "completion.recorded"]
    assert (end["workflow_id"], end["status"], end["level"]) == ("a", "completed", "info")
