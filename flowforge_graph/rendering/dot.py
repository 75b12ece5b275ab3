"""A diagram as DOT, the language of Graphviz: a pure, sorted text, one line for each workflow and trigger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from flowforge_graph.rendering.dot_labels import (
    LEGEND_SIZE,
    LINE_SIZE,
    NAME_SIZE,
    NAME_WIDTH,
    STYLES,
    box_label,
    group_label,
    header_label,
)
from flowforge_graph.rendering.palette import Palette, palette_of
from flowforge_graph.rendering.picture import Box, Diagram, Line
from flowforge_graph.rendering.texts import dot_id, dot_string, is_cut
from flowforge_graph.rendering.wording import delay_words

# One name, not a list: Graphviz measures text by the metrics of a font that it knows, and adds the generic family
# itself where it writes SVG.
_FONT: Final = '"Helvetica"'
# Dots are thin: they are drawn wider to weigh the same.
_PEN_WIDTHS: Final = {"solid": "1.3", "dashed": "1.5", "dotted": "2.0"}

# Names of attributes to values as DOT writes them.
Attributes = Mapping[str, str]


def dot_text(diagram: Diagram) -> str:
    """The diagram in DOT, ending with a newline. O(workflows + triggers)."""
    return "\n".join([*_statements(diagram, palette_of(diagram.view.theme)), "}", ""])


def _statements(diagram: Diagram, colours: Palette) -> Iterator[str]:
    yield f"digraph {dot_id(diagram.view.title or 'triggers')} {{"
    yield f"  graph {_listed(_graph_attributes(diagram, colours))};"
    yield f"  node {_listed(_common_of_boxes(colours))};"
    yield f"  edge {_listed(_common_of_lines(colours))};"
    for group, boxes in diagram.groups().items():
        yield from _group(group, boxes, colours)
    common = _common_of_lines(colours)
    for line in diagram.lines:
        own = _listed(_line_attributes(line, colours), unless=common)
        yield f"  {dot_id(line.upstream)} -> {dot_id(line.downstream)}{own and f' {own}'};"


def _listed(attributes: Attributes, *, unless: Attributes | None = None) -> str:
    """The attributes in brackets, without those that are as in ``unless``; empty where none is left."""
    common = unless or {}
    own = [f"{name}={value}" for name, value in sorted(attributes.items()) if common.get(name) != value]
    return f"[{', '.join(own)}]" if own else ""


def _graph_attributes(diagram: Diagram, colours: Palette) -> Attributes:
    header = header_label(diagram, colours)
    return {
        "bgcolor": _quoted(colours.page),
        "fontcolor": _quoted(colours.ink),
        "fontname": _FONT,
        "fontsize": str(LEGEND_SIZE),
        **({"label": f"<{header}>", "labeljust": "l", "labelloc": "t"} if header else {}),
        "nodesep": "0.3",
        "pad": "0.25",
        "rankdir": diagram.view.direction,
        "ranksep": "0.6",
    }


def _quoted(colour: str) -> str:
    return f'"{colour}"'


# Boxes and the frames around them.


def _group(group: str | None, boxes: Iterable[Box], colours: Palette) -> Iterator[str]:
    common, margin = _common_of_boxes(colours), "  " if group is None else "    "
    if group is not None:
        yield f"  subgraph {dot_id(f'cluster {group}')} {{"
        yield f"    graph {_listed(_group_attributes(group, colours))};"
    for box in boxes:
        yield f"{margin}{dot_id(box.id)} {_listed(_box_attributes(box, colours), unless=common)};"
    if group is not None:
        yield "  }"


def _group_attributes(group: str, colours: Palette) -> Attributes:
    return {
        "bgcolor": _quoted(colours.group),
        "color": _quoted(colours.group_border),
        "label": f"<{group_label(group)}>",
        "margin": "14",
        "style": '"rounded"',
    }


def _common_of_boxes(colours: Palette) -> Attributes:
    """How a box is drawn unless it says otherwise: the line of a usual workflow then holds its label only."""
    return {
        "color": _quoted(colours.box_border),
        "fillcolor": _quoted(colours.box),
        "fontcolor": _quoted(colours.ink),
        "fontname": _FONT,
        "fontsize": str(NAME_SIZE),
        "height": "0.4",
        "margin": '"0.13,0.05"',
        "penwidth": "1.0",
        "shape": "box",
        "style": '"rounded,filled"',
    }


def _box_attributes(box: Box, colours: Palette) -> Attributes:
    fill, border, pen_width = _look(box, colours)
    # Where it has a link and no tooltip, Graphviz would show the markup of the label as one.
    needs_tooltip = box.url or is_cut(box.name, width=NAME_WIDTH)
    return {
        "color": _quoted(border),
        "fillcolor": _quoted(fill),
        "label": f"<{box_label(box, colours)}>",
        "penwidth": pen_width,
        **({"tooltip": dot_string(box.name)} if needs_tooltip else {}),
        **({"URL": dot_string(box.url)} if box.url else {}),
    }


def _look(box: Box, colours: Palette) -> tuple[str, str, str]:
    """The fill, the border and its width: what matters most decides."""
    if box.is_refused:
        return colours.refused_box, colours.refused, "2.5"
    fill = colours.off_box if box.is_off else colours.box
    if box.is_root:
        return fill, colours.root_border, "2.5"
    if box.status is not None:
        return fill, colours.statuses.get(box.status, colours.other), "1.6"
    return fill, colours.off_line if box.is_off else colours.box_border, "1.0"


# Lines.


def _common_of_lines(colours: Palette) -> Attributes:
    return {
        "arrowsize": "0.7",
        "color": _quoted(colours.of_condition("on_success")),
        "fontcolor": _quoted(colours.soft_ink),
        "fontname": _FONT,
        "fontsize": str(LINE_SIZE),
        "penwidth": _PEN_WIDTHS["solid"],
        "style": "solid",
    }


def _line_attributes(line: Line, colours: Palette) -> Attributes:
    style = STYLES.get(line.condition, "solid")
    words = ", ".join(filter(None, ["refused" if line.closes else "", delay_words(line)]))
    return {
        **({"arrowhead": "onormal"} if line.is_off else {}),
        "color": _quoted(_line_colour(line, colours)),
        # What was refused runs against the flow of all other data, which it must not turn around.
        **({"constraint": "false", "fontcolor": _quoted(colours.refused)} if line.closes else {}),
        # The spaces keep the words off the line beside them.
        **({"label": dot_string(f" {words} ")} if words else {}),
        "penwidth": "3" if line.is_refused else _PEN_WIDTHS[style],
        "style": style,
    }


def _line_colour(line: Line, colours: Palette) -> str:
    if line.is_refused:
        return colours.refused
    return colours.off_line if line.is_off else colours.of_condition(line.condition)
