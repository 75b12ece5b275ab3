"""Is a database safe in a process, and among processes, that use Python's own SQLite beside ours?"""

from __future__ import annotations

import sys

from tests.faults import actions
from tests.faults.rows import rows
from tests.faults.workers import workers

COMPLETIONS = 150


def test_a_host_that_reads_our_file_with_its_own_sqlite_sees_and_breaks_nothing(sqlite_url: str) -> None:
    """Two copies of SQLite in one process would undo each other's locks: where the host's is loaded, it is ours too."""
    with workers(1) as (host,):
        assert host.call(read_beside_the_engine, sqlite_url) == list(range(1, COMPLETIONS + 1))
    assert [tuple(row) for row in rows(sqlite_url, "PRAGMA integrity_check")] == [("ok",)]


def read_beside_the_engine(url: str) -> list[int]:
    """In a worker: complete through the engine, count with Python's own SQLite in between."""
    import sqlite3

    actions.open_engine(url)
    actions.this.engine.create_workflow("w")
    counts = []
    for number in range(COMPLETIONS):
        actions.this.engine.complete(f"e{number}", "completed", workflow_id="w")
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        counts += connection.execute("SELECT count(*) FROM executions").fetchone()
        connection.close()
    return counts


def test_processes_that_want_different_journals_work_side_by_side(sqlite_url: str) -> None:
    """Whoever cannot have its journal mode, because another process uses the file, works with the other's."""
    with workers(2) as (old, new):
        for number in range(5):
            old.call(actions.open_engine, sqlite_url, rollback_journal=True)
            if number == 0:
                old.call(actions.with_engine, "create_workflow", "w")
            new.call(actions.open_engine, sqlite_url)
            for worker in (old, new):
                worker.ask(actions.start_many, "w", 20)
            for worker in (old, new):
                worker.answer()
    assert len(rows(sqlite_url, "SELECT id FROM executions")) == 200


def test_pythons_own_sqlite_is_not_loaded_by_the_package() -> None:
    """Else the fixed one of the extra would never be used."""
    with workers(1) as (worker,):
        assert not worker.call(has_pythons_sqlite)


def has_pythons_sqlite() -> bool:
    """In a worker, where the whole package is loaded."""
    return "_sqlite3" in sys.modules
