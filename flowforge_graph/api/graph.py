"""Diagrams over REST."""

from __future__ import annotations

from fastapi import APIRouter

from flowforge_graph.engine import TriggerEngine


class GraphRoutes:
    """The routes on the graph."""

    def __init__(self, engine: TriggerEngine) -> None:
        self._engine = engine

    def add_to(self, *, read: APIRouter) -> None:
        """Add them to the router of their scope."""
