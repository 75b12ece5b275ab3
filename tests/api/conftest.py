"""An engine on a cheap database of each kind, and a client of its API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from flowforge_graph.api import create_app
from tests.support.cheap_databases import (
    migrated_postgres_url,
    postgres_url,
    sqlite_url,
)

__all__ = ["client", "engine", "migrated_postgres_url", "postgres_url", "sqlite_url"]


@pytest.fixture
def engine(make_engine: Callable[..., TriggerEngine]) -> TriggerEngine:
    """The engine that answers."""
    return make_engine()


@pytest.fixture
def client(engine: TriggerEngine) -> Iterator[TestClient]:
    """A client of the whole application; what the server does not expect fails the test."""
    with TestClient(create_app(engine)) as client:
        yield client
