"""FlowForge's trigger engine: what starts each workflow, kept free of cycles, each cause started exactly once."""

from __future__ import annotations

from flowforge_graph.engine import TriggerEngine

__all__ = ["TriggerEngine"]
