"""What every test can ask for: databases of both kinds, engines that are closed in the end, and a clock to move.

Hypothesis runs in one of three profiles, chosen by ``HYPOTHESIS_PROFILE``: ``dev`` (the default), ``ci`` (the default
where ``CI`` is set) and ``long``.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.support.databases import (
    DURABLE_SETTINGS,
    FAST_SETTINGS,
    PostgresServer,
    close_server_room,
    open_server_room,
)
from tests.support.figures import told

if TYPE_CHECKING:
    from flowforge_graph import TriggerEngine
    from flowforge_graph.testing import FixedClock

# A slow machine is no reason to fail: neither deadlines nor the speed of data generation decide a test.
_STEADY: dict[str, Any] = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("dev", max_examples=50, **_STEADY)
hypothesis.settings.register_profile("ci", max_examples=30, derandomize=False, **_STEADY)
hypothesis.settings.register_profile("long", max_examples=5_000, **_STEADY)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
hypothesis.settings.load_profile(PROFILE)


def pytest_configure(config: pytest.Config) -> None:
    # A shell that starts the tests in the background lets them, and all they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Prefect makes its home when it is imported, and reads whatever profile it finds there: not this person's.
    os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="prefect-home-")
    if not hasattr(config, "workerinput"):
        open_server_room()


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(os.environ["PREFECT_HOME"], ignore_errors=True)
    if not hasattr(config, "workerinput"):
        close_server_room()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for ended in ("passed", "failed") for report in terminalreporter.stats.get(ended, ())]
    if lines := told(reports):
        terminalreporter.section("what the tests saw")
        terminalreporter.write("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def postgres_server() -> PostgresServer:
    """The PostgreSQL server that all workers share."""
    return PostgresServer("fast", FAST_SETTINGS)


@pytest.fixture(scope="session")
def durable_postgres_server() -> PostgresServer:
    """A PostgreSQL server that syncs each commit to the disk, for tests that ask what is durable."""
    return PostgresServer("durable", DURABLE_SETTINGS)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty PostgreSQL database of this test alone."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture
def durable_postgres_url(durable_postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database on the server that syncs each commit."""
    with durable_postgres_server.fresh_database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file of this test alone, which does not exist yet."""
    return f"sqlite:///{tmp_path / 'flowforge.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def clock() -> FixedClock:
    """The clock of every engine of this test; it stands still until it is moved."""
    from flowforge_graph.testing import FixedClock

    return FixedClock()


@pytest.fixture
def make_engine(database_url: str, clock: FixedClock) -> Iterator[Callable[..., TriggerEngine]]:
    """Make an engine on this test's database (or another one) and clock; all are closed at the end, newest first."""
    from flowforge_graph import TriggerEngine

    with ExitStack() as opened:

        def make(database: str = database_url, **keywords: Any) -> TriggerEngine:
            return opened.enter_context(TriggerEngine(database, **{"clock": clock, **keywords}))

        yield make
