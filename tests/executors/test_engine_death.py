"""When the engine dies, by whatever means, nothing of its commands goes on; then only the next attempt begins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowforge_graph.executors import LocalExecutor
from tests.executors.hosts import (
    RememberingHost,
    command,
    execution,
    gone,
    is_alive,
    number_in,
    run_all,
    supervisor_of,
)

PROGRAM = str(Path(__file__).with_name("engine_process.py"))


def endless(name: str, *, deaf: bool = False) -> str:
    """A script that writes its process id into the file ``name``.pid and runs for ever."""
    return f"{'trap : TERM;' if deaf else ''} echo $$ > {name}.pid; while :; do sleep 0.05; done"


@contextmanager
def engine(state_folder: Path, folder: Path, how: str, *scripts: str) -> Iterator[subprocess.Popen[bytes]]:
    """An engine-like process whose commands all run; killed in the end, if not before."""
    arguments = [sys.executable, PROGRAM, str(state_folder), str(folder), how, *scripts]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("deaf", [False, True], ids=["obeys", "ignores-TERM"])
def test_a_killed_engine_leaves_no_command(state_folder: Path, tmp_path: Path, deaf: bool) -> None:
    """SIGKILL to the engine ends its commands, background processes included, though several were started at once."""
    background = f"sleep 1000 & echo $! > background; {endless('0', deaf=deaf)}"
    with engine(
        state_folder, tmp_path, "stay", background, *(endless(f"{n}", deaf=deaf) for n in range(1, 6))
    ) as killed:
        processes = [number_in(tmp_path / f"{n}.pid") for n in range(6)]
        assert all(map(is_alive, processes))
        killed.kill()
        gone(*processes, number_in(tmp_path / "background"))


def test_a_killed_engine_leaves_nothing_of_a_command_that_is_ending(state_folder: Path, tmp_path: Path) -> None:
    """The command itself had ended already; what it left in the background ends too."""
    (tmp_path / "endless.sh").write_text(endless("0", deaf=True))
    script = "sh endless.sh & until [ -s 0.pid ]; do sleep 0.02; done"
    with engine(state_folder, tmp_path, "stay", script) as killed:
        killed.kill()
        gone(number_in(tmp_path / "0.pid"))


def test_a_command_outlives_neither_engine_nor_supervisor(state_folder: Path, tmp_path: Path) -> None:
    """Where both are killed before the supervisor can act, the kernel ends the command."""
    with engine(state_folder, tmp_path, "stay", endless("0", deaf=True)) as killed:
        process = number_in(tmp_path / "0.pid")
        supervisor = supervisor_of(process)
        os.kill(supervisor, signal.SIGSTOP)
        killed.kill()
        os.kill(supervisor, signal.SIGKILL)
        gone(process, supervisor)


def test_a_fork_of_the_engine_keeps_no_command_alive(state_folder: Path, tmp_path: Path) -> None:
    """A copy of the engine's process (multiprocessing's fork) does not hide its death from the supervisor."""
    with engine(state_folder, tmp_path, "fork", endless("0")) as killed:
        bystander, process = number_in(tmp_path / "bystander"), number_in(tmp_path / "0.pid")
        killed.kill()
        gone(process)
        assert is_alive(bystander)
        os.kill(bystander, signal.SIGKILL)
        gone(bystander)


def test_an_interpreter_that_ends_takes_its_commands_along(state_folder: Path, tmp_path: Path) -> None:
    """The end of the program without close() neither waits for a callable nor leaves a command."""
    arguments = [sys.executable, PROGRAM, str(state_folder), str(tmp_path), "leave", endless("0", deaf=True)]
    assert subprocess.run(arguments).returncode == 0
    gone(number_in(tmp_path / "0.pid"))


def test_the_next_attempt_waits_until_the_earlier_one_is_gone(
    state_folder: Path, tmp_path: Path, executor: LocalExecutor, host: RememberingHost
) -> None:
    """On one machine, attempt 2 begins only when nothing of attempt 1 is left, though its engine is dead."""
    with engine(state_folder, tmp_path, "stay", endless("0", deaf=True)) as killed:
        first = number_in(tmp_path / "0.pid")
        assert is_alive(first)
        killed.kill()
        look = f"kill -0 {first} 2> /dev/null && echo alive || echo gone"
        run_all(executor, [(execution("e-0", attempt=2), command("sh", "-c", look))])
    assert host.ends["e-0"].output == "gone\n"


def test_another_execution_does_not_wait(
    state_folder: Path, tmp_path: Path, executor: LocalExecutor, host: RememberingHost
) -> None:
    """Only attempts of one execution of one database wait for each other."""
    other = RememberingHost(namespace="another database")
    elsewhere = LocalExecutor(state_folder=state_folder)
    elsewhere.attach(other)
    with engine(state_folder, tmp_path, "stay", endless("0")):
        run_all(executor, [(execution("e-1"), command("true"))])
        run_all(elsewhere, [(execution("e-0"), command("true"))])
        assert is_alive(number_in(tmp_path / "0.pid"))
    elsewhere.close()
    assert host.ends["e-1"].status == other.ends["e-0"].status == "completed"
