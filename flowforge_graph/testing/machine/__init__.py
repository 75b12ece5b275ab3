"""A state machine that asks an engine for everything that hosts ask for. See :class:`TriggerEngineMachine`."""

from __future__ import annotations

from flowforge_graph.testing.machine.machine import RefusedByHost, TriggerEngineMachine
from flowforge_graph.testing.machine.memory import Memory

__all__ = ["Memory", "RefusedByHost", "TriggerEngineMachine"]
