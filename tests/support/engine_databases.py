"""Migrated databases for many small tests: made once a worker, emptied between tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from sqlalchemy import delete

from flowforge_graph import TriggerEngine
from flowforge_graph.storage.tables import tables_for
from tests.support.databases import PostgresServer


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
