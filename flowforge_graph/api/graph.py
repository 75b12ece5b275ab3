"""Diagrams over REST: the same pictures that ``graph render`` draws."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Response

from flowforge_graph.api.refusals import documented
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.rendering import FORMATS, DiagramFormat, DiagramView, ImageLimits, written
from flowforge_graph.rendering.view import Direction, Grouping, Theme

_MEDIA_TYPES: Final[dict[str, str]] = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "dot": "text/vnd.graphviz; charset=utf-8",
    "mmd": "text/vnd.mermaid; charset=utf-8",
    "json": "application/json",
}
# A layout takes a whole core for up to its time limit; who waits for one takes no thread from other requests.
_LAYOUTS_AT_ONCE: Final = 2
# A picture is opened from its address too: nothing in it may run or load anything.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


class GraphRoutes:
    """The routes on the graph."""

    def __init__(self, engine: TriggerEngine) -> None:
        self._engine = engine
        self._layouts: anyio.CapacityLimiter | None = None

    def add_to(self, *, read: APIRouter) -> None:
        """Add one a format to the router of their scope."""
        for diagram_format in FORMATS:
            read.get(
                f"/graph.{diagram_format}",
                name=f"get_graph_{diagram_format}",
                summary=f"Get Graph as {diagram_format.upper()}",
                response_class=Response,
                responses={**documented(400, 404), **_documented_picture(diagram_format)},
                tags=["graph"],
            )(self._drawing(diagram_format))

    def _drawing(self, diagram_format: DiagramFormat) -> Callable[..., Awaitable[Response]]:
        async def draw(
            *,
            workflow_id: Annotated[
                str | None, Query(alias="workflowId", description="only the neighbourhood of this workflow")
            ] = None,
            depth: Annotated[int | None, Query(ge=1, description="how many hops that reaches; all by default")] = None,
            group_by: Annotated[
                Grouping | None, Query(alias="groupBy", description="frame the workflows of one tag or source")
            ] = None,
            reduce: Annotated[bool, Query(description="leave out edges that a longer way implies")] = False,
            theme: Annotated[Theme, Query(description="with `auto` an SVG follows its reader's")] = "light",
            direction: Annotated[Direction, Query(description="where the data flows")] = "LR",
            legend: Annotated[bool, Query(description="false leaves it out")] = True,
        ) -> Response:
            """The graph as stored, with schedules and the status of each workflow's last execution."""
            view = DiagramView(
                root=workflow_id,
                depth=depth,
                group_by=group_by,
                reduce=reduce,
                theme=theme,
                direction=direction,
                legend=legend,
            )
            content = await run_sync(self._content, view, diagram_format, limiter=self._limiter())
            return Response(content, media_type=_MEDIA_TYPES[diagram_format], headers=_HEADERS)

        return draw

    def _content(self, view: DiagramView, diagram_format: DiagramFormat) -> bytes:
        limits = ImageLimits() if diagram_format in {"svg", "png"} else None
        diagram = self._engine.graph.diagram(view, notes=self._engine.workflow_notes(), limits=limits)
        return written(diagram, diagram_format, limits)

    def _limiter(self) -> anyio.CapacityLimiter:
        """Made in the loop of the first request: a limiter belongs to one loop."""
        if self._layouts is None:
            self._layouts = anyio.CapacityLimiter(_LAYOUTS_AT_ONCE)
        return self._layouts


def _documented_picture(diagram_format: DiagramFormat) -> dict[int | str, dict[str, Any]]:
    media_type = _MEDIA_TYPES[diagram_format].partition(";")[0]
    schema: dict[str, Any] = {"type": "string"}
    if diagram_format == "png":
        schema |= {"contentEncoding": "base64", "contentMediaType": media_type}
    if diagram_format == "json":
        schema = {"type": "object", "description": "networkx's node-link form"}
    return {200: {"description": "The diagram.", "content": {media_type: {"schema": schema}}}}
