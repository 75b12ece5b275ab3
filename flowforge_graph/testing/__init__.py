"""What test suites import: a clock to move, an executor that only takes notes, and a simulator of whole worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flowforge_graph.testing.fakes import FixedClock, MemoryDeployments, RecordingExecutor

if TYPE_CHECKING:
    from flowforge_graph.testing.simulation import Simulation

__all__ = ["FixedClock", "MemoryDeployments", "RecordingExecutor", "Simulation"]


def __getattr__(name: str) -> Any:
    """Load the simulator, and the engine with it, when it is first asked for."""
    if name == "Simulation":
        from flowforge_graph.testing.simulation import Simulation

        return Simulation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
