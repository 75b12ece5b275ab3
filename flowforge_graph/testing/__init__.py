"""What test suites import: strategies, a state machine, a clock to move, an executor that takes notes, a simulator.

Each name is imported when it is first used: a suite that wants the clock needs no Hypothesis, and pytest, which loads
the plugin of this room in every suite of its environment, loads nothing else.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flowforge_graph.errors import needing

if TYPE_CHECKING:
    from flowforge_graph.testing.cascade import assert_cascade
    from flowforge_graph.testing.databases import fresh_database
    from flowforge_graph.testing.fakes import FixedClock, MemoryDeployments, RecordingExecutor
    from flowforge_graph.testing.graphs import ReadableGraph, graph_of
    from flowforge_graph.testing.machine import RefusedByHost, TriggerEngineMachine
    from flowforge_graph.testing.simulation import Simulation
    from flowforge_graph.testing.strategies import (
        AlmostCycle,
        almost_cycles,
        completions,
        cron_expressions,
        executions,
        timezones,
        trigger_graphs,
        triggers,
        workflow_ids,
        workflows,
    )

__all__ = [
    "AlmostCycle",
    "FixedClock",
    "MemoryDeployments",
    "ReadableGraph",
    "RecordingExecutor",
    "RefusedByHost",
    "Simulation",
    "TriggerEngineMachine",
    "almost_cycles",
    "assert_cascade",
    "completions",
    "cron_expressions",
    "executions",
    "fresh_database",
    "graph_of",
    "timezones",
    "trigger_graphs",
    "triggers",
    "workflow_ids",
    "workflows",
]

_HOME_OF = {
    **dict.fromkeys(("FixedClock", "MemoryDeployments", "RecordingExecutor"), "fakes"),
    **dict.fromkeys(("ReadableGraph", "graph_of"), "graphs"),
    **dict.fromkeys(("RefusedByHost", "TriggerEngineMachine"), "machine"),
    "Simulation": "simulation",
    "assert_cascade": "cascade",
    "fresh_database": "databases",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_home_of(name), name)
    globals()[name] = value
    return value


def _home_of(name: str) -> ModuleType:
    with needing("test-kit", f"{__name__}.{name}"):
        return import_module(f"{__name__}.{_HOME_OF.get(name, 'strategies')}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
