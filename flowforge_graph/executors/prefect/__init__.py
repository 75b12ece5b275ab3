"""Executions on Prefect, the distributed engine (extra ``prefect``)."""

from __future__ import annotations

from flowforge_graph.executors.prefect.deployments import PrefectDeployments
from flowforge_graph.executors.prefect.executor import PrefectExecutor
from flowforge_graph.executors.prefect.hooks import report_completions
from flowforge_graph.executors.prefect.reconciler import PrefectReconciler, Reconciliation
from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer

__all__ = [
    "PrefectDeployments",
    "PrefectExecutor",
    "PrefectFault",
    "PrefectReconciler",
    "PrefectServer",
    "Reconciliation",
    "report_completions",
]
