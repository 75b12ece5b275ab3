"""An engine on a cheap database of each kind (as for the engine's own tests), and a client of its API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from flowforge_graph.api import create_app
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


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """The engine that answers."""
    return make_engine()


@pytest.fixture
def client(engine: TriggerEngine) -> Iterator[TestClient]:
    """A client of the whole application; what the server does not expect fails the test."""
    with TestClient(create_app(engine)) as client:
        yield client
