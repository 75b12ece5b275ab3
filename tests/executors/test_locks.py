"""The locks that keep two attempts of one execution apart."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from flowforge_graph.errors import DispatchError
from flowforge_graph.executors import LocalExecutor
from flowforge_graph.executors.local.locks import ExecutionLock, private_folder
from tests.executors.hosts import RememberingHost, command, eventually, execution, run_all, settle


def acquired(folder: Path, execution_id: str = "e-1") -> ExecutionLock | None:
    """The lock of an execution of the database that the tests' host names."""
    return ExecutionLock.try_acquire(folder, namespace="tests", execution_id=execution_id)


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    """It can be had once, and again after its release; another execution's is another."""
    first = acquired(tmp_path)
    assert first is not None
    assert acquired(tmp_path) is None
    other = acquired(tmp_path, "e-2")
    assert other is not None
    first.release()
    again = acquired(tmp_path)
    assert again is not None
    for lock in (again, other):
        lock.release()


def test_no_lock_file_is_left(executor: LocalExecutor, host: RememberingHost, state_folder: Path) -> None:
    """Running many commands at once leaves an empty folder."""
    run_all(executor, [(execution(f"e-{n}"), command("true")) for n in range(20)])
    assert len(host.ends) == 20
    assert list(state_folder.iterdir()) == []


def test_a_lock_that_a_process_inherited_stays(tmp_path: Path) -> None:
    """While a process of the command holds it, the file stays and the lock is taken, though we released it."""
    lock = acquired(tmp_path)
    assert lock is not None
    with subprocess.Popen(["sleep", "1000"], pass_fds=[lock.descriptor]) as heir:
        lock.release()
        assert acquired(tmp_path) is None
        heir.kill()
    freed = acquired(tmp_path)
    assert freed is not None
    freed.release()


def test_a_lock_on_a_removed_file_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the last holder removes the file between our open and our lock, we lock the new file."""
    real_open, removed = os.open, []

    def open_and_lose(path: os.PathLike[str], *arguments: int) -> int:
        descriptor = real_open(path, *arguments)
        if not removed:
            removed.append(path)
            os.unlink(path)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_lose)
    lock = acquired(tmp_path)
    monkeypatch.undo()
    assert lock is not None
    assert removed
    assert acquired(tmp_path) is None
    lock.release()


def test_an_execution_waits_for_its_lock(executor: LocalExecutor, host: RememberingHost, state_folder: Path) -> None:
    """It counts as running and keeps its lease while it waits, and runs as soon as the lock is free."""
    lock = acquired(private_folder(state_folder))
    assert lock is not None
    executor.start(execution(), command("true"))
    eventually(lambda: host.renewed)
    assert executor.running() == {"e-1"}
    lock.release()
    settle(executor)
    assert host.ends["e-1"].status == "completed"


def test_a_waiting_execution_can_be_cancelled(
    executor: LocalExecutor, host: RememberingHost, state_folder: Path, tmp_path: Path
) -> None:
    """Its command never starts."""
    lock = acquired(private_folder(state_folder))
    assert lock is not None
    executor.start(execution(), command("touch", "started", folder=tmp_path))
    assert executor.cancel("e-1")
    settle(executor)
    lock.release()
    assert host.ends["e-1"].status == "cancelled"
    assert not (tmp_path / "started").exists()


def test_the_state_folder_is_private(executor: LocalExecutor, state_folder: Path) -> None:
    """It is made for this user alone."""
    run_all(executor, [(execution(), command("true"))])
    assert state_folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("prepare", ["others may write", "a link", "a file", "below a file"])
def test_a_state_folder_that_is_not_ours_is_refused(tmp_path: Path, prepare: str) -> None:
    """Nobody else may remove or replace locks: one sentence names the folder."""
    folder = tmp_path / "state"
    match prepare:
        case "others may write":
            folder.mkdir()
            folder.chmod(0o777)
        case "a link":
            (tmp_path / "other").mkdir()
            folder.symlink_to(tmp_path / "other")
        case "a file":
            folder.write_text("")
        case "below a file":
            (tmp_path / "file").write_text("")
            folder = tmp_path / "file" / "state"
    executor = LocalExecutor(state_folder=folder)
    executor.attach(RememberingHost())
    with pytest.raises(DispatchError, match="state_folder"):
        executor.start(execution(), command("true"))
    assert not executor.running()
