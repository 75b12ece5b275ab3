"""What the author of a page asks for: a source and options, as they were written, made into a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from flowforge_graph.errors import InvalidDiagram, shown
from flowforge_graph.rendering import Diagram, DiagramFormat, DiagramView

PageFormat = Literal["svg", "png", "dot", "mermaid", "json"]
PAGE_FORMATS: Final[tuple[PageFormat, ...]] = get_args(PageFormat)
PICTURES: Final = ("svg", "png")

# Options that say something of the view, each with the field that it means.
_VIEW_OPTIONS: Final = {
    "root": "root",
    "depth": "depth",
    "group-by": "group_by",
    "direction": "direction",
    "theme": "theme",
    "title": "title",
}
FLAGS: Final = ("reduce", "no-legend")
OPTIONS: Final = (*_VIEW_OPTIONS, *FLAGS, "format", "alt", "caption", "name")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One diagram of a page.

    ``source`` is a file or ``module:attribute``. ``alt`` is read instead of the picture, ``caption`` stands below it,
    ``name`` is what links lead to; each is empty where it was not given.
    """

    source: str
    view: DiagramView
    format: PageFormat = "svg"
    alt: str = ""
    caption: str = ""
    name: str = ""

    @property
    def file_format(self) -> DiagramFormat:
        """The format as the writers of diagrams call it, by the suffix of a file."""
        return "mmd" if self.format == "mermaid" else self.format


def parse_request(source: str, options: Mapping[str, str | None]) -> Request:
    """Read what an author wrote; an option without a value is a flag. Raises InvalidDiagram."""
    if not source:
        raise InvalidDiagram("a trigger file or module:attribute is missing: name what is to be drawn")
    for option, value in options.items():
        _refuse_misused(option, value)
    words = {option: value for option, value in options.items() if value}
    fields = {name: words[option] for option, name in _VIEW_OPTIONS.items() if option in words}
    view = DiagramView(
        **{"theme": "auto", **fields, **_depth(words)}, reduce="reduce" in options, legend="no-legend" not in options
    )
    texts = {name: words.get(name, "") for name in ("alt", "caption", "name")}
    return Request(source=source, view=view, format=_format(words.get("format", "svg")), **texts)


def _refuse_misused(option: str, value: str | None) -> None:
    if option not in OPTIONS:
        raise InvalidDiagram(f"there is no option {shown(option)}: it takes {', '.join(OPTIONS)}")
    if option in FLAGS and value:
        raise InvalidDiagram(f"{option} takes no value, and was given {shown(value)}")
    if option not in FLAGS and not value:
        raise InvalidDiagram(f"{option} has no value: give it one, or leave it out")


def _depth(words: Mapping[str, str]) -> dict[str, int]:
    if "depth" not in words:
        return {}
    try:
        return {"depth": int(words["depth"])}
    except ValueError:
        raise InvalidDiagram(f"depth must be a whole number of at least 1, not {shown(words['depth'])}") from None


def _format(word: str) -> PageFormat:
    if word not in PAGE_FORMATS:
        raise InvalidDiagram(f"format must be one of {', '.join(PAGE_FORMATS)}, not {shown(word)}")
    return word


def alternative_text(request: Request, diagram: Diagram) -> str:
    """What is read instead of the picture: the author's words, else what is drawn and how much of it."""
    if request.alt:
        return request.alt
    workflows, triggers = len(diagram.boxes), sum(line.trigger_id is not None for line in diagram.lines)
    around = f", around {request.view.root}" if request.view.root else ""
    name = request.view.title or request.source.rpartition("/")[2]
    return f"The trigger graph of {name}{around}: {_count(workflows, 'workflow')}, {_count(triggers, 'trigger')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
