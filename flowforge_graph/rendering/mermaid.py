"""A diagram as a Mermaid flowchart: a pure, sorted text that hosts of Markdown draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from flowforge_graph.rendering.palette import Palette, palette_of
from flowforge_graph.rendering.picture import Box, Diagram, Line
from flowforge_graph.rendering.texts import NAME_LINES, mermaid_id, mermaid_text, wrapped
from flowforge_graph.rendering.wording import condition_words, delay_words, lines_under_name

_NAME_WIDTH, _LINE_WIDTH = 32, 40
_DASHES: Final = {"on_failure": "6 4", "on_completion": "2 4"}


def mermaid_chart(diagram: Diagram) -> str:
    """The diagram in Mermaid, ending with a newline. O(workflows + triggers).

    Every condition but success stands on its line in words, so that it needs no legend. It holds no links: hosts
    follow them or not as they please, and Mermaid has had holes there.
    """
    colours = palette_of(diagram.view.theme)
    return "\n".join([*_front_matter(diagram), *_statements(diagram, colours), ""])


def _front_matter(diagram: Diagram) -> Iterator[str]:
    if diagram.view.title:
        yield from ("---", f"title: {mermaid_text(' '.join(wrapped(diagram.view.title, width=80, lines=2)))}", "---")


def _statements(diagram: Diagram, colours: Palette) -> Iterator[str]:
    yield f"flowchart {diagram.view.direction}"
    for group, boxes in diagram.groups().items():
        yield from _group(group, boxes)
    for line in diagram.lines:
        yield f"  {mermaid_id(line.upstream)} {_arrow(line)} {mermaid_id(line.downstream)}"
    yield from _box_styles(diagram.boxes, colours)
    yield from _line_styles(diagram.lines, colours)


def _group(group: str | None, boxes: Iterable[Box]) -> Iterator[str]:
    margin = "  " if group is None else "    "
    if group is not None:
        yield f"  subgraph {mermaid_id(group, kind='g')}[{mermaid_text(group)}]"
    for box in boxes:
        yield f"{margin}{mermaid_id(box.id)}({_label(box)})"
    if group is not None:
        yield "  end"


def _label(box: Box) -> str:
    """A quoted text; its lines are joined by the one piece of markup that is not escaped, because it is ours."""
    lines = wrapped(box.name, width=_NAME_WIDTH, lines=NAME_LINES)
    for line in lines_under_name(box):
        lines += wrapped(line.text, width=_LINE_WIDTH, lines=2)
    lines += [box.status] if box.status else []
    return '"' + "<br/>".join(mermaid_text(line)[1:-1] for line in lines) + '"'


def _arrow(line: Line) -> str:
    words = _line_words(line)
    return f"-->|{mermaid_text(words)}|" if words else "-->"


def _line_words(line: Line) -> str:
    condition = "" if line.condition in {"", "on_success"} else condition_words(line.condition)
    marks = ["refused" if line.closes else "", condition, delay_words(line), "disabled" if line.is_off else ""]
    return ", ".join(filter(None, marks))


def _box_styles(boxes: Iterable[Box], colours: Palette) -> Iterator[str]:
    classes: dict[str, list[str]] = {}
    for box in boxes:
        classes.setdefault(_class_of(box), []).append(mermaid_id(box.id))
    for name, ids in sorted(classes.items()):
        yield f"  classDef {name} {_class_look(name, colours)}"
        yield f"  class {','.join(ids)} {name}"


def _class_of(box: Box) -> str:
    if box.is_refused:
        return "refused"
    if box.is_root:
        return "root"
    if box.is_off:
        return "disabled"
    return f"last_{box.status}" if box.status else "workflow"


def _class_look(name: str, colours: Palette) -> str:
    fill, border, ink, width = colours.box, colours.box_border, colours.ink, "1px"
    if name == "refused":
        fill, border, width = colours.refused_box, colours.refused, "3px"
    elif name == "root":
        border, width = colours.root_border, "3px"
    elif name == "disabled":
        fill, border, ink = colours.off_box, colours.off_line, colours.off_ink
    elif name.startswith("last_"):
        border, width = colours.statuses.get(name.removeprefix("last_"), colours.other), "2px"
    return f"fill:{fill},stroke:{border},color:{ink},stroke-width:{width}"


def _line_styles(lines: Iterable[Line], colours: Palette) -> Iterator[str]:
    looks: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        looks.setdefault(_line_look(line, colours), []).append(str(number))
    for look, numbers in sorted(looks.items()):
        yield f"  linkStyle {','.join(numbers)} {look}"


def _line_look(line: Line, colours: Palette) -> str:
    colour = colours.refused if line.is_refused else colours.of_condition(line.condition)
    if line.is_off and not line.is_refused:
        colour = colours.off_line
    dashes = f",stroke-dasharray:{_DASHES[line.condition]}" if line.condition in _DASHES else ""
    return f"stroke:{colour},stroke-width:{'3px' if line.is_refused else '1.5px'}{dashes}"
