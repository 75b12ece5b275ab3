"""What a graph offers to people who look: diagrams, in every format, and itself in a notebook."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

# Most who have a graph never look at it: the pictures are imported by who draws.
if TYPE_CHECKING:
    from flowforge_graph.rendering import Diagram, DiagramView, ImageLimits, WorkflowNote

    Notes = Mapping[str, WorkflowNote]


class Drawable:
    """A graph that can be drawn. Texts are pure and sorted: the same graph, view and notes give the same text.

    Each method takes the ``view`` (what is shown, and how) and ``notes`` (what is known of each workflow beside the
    graph, by id), and raises WorkflowNotFound where the view's root is no workflow of the graph.
    """

    __slots__ = ()

    @abstractmethod
    def diagram(
        self, view: DiagramView | None = None, *, notes: Notes | None = None, limits: ImageLimits | None = None
    ) -> Diagram:
        """The picture as a value."""

    def to_dot(self, view: DiagramView | None = None, *, notes: Notes | None = None) -> str:
        """The diagram in DOT, the language of Graphviz. Needs no layout program."""
        from flowforge_graph.rendering import dot_text

        return dot_text(self.diagram(view, notes=notes))

    def to_mermaid(self, view: DiagramView | None = None, *, notes: Notes | None = None) -> str:
        """The diagram as a Mermaid flowchart, for Markdown."""
        from flowforge_graph.rendering import mermaid_chart

        return mermaid_chart(self.diagram(view, notes=notes))

    def to_json(self, view: DiagramView | None = None, *, notes: Notes | None = None) -> str:
        """The diagram as a JSON text in networkx's node-link form."""
        from flowforge_graph.rendering import node_link_text

        return node_link_text(self.diagram(view, notes=notes))

    def to_cytoscape(self, view: DiagramView | None = None, *, notes: Notes | None = None) -> str:
        """The diagram as a JSON text in the form of ``nx.cytoscape_data``."""
        from flowforge_graph.rendering import cytoscape_text

        return cytoscape_text(self.diagram(view, notes=notes))

    def to_svg(
        self, view: DiagramView | None = None, *, notes: Notes | None = None, limits: ImageLimits | None = None
    ) -> str:
        """The diagram as SVG, ready to stand in a page or a file.

        Raises ImageError where no layout program is installed, where it fails, and for a diagram beyond ``limits``.
        """
        from flowforge_graph.rendering import ImageLimits, svg_text

        limits = limits or ImageLimits()
        return svg_text(self.diagram(view, notes=notes, limits=limits), limits)

    def to_png(
        self, view: DiagramView | None = None, *, notes: Notes | None = None, limits: ImageLimits | None = None
    ) -> bytes:
        """The diagram as PNG; raises as :meth:`to_svg`."""
        from flowforge_graph.rendering import ImageLimits, png_bytes

        limits = limits or ImageLimits()
        return png_bytes(self.diagram(view, notes=notes, limits=limits), limits)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the picture, and always a text, which says why where there is no picture."""
        del include, exclude  # a notebook filters by itself
        try:
            return {"text/plain": repr(self), "image/svg+xml": self.to_svg()}
        except Exception as error:  # noqa: BLE001 - looking at a graph must never fail; the text says what did
            return {"text/plain": f"{self!r} (not drawn: {error})"}
