"""The formats of a diagram by the suffix of their files, for whoever answers with one of them."""

from __future__ import annotations

from typing import Final, Literal, get_args

from flowforge_graph.rendering.documents import node_link_text
from flowforge_graph.rendering.dot import dot_text
from flowforge_graph.rendering.image import png_bytes, svg_text
from flowforge_graph.rendering.limits import ImageLimits
from flowforge_graph.rendering.mermaid import mermaid_chart
from flowforge_graph.rendering.picture import Diagram

DiagramFormat = Literal["svg", "png", "dot", "mmd", "json"]
FORMATS: Final[tuple[DiagramFormat, ...]] = get_args(DiagramFormat)


def written(diagram: Diagram, diagram_format: DiagramFormat, limits: ImageLimits | None = None) -> bytes:
    """The diagram as the content of a file; text is UTF-8. Raises ImageError as ``svg_text`` does."""
    match diagram_format:
        case "svg":
            return svg_text(diagram, limits).encode("utf-8")
        case "png":
            return png_bytes(diagram, limits)
        case "dot":
            return dot_text(diagram).encode("utf-8")
        case "mmd":
            return mermaid_chart(diagram).encode("utf-8")
        case "json":
            return node_link_text(diagram).encode("utf-8")
