"""Fixtures of cheap databases, for a conftest to import: the schema is made once a worker, rows go after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import PostgresServer
from tests.support.engine_databases import copy_of, empty, migrated_database, migrated_file


@pytest.fixture(scope="session")
def migrated_sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    return migrated_file(tmp_path_factory.mktemp("migrated"))


@pytest.fixture(scope="session")
def migrated_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database of this worker."""
    with migrated_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(migrated_sqlite_file: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite file of this test alone."""
    return copy_of(migrated_sqlite_file, tmp_path)


@pytest.fixture
def postgres_url(migrated_postgres_url: str) -> str:
    """The URL of a migrated PostgreSQL database without rows."""
    empty(migrated_postgres_url)
    return migrated_postgres_url
