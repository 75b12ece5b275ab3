"""The local executor: commands under a supervisor, and Python callables in this process."""

from flowforge_graph.executors.local.executor import LocalExecutor

__all__ = ["LocalExecutor"]
