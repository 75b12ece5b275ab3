"""The picture as a value: boxes and the lines between them, sorted, the same for the same graph."""

from __future__ import annotations

from dataclasses import dataclass

from flowforge_graph.rendering.view import DiagramView


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLine:
    """A line under a workflow's name; ``is_off`` where the trigger it speaks of is disabled."""

    text: str
    is_off: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A workflow. ``is_off`` where nothing that is enabled starts it, though it has triggers.

    ``hidden_upstream`` and ``hidden_downstream`` count direct neighbours that the diagram does not show.
    """

    id: str
    name: str
    lines: tuple[TextLine, ...] = ()
    status: str | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    url: str | None = None
    is_off: bool = False
    is_root: bool = False
    is_refused: bool = False
    hidden_upstream: int = 0
    hidden_downstream: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One trigger between two workflows. ``condition`` is empty where the edge carries no trigger.

    ``is_refused`` on the chain of a refused cycle; ``closes`` on its last step, which is no edge of the graph.
    """

    upstream: str
    downstream: str
    condition: str = ""
    trigger_id: str | None = None
    trigger_name: str | None = None
    delay_minutes: int = 0
    is_off: bool = False
    is_refused: bool = False
    closes: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagram:
    """Boxes by id, and lines by upstream, downstream and condition. ``reduced`` counts edges that were left out."""

    view: DiagramView
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    reduced: int = 0

    def groups(self) -> dict[str | None, list[Box]]:
        """The boxes by group, those of no group first, then by the group's name."""
        grouped: dict[str | None, list[Box]] = {}
        for box in sorted(self.boxes, key=lambda box: (box.group is not None, box.group or "", box.id)):
            grouped.setdefault(box.group, []).append(box)
        return grouped
