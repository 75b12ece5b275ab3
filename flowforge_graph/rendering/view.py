"""What a caller decides about a diagram: what of the graph it shows and how, and what is known of each workflow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator

from flowforge_graph.errors import InvalidDiagram, shown
from flowforge_graph.model import (
    AnyTrigger,
    DependencyTrigger,
    EventTrigger,
    ExecutionStatus,
    ManualTrigger,
    ScheduledTrigger,
    Workflow,
)
from flowforge_graph.model.ids import checked_name, checked_text
from flowforge_graph.model.values import Value, checked

Direction = Literal["LR", "RL", "TB", "BT"]
Theme = Literal["light", "dark", "auto"]
Grouping = Literal["tag", "source"]

# Relative: no colon before the first slash, question mark or hash, and no host of its own.
_LINK: Final = re.compile(r"https?://[^\\]+|(?!//)[^:/?#\\]*([/?#][^\\]*)?", re.IGNORECASE)


def checked_link(value: object, *, field: str) -> str:
    """Return ``value`` if it is an http(s) or relative link, else raise ValueError: nothing else may be followed."""
    if not isinstance(value, str) or not 1 <= len(value) <= 2_000:
        raise ValueError(f"{field} must be a link of 1 to 2,000 characters, not {shown(value)}")
    if " " in value or not value.isprintable() or not _LINK.fullmatch(value):
        raise ValueError(f"{field} must be an http, https or relative link, not {shown(value)}")
    return value


def _depth(value: object) -> object:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError(f"depth must be a whole number of at least 1, or None, not {shown(value)}")
    return value


def _chain(value: object) -> object:
    chain = tuple(value) if isinstance(value, list | tuple) else None
    if chain is None or len(chain) == 1 or (chain and chain[0] != chain[-1]):
        raise ValueError(f"refused must be the chain of a cycle, first and last workflow alike, not {shown(value)}")
    return chain


class DiagramView(Value):
    """What of a graph a diagram shows, and how.

    ``root`` draws the neighbourhood of one workflow, ``depth`` hops up and down (None: all the way). ``reduce`` leaves
    out edges that a longer way through the diagram implies. ``group_by`` frames the workflows of one tag (the first of
    theirs by name) or source. ``refused`` is the chain of a :class:`~flowforge_graph.errors.CycleError`, drawn in red.
    ``direction`` is where the data flows: left to right by default. ``theme`` ``auto`` follows the reader's in SVG
    and is light elsewhere.
    """

    refusal = InvalidDiagram

    root: str | None = None
    depth: Annotated[int | None, BeforeValidator(_depth)] = None
    reduce: bool = False
    group_by: Grouping | None = None
    refused: Annotated[tuple[str, ...], BeforeValidator(_chain)] = ()
    direction: Direction = "LR"
    theme: Theme = "light"
    legend: bool = True
    title: Annotated[str, checked(checked_text, "title", limit=1_000)] | None = None

    def __init__(self, /, **fields: Any) -> None:
        super().__init__(**fields)
        if self.depth is not None and self.root is None:
            raise InvalidDiagram("depth counts hops from one workflow: name that workflow too")


class WorkflowNote(Value):
    """What is known of a workflow beside the graph.

    ``triggers`` are those that join no two workflows, whose schedules and events are written under the name; a graph
    that carries them on its nodes needs none here. ``lines`` are written below those. ``status`` is that of the last
    execution, ``url`` an http(s) or relative link. ``tags`` and ``source`` are what diagrams are grouped by.
    """

    refusal = InvalidDiagram

    name: Annotated[str, checked(checked_name, "name")] | None = None
    triggers: tuple[ManualTrigger | ScheduledTrigger | EventTrigger, ...] = ()
    lines: tuple[str, ...] = ()
    status: ExecutionStatus | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None
    url: Annotated[str, checked(checked_link, "url")] | None = None


def notes_of(
    workflows: Iterable[Workflow], triggers: Iterable[AnyTrigger] = (), statuses: Mapping[str, Any] | None = None
) -> dict[str, WorkflowNote]:
    """The notes that workflows, their triggers and the status of each one's last execution make."""
    own: dict[str, list[ManualTrigger | ScheduledTrigger | EventTrigger]] = {}
    for trigger in triggers:
        if not isinstance(trigger, DependencyTrigger):
            own.setdefault(trigger.workflow_id, []).append(trigger)
    last = statuses or {}
    return {
        workflow.id: WorkflowNote.trusted(
            name=workflow.name,
            triggers=tuple(own.get(workflow.id, ())),
            status=last.get(workflow.id),
            tags=workflow.tags,
            source=workflow.source,
        )
        for workflow in workflows
    }
