"""A Prefect server for all tests of a worker, and what they do with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowforge_graph.executors.prefect.server import PrefectServer
from tests.support.prefect_servers import PrefectProcess, running_prefect


@pytest.fixture(scope="session")
def prefect_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectProcess]:
    """A Prefect server on SQLite, which nobody may stop: tests that do start their own."""
    with running_prefect(tmp_path_factory.mktemp("prefect")) as process:
        yield process


@pytest.fixture
def prefect(prefect_process: PrefectProcess) -> Iterator[PrefectServer]:
    """A connection to the server."""
    with PrefectServer(prefect_process.api_url) as server:
        yield server
