"""Migrated databases for many small tests: made once a worker, emptied between tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import delete

from flowforge_graph import TriggerEngine
from flowforge_graph.storage.tables import tables_for
from tests.support.databases import PostgresServer


def migrated_file(folder: Path) -> Path:
    """A SQLite file with our schema and no rows."""
    path = folder / "migrated.db"
    TriggerEngine(f"sqlite:///{path}").close()
    return path


def copy_of(template: Path, folder: Path) -> str:
    """The URL of a fresh copy of a migrated file."""
    copy = folder / "flowforge.db"
    shutil.copy(template, copy)
    return f"sqlite:///{copy}"


@contextmanager
def migrated_database(server: PostgresServer) -> Iterator[str]:
    """The URL of a PostgreSQL database with our schema."""
    with server.fresh_database() as url:
        TriggerEngine(url).close()
        yield url


def empty(url: str) -> None:
    """Remove every row of ours, the revision row too: the next engine begins a new epoch."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for table in tables_for().to_empty():
            connection.execute(delete(table))
