"""The command line ``flowforge-graph``: parse, call the engine, print."""

from flowforge_graph.cli.program import main

__all__ = ["main"]
