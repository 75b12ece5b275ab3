"""A Prefect server for all tests of a worker, and what they do with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowforge_graph.executors.prefect.server import PrefectServer
from tests.support.prefect_servers import PrefectProcess, running_prefect

# Its scheduler looks each second at what was changed, and as far ahead as the next change of the clocks.
_SCHEDULER = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS": "1",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_SCHEDULED_TIME": "P400D",
}


@pytest.fixture(scope="session")
def prefect_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectProcess]:
    """A Prefect server on SQLite, which nobody may stop: tests that do start their own."""
    with running_prefect(tmp_path_factory.mktemp("prefect"), **_SCHEDULER) as process:
        yield process


@pytest.fixture
def prefect(prefect_process: PrefectProcess) -> Iterator[PrefectServer]:
    """A connection to the server."""
    with PrefectServer(prefect_process.api_url) as server:
        yield server
