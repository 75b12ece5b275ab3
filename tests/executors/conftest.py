"""Executors that are closed in the end, so that no test leaves a process behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph.executors import LocalExecutor
from tests.executors.hosts import RememberingHost

MakeExecutor = Callable[..., LocalExecutor]


@pytest.fixture
def host() -> RememberingHost:
    """What stands in for the engine."""
    return RememberingHost()


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """Where the locks of this test lie."""
    return tmp_path / "state"


@pytest.fixture
def make_executor(host: RememberingHost, state_folder: Path) -> Iterator[MakeExecutor]:
    """Make an executor that reports to ``host``; one second of grace is plenty here."""
    with ExitStack() as opened:

        def make(to: RememberingHost = host, **settings: Any) -> LocalExecutor:
            executor = LocalExecutor(**{"grace_seconds": 0.3, "state_folder": state_folder, **settings})
            executor.attach(to)
            opened.callback(executor.close)
            return executor

        yield make


@pytest.fixture
def executor(make_executor: MakeExecutor) -> LocalExecutor:
    """An executor with few settings changed."""
    return make_executor()
