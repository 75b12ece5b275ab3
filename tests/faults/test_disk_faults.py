"""Does a disk that is full, broken or read-only lose what SQLite acknowledged, or stop an engine for good?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import DatabaseError
from flowforge_graph.model import DependencyTrigger
from tests.faults import actions
from tests.faults.disks import Disk, FullDisk, FullFile, LimitedFiles, obey_file_modes, small_disk
from tests.faults.files import append_line, lines_of
from tests.faults.forms import so_many
from tests.faults.rows import assert_graph_is_sound, assert_history_is_sound, rows
from tests.faults.waiting import eventually
from tests.faults.workers import HANG_SECONDS, workers

FAULTS = so_many(short=3, long=40)
LINES_BETWEEN = 10


@pytest.fixture(params=["write-ahead-log", "rollback-journal"])
def rollback_journal(request: pytest.FixtureRequest) -> bool:
    """Each journal meets a failing disk in its own way."""
    return bool(request.param == "rollback-journal")


@pytest.fixture(params=["full", "full-file", "io-error"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """A disk that works, until it is told to fail."""
    folder = tmp_path / "disk"
    with ExitStack() as mounted:
        if request.param == "io-error":
            folder.mkdir()
            yield LimitedFiles(folder)
        else:
            is_mounted = request.param == "full" and mounted.enter_context(small_disk(folder))
            folder.mkdir(exist_ok=True)
            yield FullDisk(folder) if is_mounted else FullFile(folder)


def url_on(folder: Path) -> str:
    """A database with a workflow and one downstream."""
    url = f"sqlite:///{folder / 'flowforge.db'}"
    with TriggerEngine(url) as engine:
        engine.create_workflow("up")
        engine.create_workflow("down")
        engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up"))
    return url


def test_what_was_acknowledged_stays_and_the_same_engine_goes_on_when_the_disk_does(
    disk: Disk, rollback_journal: bool, tmp_path: Path, saw: Callable[..., None]
) -> None:
    """Each fault is told in a sentence; all that was acknowledged before and after is stored, once, with its effect."""
    url, ledger, stop = url_on(disk.folder), tmp_path / "ledger", tmp_path / "stop"
    with workers(1) as (worker,):
        disk.prepare(worker)
        worker.call(actions.open_engine, url, rollback_journal=rollback_journal)
        worker.ask(complete_stubbornly, str(ledger), str(stop))
        for _ in range(FAULTS):
            enough = len(lines_of(ledger)) + LINES_BETWEEN
            eventually(lambda enough=enough: len(lines_of(ledger)) >= enough)
            disk.fail(worker.pid)
            sentence = worker.answer()
            assert url in sentence
            assert sentence.endswith(disk.words)
            # What is stored can be read meanwhile.
            assert what_is_lost(url, ledger) == set()
            disk.mend(worker.pid)
            assert worker.answer() == "works again"
        stop.touch()
        assert worker.answer() == len(lines_of(ledger))
    lost = what_is_lost(url, ledger)
    assert lost == set()
    down = rows(url, "SELECT upstream_execution_id FROM executions WHERE workflow_id = 'down'")
    assert len(down) == len(lines_of(ledger))
    assert_history_is_sound(url)
    assert_graph_is_sound(url)
    assert [tuple(row) for row in rows(url, "PRAGMA integrity_check")] == [("ok",)]
    saw(faults=FAULTS, acknowledged=len(down), lost=len(lost))


def what_is_lost(url: str, ledger: Path) -> set[str]:
    stored = {row.id for row in rows(url, "SELECT id FROM executions WHERE status = 'completed'")}
    return {execution_id for (execution_id,) in lines_of(ledger)} - stored


def complete_stubbornly(ledger: str, stop: str) -> int:
    """In a worker: complete one after another, each again while the database does not take it; answer how many."""
    engine, number = actions.this.engine, 0
    while not Path(stop).exists():
        try:
            engine.complete(f"e{number}", "completed", workflow_id="up")
        except DatabaseError as error:
            actions.tell(str(error))
            insist(f"e{number}")
            actions.tell("works again")
        append_line(ledger, f"e{number}")
        number += 1
    return number


def insist(execution_id: str) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        try:
            actions.this.engine.complete(execution_id, "completed", workflow_id="up")
        except DatabaseError:
            time.sleep(0.01)
        else:
            return
    raise AssertionError("it never worked again")


def test_the_end_of_a_command_is_recorded_when_the_disk_works_again(
    disk: Disk, rollback_journal: bool, tmp_path: Path
) -> None:
    """A command that ends while nothing can be written has not ended in vain: it is told later, and not run again."""
    url, go, starts = url_on(disk.folder), tmp_path / "go", tmp_path / "starts"
    with TriggerEngine(url) as engine:
        script = f"echo $$ >> {starts}; until [ -e {go} ]; do sleep 0.02; done"
        engine.create_workflow("command", run={"command": ["sh", "-c", script]}, run_folder=str(tmp_path))
        execution_id = engine.start("command").id
    with workers(1) as (worker,):
        disk.prepare(worker)
        state = str(tmp_path / "state")
        keywords = {"lease_seconds": HANG_SECONDS, "rollback_journal": rollback_journal}
        worker.call(actions.open_dispatcher, url, state, **keywords)
        worker.ask(actions.dispatch_and_wait)
        status = "SELECT status FROM executions WHERE id = :id"
        eventually(lambda: rows(url, status, id=execution_id)[0].status == "running" and lines_of(starts))
        disk.fail(worker.pid)
        go.touch()
        process = lines_of(starts)[0][0]
        eventually(lambda: not Path(f"/proc/{process}").exists())
        disk.mend(worker.pid)
        assert worker.answer() == 1
    assert rows(url, status, id=execution_id)[0].status == "completed"
    assert len(lines_of(starts)) == 1


def test_a_file_that_was_read_only_when_it_was_opened_is_written_as_soon_as_it_may(
    rollback_journal: bool, tmp_path: Path
) -> None:
    """Such a file is read, each write is refused in a sentence; once its mode allows it, the very next one succeeds."""
    folder = tmp_path / "disk"
    folder.mkdir()
    url = url_on(folder)
    file = folder / "flowforge.db"
    with workers(1) as (worker,):
        worker.call(obey_file_modes)
        worker.call(actions.open_engine, url, rollback_journal=rollback_journal)
        # Who only reads a write-ahead log needs its files to be there: as long as another process has them open.
        keeper = None if rollback_journal else TriggerEngine(url)
        modes = {path: path.stat().st_mode & 0o777 for path in (*folder.iterdir(), folder)}
        for path in modes:
            path.chmod(0o555 if path.is_dir() else 0o444)
        worker.call(actions.open_engine, url, rollback_journal=rollback_journal)
        for _ in range(3):
            assert worker.call(actions.with_engine, "list_executions") == []
            with pytest.raises(DatabaseError, match=r"readonly|unable to open") as refusal:
                worker.call(actions.with_engine, "complete", "e", "completed", workflow_id="up")
            assert str(file) in str(refusal.value)
        for path, mode in modes.items():
            path.chmod(mode)
        result = worker.call(actions.with_engine, "complete", "e", "completed", workflow_id="up")
        assert len(result.triggered) == 1
        if keeper is not None:
            keeper.close()
    assert_history_is_sound(url)
