"""Facts: what happens in this package, each of a closed catalogue, told once to the log and to who listens.

A room of its own below all that does something, so that every room tells its facts in one way; who makes something of
them (``observability``) stands above the engine.
"""

from flowforge_graph.facts.catalogue import CATALOGUE, ENDS, Fact
from flowforge_graph.facts.telling import Facts, Listener, log

__all__ = ["CATALOGUE", "ENDS", "Fact", "Facts", "Listener", "log"]
