"""A simulator of the engine under fire, for our tests and for those of hosts. See :class:`Simulation`."""

from __future__ import annotations

from flowforge_graph.testing.simulation.simulation import Simulation, SimulationFailure
from flowforge_graph.testing.simulation.steps import Step
from flowforge_graph.testing.simulation.transitions import Invariant, Transition

__all__ = ["Invariant", "Simulation", "SimulationFailure", "Step", "Transition"]
