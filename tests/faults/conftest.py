"""Databases of three kinds: a SQLite without the WAL-reset fix works differently enough to be one of its own.

And ``saw``, by which a test tells what it counted.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.databases import PostgresServer
from tests.support.figures import noted

KINDS = ["sqlite", "sqlite-rollback-journal", "postgresql"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of database, where three are told apart."""
    name: str = request.param
    return name


@pytest.fixture
def rollback_journal(kind: str) -> bool:
    """Whether engines shall take their SQLite for one that lacks the WAL-reset fix."""
    return kind == "sqlite-rollback-journal"


@pytest.fixture
def new_url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Make the URL of another empty database."""
    with ExitStack() as databases:

        def new() -> str:
            if kind != "postgresql":
                return f"sqlite:///{tmp_path / uuid.uuid4().hex}.db"
            server: PostgresServer = request.getfixturevalue("postgres_server")
            return databases.enter_context(server.fresh_database())

        yield new


@pytest.fixture
def saw(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Note figures, by name; the end of the run tells them all, and sums some up."""

    def note(**figures: int | float | str) -> None:
        request.node.user_properties.append(noted(figures))

    return note
