"""Are the plugins there for everybody, and cheap?"""

from __future__ import annotations

import subprocess
import sys

from flowforge_graph import TriggerEngine
from flowforge_graph.testing import FixedClock, RecordingExecutor

ENGINES = {"sqlalchemy", "alembic", "networkx", "croniter", "ssl"}


def loaded_by(program: str) -> set[str]:
    """The packages that a program loads, and ``flowforge_graph.engine`` where it is among them."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = ran.stdout.split()
    return {name.partition(".")[0] for name in names} | {name for name in names if name == "flowforge_graph.engine"}


def test_hypothesis_knows_the_values_without_the_engine() -> None:
    """``import hypothesis`` registers the values, and loads neither the engine nor what it or a flow needs."""
    loaded = loaded_by("import hypothesis")
    assert "flowforge_graph" in loaded
    assert not loaded & {*ENGINES, "flowforge_graph.engine"}


def test_the_plugin_of_pytest_loads_nothing() -> None:
    """Until a fixture is asked for: no values, no database."""
    assert not loaded_by("import flowforge_graph.testing.pytest_plugin") & {
        *ENGINES,
        "flowforge_graph.engine",
        "pydantic",
    }


def test_the_fixtures_belong_together(
    flowforge_engine: TriggerEngine, flowforge_clock: FixedClock, flowforge_executor: RecordingExecutor
) -> None:
    """The engine is empty, and starts what is due on the executor by the clock."""
    assert flowforge_engine.list_workflows() == []
    flowforge_engine.create_workflow("a")
    flowforge_engine.start("a")
    assert flowforge_engine.dispatch_due() == 1
    assert flowforge_executor.started_workflow_ids == ["a"]
    assert flowforge_executor.started[0].created_at == flowforge_clock.now()
