"""Where executions run: on this machine (:class:`LocalExecutor`)."""

from flowforge_graph.executors.local import LocalExecutor

__all__ = ["LocalExecutor"]
