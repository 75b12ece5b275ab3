"""Executions on Prefect, the distributed engine (extra ``prefect``)."""

from __future__ import annotations

from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer

__all__ = ["PrefectFault", "PrefectServer"]
