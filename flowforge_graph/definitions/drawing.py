"""A file as a diagram."""

from __future__ import annotations

from flowforge_graph.definitions.checking import check_definitions
from flowforge_graph.definitions.loading import Definitions
from flowforge_graph.rendering import Diagram, DiagramView, ImageLimits, notes_of


def definitions_diagram(
    definitions: Definitions, view: DiagramView | None = None, *, limits: ImageLimits | None = None
) -> Diagram:
    """The diagram of what a file defines, with the schedules, events and tags of its workflows.

    Raises:
        InvalidDefinition, CycleError: the file would not be accepted.
        WorkflowNotFound: the file has no workflow of the view's root.
        ImageError: the view shows more workflows than ``limits`` allow.
    """
    graph = check_definitions(definitions)
    return graph.diagram(view, notes=notes_of(definitions.workflows, definitions.triggers), limits=limits)
