"""What do Ctrl-C and SIGTERM do to ``run`` and ``serve``?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, python_run

Cli = Callable[..., Answer]
Spawn = Callable[..., "subprocess.Popen[str]"]
WriteFile = Callable[..., str]

# It says which process it is, begins a process of its own, and would stay for ten minutes.
LONG = """
import os, pathlib, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("pids.tmp").write_text(f"{os.getpid()} {inner.pid}")
pathlib.Path("pids.tmp").rename("pids")
time.sleep(600)
"""
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LONG


@pytest.fixture
def long_file(write_file: WriteFile, folder: Path) -> str:
    """A long execution, and one that would follow it."""
    (folder / "long.py").write_text(LONG)
    run = json.dumps({"command": [sys.executable, "long.py"]})
    then = (
        f"b: {{run: {python_run('pass')}, triggers: [{{type: dependency, depends_on: a, condition: on_completion}}]}}"
    )
    return write_file(f"a: {{run: {run}}}\n{then}")


def until(condition: Callable[[], bool]) -> None:
    """Look again and again; a hang is ended by the test run's own limit."""
    while not condition():
        time.sleep(0.02)


def processes_of(folder: Path) -> list[int]:
    """The processes of the long command, once it runs."""
    until((folder / "pids").exists)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether the process runs. (One that has ended and that nobody has waited for is a zombie.)"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_cancels_what_runs_and_leaves_no_process(
    spawn: Spawn, cli: Cli, folder: Path, long_file: str, number: signal.Signals
) -> None:
    """Exit code 130, a whole document, everything ended, nothing started afterwards."""
    process = spawn("run", long_file, "--json")
    pids = processes_of(folder)
    process.send_signal(number)
    out, err = process.communicate()
    document = json.loads(out)
    assert process.returncode == 130
    assert (document["success"], document["status"]) == (False, "cancelled")
    assert [(e["workflowId"], e["status"]) for e in document["executions"]] == [("a", "cancelled")]
    assert [(v["workflowId"], v["reason"]) for v in document["verdicts"]] == [("b", "upstream_cancelled")]
    assert "Traceback" not in err
    assert not any(map(is_alive, pids))
    assert cli("executions", "list", "--status", "running", "--json").document == {"executions": []}


def test_a_signal_cancels_what_waits(spawn: Spawn, cli: Cli, write_file: WriteFile) -> None:
    """A delayed execution ends as cancelled."""
    trigger = "{type: dependency, depends_on: a, delay_minutes: 60}"
    file = write_file(f"a: {{run: {python_run('pass')}}}\nb: {{run: {python_run('pass')}, triggers: [{trigger}]}}")
    process = spawn("run", file)
    assert process.stderr is not None
    next(line for line in process.stderr if "waiting" in line)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert process.returncode == 130
    assert "2 executions: 1 completed, 1 cancelled" in out
    assert cli("executions", "list", "--status", "pending", "--json").document == {"executions": []}


def test_a_second_signal_does_not_wait(spawn: Spawn, folder: Path, long_file: str) -> None:
    """The process ends at once; the supervisor then ends a command that ignores SIGTERM."""
    (folder / "long.py").write_text(STUBBORN)
    process = spawn("run", long_file)
    pids = processes_of(folder)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    assert process.returncode == 130
    until(lambda: not any(map(is_alive, pids)))


def test_serve_runs_what_others_start_and_stops_on_sigterm(spawn: Spawn, cli: Cli, write_file: WriteFile) -> None:
    """Completions of another process are picked up; SIGTERM is exit code 0."""
    trigger = "{type: dependency, depends_on: a}"
    run = python_run("pass")
    cli("apply", write_file(f"a: {{run: {run}}}\nb: {{run: {run}, triggers: [{trigger}]}}"))
    process = spawn("serve", "--port", "0")
    assert process.stderr is not None
    assert "serving sqlite:///flowforge.db" in next(process.stderr)
    cli("complete", "elsewhere", "--workflow", "a", "--status", "completed")
    started = next(line for line in process.stderr if "started" in line)
    assert "started b (on_success of a), execution " in started
    ended = next(line for line in process.stderr if "completed" in line)
    assert "completed b after " in ended
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, "")
    assert err.rstrip().endswith("stopped")


def test_serve_starts_what_a_schedule_asks_for(spawn: Spawn, cli: Cli, write_file: WriteFile) -> None:
    """A fire time that was missed while nobody served is started, by the policy latest."""
    cli("apply", write_file(f'a: {{run: {python_run("pass")}, triggers: [{{type: scheduled, cron: "* * * * *"}}]}}'))
    (trigger,) = cli("triggers", "list", "--json").document["triggers"]
    _plan_since(trigger["id"], 3_600)
    process = spawn("serve", "--port", "0")
    assert process.stderr is not None
    assert "schedule" in next(line for line in process.stderr if "started a" in line)
    assert "completed a" in next(line for line in process.stderr if " a after " in line)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 0
    # A minute may have begun meanwhile: then there is a second one.
    assert cli("triggers", "history", trigger["id"], "--json").document["history"][-1]["status"] == "completed"


def test_ctrl_c_stops_serve_with_130_after_what_runs(
    spawn: Spawn, cli: Cli, folder: Path, write_file: WriteFile
) -> None:
    """What runs may end within the grace."""
    (folder / "wait.py").write_text(
        "import pathlib, time\npathlib.Path('up').touch()\nwhile not pathlib.Path('go').exists(): time.sleep(0.01)"
    )
    cli("apply", write_file(f"a: {{run: {json.dumps({'command': [sys.executable, 'wait.py']})}}}"))
    _start("a")
    process = spawn("serve", "--port", "0")
    until((folder / "up").exists)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    next(line for line in process.stderr if "waiting for 1 execution" in line)
    (folder / "go").touch()
    process.communicate()
    assert process.returncode == 130
    assert [e["status"] for e in cli("executions", "list", "--json").document["executions"]] == ["completed"]


def test_serve_stops_what_outlives_the_grace(spawn: Spawn, folder: Path, cli: Cli, long_file: str) -> None:
    """No process is left behind."""
    cli("apply", long_file)
    _start("a")
    process = spawn("serve", "--port", "0", "--grace", "0.1")
    pids = processes_of(folder)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 0
    assert "stopping what still runs: 1 execution" in err
    assert not any(map(is_alive, pids))


def _start(workflow: str) -> None:
    from flowforge_graph import TriggerEngine

    with TriggerEngine() as engine:
        engine.start(workflow)


def _plan_since(trigger_id: str, seconds: int) -> None:
    """Let the schedule have been planned only up to some time ago, as if nobody had served since."""
    import sqlite3

    then = int(time.time()) - seconds
    with sqlite3.connect("flowforge.db") as connection:
        statement = "UPDATE workflow_triggers SET planned_until = ?, next_run_at = ? WHERE id = ?"
        connection.execute(statement, (then, then + 60, trigger_id))
    connection.close()
