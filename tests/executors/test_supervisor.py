"""The supervisor by itself: what it tells, and in which order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowforge_graph.executors.local import supervisor as program
from tests.executors.hosts import eventually, gone


@contextmanager
def supervisor(status: int, folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """The supervisor of ``command``, with ``status`` to write to; its standard input is the pipe from the engine."""
    arguments = [sys.executable, "-I", "-S", program.__file__, str(status), "60", "0.3", *command]
    with subprocess.Popen(
        arguments, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[status]
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told(folder: Path, *command: str) -> list[str]:
    """All that a supervisor says of ``command``; the numbers of processes left out."""
    reader, writer = os.pipe()
    with supervisor(writer, folder, *command):
        os.close(writer)
        with open(reader, encoding="ascii") as news:
            lines = news.read().splitlines()
    return ["started" if line.startswith("started ") else line for line in lines]


def test_it_tells_how_a_command_ended(tmp_path: Path) -> None:
    """Started, ended and with what, gone: in this order."""
    assert told(tmp_path, "sh", "-c", "exit 3") == ["started", "ended 3", "gone"]
    assert told(tmp_path, "sh", "-c", "kill -9 $$") == ["started", "ended -9", "gone"]


def test_it_tells_why_a_command_did_not_start(tmp_path: Path) -> None:
    """The error number of what the system refused."""
    assert told(tmp_path, "./missing") == ["started", "refused 2"]


def test_a_command_begins_only_after_its_number_was_told(tmp_path: Path) -> None:
    """While the engine has not been told which process it is, nothing runs; a supervisor killed then leaves nothing."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = os.write(writer, b"x" * (1 << 20))
    os.set_blocking(writer, True)
    assert filled < 1 << 20, "the pipe is full: the supervisor cannot tell"
    with supervisor(writer, tmp_path, "touch", "begun") as process:
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        eventually(below.read_text)
        waiting = int(below.read_text())
        process.kill()
        gone(waiting)
    for end in (reader, writer):
        os.close(end)
    assert not (tmp_path / "begun").exists()


def test_the_end_of_the_engines_pipe_ends_the_command(tmp_path: Path) -> None:
    """The grace is then the short one, not that of an orderly stop."""
    reader, writer = os.pipe()
    with supervisor(writer, tmp_path, "sh", "-c", "trap '' TERM; touch deaf; while :; do sleep 0.05; done") as process:
        os.close(writer)
        eventually((tmp_path / "deaf").exists)
        assert process.stdin is not None
        process.stdin.close()
        with open(reader, encoding="ascii") as news:
            assert news.read().splitlines()[1:] == ["ended -9", "gone"]
        assert process.wait() == 0
