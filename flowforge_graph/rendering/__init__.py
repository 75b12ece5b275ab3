"""Diagrams of any DiGraph whose edges carry triggers: one picture as a value, several writers of it.

Everything but ``image`` is pure: the same graph, view and notes give the same text. networkx is loaded when a graph is
read: who only wants the values pays for none.
"""

from flowforge_graph.rendering.diagram import diagram_of
from flowforge_graph.rendering.documents import cytoscape_text, node_link_text
from flowforge_graph.rendering.dot import dot_text
from flowforge_graph.rendering.formats import FORMATS, DiagramFormat, written
from flowforge_graph.rendering.image import png_bytes, svg_text
from flowforge_graph.rendering.limits import ImageLimits
from flowforge_graph.rendering.mermaid import mermaid_chart
from flowforge_graph.rendering.picture import Box, Diagram, Line, TextLine
from flowforge_graph.rendering.view import DiagramView, WorkflowNote, notes_of

__all__ = [
    "FORMATS",
    "Box",
    "Diagram",
    "DiagramFormat",
    "DiagramView",
    "ImageLimits",
    "Line",
    "TextLine",
    "WorkflowNote",
    "cytoscape_text",
    "diagram_of",
    "dot_text",
    "mermaid_chart",
    "node_link_text",
    "notes_of",
    "png_bytes",
    "svg_text",
    "written",
]
