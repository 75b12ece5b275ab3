"""How an execution is stopped, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flowforge_graph.executors import LocalExecutor
from flowforge_graph.model import Workflow
from tests.executors.conftest import MakeExecutor
from tests.executors.hosts import (
    RememberingHost,
    command,
    eventually,
    execution,
    gone,
    is_alive,
    number_in,
    run_all,
    settle,
    supervisor_of,
)

# Writes its process id into the file "pid", then runs for ever.
ENDLESS = "echo $$ > pid; while :; do sleep 0.05; done"
DEAF = f"trap '' TERM HUP INT; {ENDLESS}"


def shell(script: str, folder: Path, timeout_seconds: int | None = None) -> Workflow:
    """A workflow that runs ``script`` in ``folder``."""
    return command("sh", "-c", script, folder=folder, timeout_seconds=timeout_seconds)


def started(executor: LocalExecutor, script: str, folder: Path) -> int:
    """Start ``script`` as execution e-1 and return its process id."""
    executor.start(execution(), shell(script, folder))
    return number_in(folder / "pid")


@pytest.mark.parametrize("script", [ENDLESS, DEAF], ids=["obeys", "ignores-TERM"])
def test_a_timeout_is_failed(executor: LocalExecutor, host: RememberingHost, tmp_path: Path, script: str) -> None:
    """After its timeout a command is ended, deaf or not: failed, reason timeout."""
    run_all(executor, [(execution(), shell(script, tmp_path, timeout_seconds=1))])
    end = host.ends["e-1"]
    assert (end.status, end.reason) == ("failed", "timeout")
    assert end.error == "the command was stopped after its timeout of 1 seconds"
    gone(number_in(tmp_path / "pid"))


def test_a_workflow_without_a_timeout_has_the_executors(
    make_executor: MakeExecutor, host: RememberingHost, tmp_path: Path
) -> None:
    """The executor's own timeout holds where the workflow names none."""
    run_all(make_executor(timeout_seconds=0.5), [(execution(), shell(ENDLESS, tmp_path))])
    assert host.ends["e-1"].reason == "timeout"


@pytest.mark.parametrize("script", [ENDLESS, DEAF], ids=["obeys", "ignores-TERM"])
def test_a_cancelled_command_ends(executor: LocalExecutor, host: RememberingHost, tmp_path: Path, script: str) -> None:
    """Cancel sends TERM and then KILL; the end is cancelled, once, however often it was asked for."""
    process = started(executor, script, tmp_path)
    assert executor.cancel("e-1")
    executor.cancel("e-1")
    settle(executor)
    assert (host.ends["e-1"].status, host.ends["e-1"].reason) == ("cancelled", "cancel_requested")
    assert host.reports == ["e-1"]
    gone(process)


def test_a_command_may_end_in_order(make_executor: MakeExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """TERM comes first: a command that listens can clean up, and still was cancelled."""
    executor = make_executor(grace_seconds=60)
    started(executor, f"trap 'echo cleaned; exit 0' TERM; {ENDLESS}", tmp_path)
    executor.cancel("e-1")
    settle(executor)
    assert host.ends["e-1"].status == "cancelled"
    assert (host.ends["e-1"].output or "").endswith("cleaned\n")


def test_what_does_not_run_cannot_be_cancelled(executor: LocalExecutor) -> None:
    """Cancel answers whether there was anything to stop."""
    run_all(executor, [(execution(), command("true"))])
    assert not executor.cancel("e-1")
    assert not executor.cancel("never")


def test_a_request_to_cancel_comes_with_a_renewal(host: RememberingHost, make_executor: MakeExecutor) -> None:
    """What another process asked for is learned from the host."""
    executor = make_executor()
    executor.start(execution(), command("sleep", "1000"))
    host.request_cancel("e-1")
    settle(executor)
    assert (host.ends["e-1"].status, host.ends["e-1"].reason) == ("cancelled", "cancel_requested")


LEAVE = ["{} &", "({} &);", "setsid {} &", "(setsid {} &);"]


@pytest.mark.parametrize("leave", LEAVE, ids=["background", "orphan", "session", "orphaned-session"])
@pytest.mark.parametrize("script", [ENDLESS, DEAF], ids=["obeys", "ignores-TERM"])
def test_what_a_command_leaves_behind_is_ended(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path, leave: str, script: str
) -> None:
    """Background processes end with their command, also those that left its group, and never hold up the output.

    The outcome is the command's own.
    """
    (tmp_path / "endless.sh").write_text(script)
    command_that_leaves = f"{leave.format('sh endless.sh')} until [ -s pid ]; do sleep 0.02; done; echo done"
    run_all(executor, [(execution(), shell(command_that_leaves, tmp_path))])
    assert (host.ends["e-1"].status, host.ends["e-1"].output) == ("completed", "done\n")
    assert not is_alive(number_in(tmp_path / "pid"))


def test_a_lost_lease_stops_the_command_without_a_word(
    host: RememberingHost, make_executor: MakeExecutor, tmp_path: Path
) -> None:
    """Whoever took the execution over reports its end; here it only stops, and the host can forget it."""
    executor = make_executor()
    process = started(executor, DEAF, tmp_path)
    host.take_away("e-1")
    settle(executor)
    gone(process)
    assert host.ends == {}
    assert host.let_go_of == ["e-1"]


def test_a_killed_supervisor_takes_the_command_with_it(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path
) -> None:
    """Without its supervisor a command, and what it started, does not go on; the execution failed."""
    process = started(executor, f"sleep 1000 & echo $! > other; {DEAF}", tmp_path)
    os.kill(supervisor_of(process), signal.SIGKILL)
    settle(executor)
    assert host.ends["e-1"].status == "failed"
    assert host.ends["e-1"].error == "the supervisor of the command was killed, and the command with it"
    gone(process, number_in(tmp_path / "other"))


def test_a_supervisor_that_is_asked_to_end_ends_the_command(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path
) -> None:
    """TERM for everybody, as at a shutdown, leaves no orphan."""
    process = started(executor, DEAF, tmp_path)
    assert is_alive(process)
    os.kill(supervisor_of(process), signal.SIGTERM)
    settle(executor)
    assert host.ends["e-1"].error == "the command was ended by signal SIGKILL (9)"
    gone(process)


def test_close_ends_all_and_reports(make_executor: MakeExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """Closing stops every command, reports each as cancelled, and may be called again; nothing starts any more."""
    executor = make_executor()
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        executor.start(execution(f"e-{number}"), shell(DEAF, tmp_path / str(number)))
    processes = [number_in(tmp_path / str(number) / "pid") for number in range(3)]
    executor.close()
    executor.close()
    assert {(end.status, end.reason) for end in host.ends.values()} == {("cancelled", "engine_stopped")}
    assert sorted(host.ends) == ["e-0", "e-1", "e-2"]
    assert not any(map(is_alive, processes))
    eventually(lambda: not executor.running())
