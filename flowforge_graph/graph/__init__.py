"""The heart: the trigger graph over networkx, kept free of cycles by an incremental topological order."""

from flowforge_graph.graph.duplicates import unique_key
from flowforge_graph.graph.edges import StandaloneTrigger
from flowforge_graph.graph.read_only import EdgeAttributes, GraphIsReadOnly, NodeAttributes, ReadOnlyDiGraph
from flowforge_graph.graph.trigger_graph import TriggerGraph
from flowforge_graph.model import DependencyEdge

__all__ = [
    "DependencyEdge",
    "EdgeAttributes",
    "GraphIsReadOnly",
    "NodeAttributes",
    "ReadOnlyDiGraph",
    "StandaloneTrigger",
    "TriggerGraph",
    "unique_key",
]
