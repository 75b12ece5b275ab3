"""What SQLite needs to be durable."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Engine, event

from flowforge_graph import TriggerEngine
from flowforge_graph.storage import sqlite


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 49, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_which_sqlite_has_the_fix(version: tuple[int, ...], safe: bool) -> None:
    """3.51.3, 3.50.7, 3.44.6 and later of each line."""
    assert sqlite.wal_is_safe(version) is safe


@pytest.mark.parametrize(("safe", "mode"), [(True, "wal"), (False, "delete")])
def test_the_journal_follows_the_version(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, safe: bool, mode: str
) -> None:
    """WAL only where it is safe, else a rollback journal and one log line; a sync for each commit in both."""
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _: safe)
    monkeypatch.setattr(sqlite, "_already_said", set())
    with caplog.at_level(logging.WARNING):
        engines = [TriggerEngine(sqlite_url) for _ in range(2)]
    assert len([r for r in caplog.records if "lacks the WAL-reset fix" in r.getMessage()]) == (0 if safe else 1)
    for engine in engines:
        with engine._context.store.database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == mode
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        engine.close()


def test_every_write_locks_before_it_reads(sqlite_url: str) -> None:
    """``BEGIN IMMEDIATE`` is the first statement of each write."""
    from tests.engine.support import statements_of

    with TriggerEngine(sqlite_url) as engine:
        engine.create_workflow("A")
        for write in (lambda: engine.start("A"), lambda: engine.create_workflow("B"), engine.claim_due):
            with statements_of(engine) as sent:
                write()
            begins = [number for number, statement in enumerate(sent) if statement == "BEGIN IMMEDIATE"]
            ends = [number for number, statement in enumerate(sent) if statement == "COMMIT"]
            assert len(begins) == len(ends) >= 1
            first_write = next(
                (n for n, s in enumerate(sent) if s.startswith(("INSERT", "UPDATE", "DELETE"))), begins[0] + 1
            )
            assert begins[0] < first_write


@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "INSERT", "COMMIT"])
@pytest.mark.parametrize("in_memory", [False, True])
def test_an_interrupt_stays_one(sqlite_url: str, statement: str, in_memory: bool) -> None:
    """Ctrl-C in the midst of a transaction is raised as it came, undoes the transaction and blocks nobody.

    A database in memory survives it.
    """
    with TriggerEngine("sqlite://" if in_memory else sqlite_url) as engine:
        engine.create_workflow("landing")

        def interrupt(_: object, __: object, text: str, *___: object) -> None:
            if text.startswith(statement):
                event.remove(Engine, "before_cursor_execute", interrupt)
                raise KeyboardInterrupt

        event.listen(Engine, "before_cursor_execute", interrupt)
        with pytest.raises(KeyboardInterrupt):
            engine.create_workflow("bronze")
        assert [workflow.id for workflow in engine.list_workflows()] == ["landing"]
        assert engine.create_workflow("bronze").id == "bronze"
