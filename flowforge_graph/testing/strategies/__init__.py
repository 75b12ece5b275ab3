"""Hypothesis strategies for everything that a trigger engine is given, each shrinking to what a person can read."""

from __future__ import annotations

from flowforge_graph.testing.strategies.executions import completions, executions
from flowforge_graph.testing.strategies.graphs import AlmostCycle, Shape, almost_cycles, trigger_graphs
from flowforge_graph.testing.strategies.names import workflow_ids
from flowforge_graph.testing.strategies.schedules import cron_expressions, timezones
from flowforge_graph.testing.strategies.triggers import triggers
from flowforge_graph.testing.strategies.workflows import workflows

__all__ = [
    "AlmostCycle",
    "Shape",
    "almost_cycles",
    "completions",
    "cron_expressions",
    "executions",
    "timezones",
    "trigger_graphs",
    "triggers",
    "workflow_ids",
    "workflows",
]
