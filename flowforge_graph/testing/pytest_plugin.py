"""Fixtures for the suites of hosts: a fresh engine on a database of its own, its clock and its executor.

pytest loads this module in every run of an environment that has this package, so that nothing is imported here until a
fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine
    from flowforge_graph.testing.fakes import FixedClock, RecordingExecutor


@pytest.fixture
def flowforge_clock() -> FixedClock:
    """The clock of ``flowforge_engine``. It stands at the first of January 2026 until it is moved."""
    from flowforge_graph.testing.fakes import FixedClock

    return FixedClock()


@pytest.fixture
def flowforge_executor() -> RecordingExecutor:
    """The executor of ``flowforge_engine``: it notes what is started and runs nothing."""
    from flowforge_graph.testing.fakes import RecordingExecutor

    return RecordingExecutor()


@pytest.fixture
def flowforge_database(tmp_path: Path) -> str:
    """The URL of the database of ``flowforge_engine``: a SQLite file of this test alone, with the schema and no rows.

    Override it in a ``conftest.py`` to test on another one.
    """
    from flowforge_graph.testing.databases import fresh_database

    return fresh_database(tmp_path)


@pytest.fixture
def flowforge_engine(
    flowforge_database: str, flowforge_clock: FixedClock, flowforge_executor: RecordingExecutor
) -> Iterator[TriggerEngine]:
    """An engine with nothing in it, on the clock and the executor above; closed at the end of the test."""
    from flowforge_graph.engine import TriggerEngine

    with TriggerEngine(flowforge_database, clock=flowforge_clock, executor=flowforge_executor) as engine:
        yield engine
