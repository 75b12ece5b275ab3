"""Fixtures of cheap databases, for a conftest to import: the schema is made once a worker, rows go after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flowforge_graph.testing import fresh_database
from tests.support.databases import PostgresServer
from tests.support.engine_databases import empty, migrated_database


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database of this worker."""
    with migrated_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a migrated SQLite file of this test alone."""
    return fresh_database(tmp_path)


@pytest.fixture
def postgres_url(migrated_postgres_url: str) -> str:
    """The URL of a migrated PostgreSQL database without rows."""
    empty(migrated_postgres_url)
    return migrated_postgres_url
