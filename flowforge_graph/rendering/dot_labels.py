"""The HTML-like labels of DOT: a workflow's name with what stands under it, and the title with the legend.

Tables of our own with escaped texts in them. Graphviz knows how wide the letters of ASCII are even where no font is
installed; other texts are given their width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from flowforge_graph.model import CONDITIONS
from flowforge_graph.rendering.palette import Palette
from flowforge_graph.rendering.picture import Box, Diagram
from flowforge_graph.rendering.texts import NAME_LINES, dot_html, points, wrapped
from flowforge_graph.rendering.wording import condition_words, lines_under_name, reduced_words

# Sizes in points.
NAME_SIZE: Final = 13
LINE_SIZE: Final = 10
LEGEND_SIZE: Final = 11
_STATUS_SIZE: Final = 9
_TITLE_SIZE: Final = 18
_SAMPLE_WIDTH: Final = 30

# Widths in columns of text.
NAME_WIDTH: Final = 26
_LINE_WIDTH: Final = 36
_TITLE_WIDTH: Final = 80

STYLES: Final = {"on_success": "solid", "on_failure": "dashed", "on_completion": "dotted"}


def box_label(box: Box, colours: Palette) -> str:
    """The label of a workflow's box."""
    ink = colours.off_ink if box.is_off else None
    rows = [_cell(box.name, bold=True, ink=ink, width=NAME_WIDTH)]
    for line in lines_under_name(box):
        ink = colours.off_ink if line.is_off else colours.soft_ink
        rows.append(_cell(line.text, ink=ink, size=LINE_SIZE, width=_LINE_WIDTH))
    if box.status is not None:
        rows.append(_status_cell(box.status, colours))
    # Most boxes hold a short name and nothing else; the text stays readable where they need no table.
    return f"<B>{_shown(box.name)}</B>" if _is_plain(box, rows) else _table(rows)


def _is_plain(box: Box, rows: Sequence[str]) -> bool:
    return len(rows) == 1 and not box.is_off and box.name.isascii() and len(box.name) <= NAME_WIDTH


def group_label(group: str) -> str:
    """The label of the frame around a group."""
    return _table([_cell(group, bold=True, width=2 * NAME_WIDTH)])


def header_label(diagram: Diagram, colours: Palette) -> str:
    """The title and the legend; empty where there is neither."""
    title = diagram.view.title
    rows = [_cell(title, bold=True, size=_TITLE_SIZE, width=_TITLE_WIDTH)] if title else []
    if diagram.view.legend and (legend := _legend(diagram, colours)):
        rows.append(f'<TD ALIGN="LEFT">{legend}</TD>')
    return _table(rows, spacing=2) if rows else ""


def _cell(text: str, *, width: int, bold: bool = False, ink: str | None = None, size: int = NAME_SIZE) -> str:
    """A table's cell; lines break at ``width`` columns."""
    lines = wrapped(text, width=width, lines=NAME_LINES if bold else 2)
    shown = '<BR ALIGN="LEFT"/>'.join(map(_shown, lines))
    if len(lines) > 1:
        shown += '<BR ALIGN="LEFT"/>'
    # Without fonts Graphviz takes a space's width for what is not ASCII, and the text would leave its box.
    least = "" if text.isascii() else f' WIDTH="{max(points(line, size=size) for line in lines)}"'
    colour = f' COLOR="{ink}"' if ink else ""
    content = f"<B>{shown}</B>" if bold else shown
    return f'<TD ALIGN="LEFT"{least}><FONT POINT-SIZE="{size}"{colour}>{content}</FONT></TD>'


def _shown(line: str) -> str:
    """One line of text; markup around nothing is an error to Graphviz."""
    return dot_html(line.strip()) or "&#160;"


def _status_cell(status: str, colours: Palette) -> str:
    """The status in its colour; only ``failed`` fills its field, so that it stands out among many."""
    colour = colours.statuses.get(status, colours.other)
    if status != "failed":
        return _cell(status, bold=True, ink=colour, size=_STATUS_SIZE, width=_LINE_WIDTH)
    words = f'<FONT POINT-SIZE="{_STATUS_SIZE}" COLOR="{colours.page}"><B> {status} </B></FONT>'
    field = f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1" STYLE="ROUNDED" BGCOLOR="{colour}">'
    return f"<TD>{field}<TR><TD>{words}</TD></TR></TABLE></TD>"


def _table(cells: Iterable[str], *, spacing: int = 0) -> str:
    """A borderless table of one column."""
    rows = "".join(f"<TR>{cell}</TR>" for cell in cells)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="{spacing}" CELLPADDING="2">{rows}</TABLE>'


def _legend(diagram: Diagram, colours: Palette) -> str:
    """Only the marks that occur, so that a small picture is not mostly legend."""
    marks = list(_marks(diagram, colours))
    cells = [f"{_sample(colour, style)}<TD>{dot_html(words)}</TD>" for words, colour, style in marks]
    if diagram.reduced:
        cells.append(f'<TD><FONT COLOR="{colours.soft_ink}">{reduced_words(diagram.reduced)}</FONT></TD>')
    if not cells:
        return ""
    row = '<TD WIDTH="10"></TD>'.join(cells) + _filler(diagram.view.title or "", [words for words, _, _ in marks])
    return f'<TABLE BORDER="0" CELLSPACING="3" CELLPADDING="0"><TR>{row}</TR></TABLE>'


def _marks(diagram: Diagram, colours: Palette) -> Iterator[tuple[str, str, str]]:
    """What is explained: the words, the colour and the style of each."""
    present = {line.condition for line in diagram.lines if not line.closes or line.condition}
    for condition in (*CONDITIONS, *sorted(present - set(CONDITIONS))):
        if condition in present:
            yield condition_words(condition), colours.of_condition(condition), STYLES.get(condition, "solid")
    if any(line.is_off for line in diagram.lines) or any(box.is_off for box in diagram.boxes):
        yield "disabled", colours.off_line, "solid"
    if any(line.is_refused for line in diagram.lines):
        yield "refused: would be a cycle", colours.refused, "solid"


def _sample(colour: str, style: str) -> str:
    """A piece of line, drawn as the border of an empty cell: no font has to have the right dashes."""
    empty = f'FIXEDSIZE="TRUE" WIDTH="{_SAMPLE_WIDTH}"'
    line = f'<TD {empty} HEIGHT="6" BORDER="2" SIDES="B" STYLE="{style.upper()}" COLOR="{colour}"></TD>'
    return (
        '<TD><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
        f'<TR>{line}</TR><TR><TD {empty} HEIGHT="4"></TD></TR></TABLE></TD>'
    )


def _filler(title: str, words: Iterable[str]) -> str:
    """A last cell as wide as what the title needs more, which would else be shared out among all cells."""
    taken = sum(_SAMPLE_WIDTH + points(each, size=LEGEND_SIZE) for each in words)
    left = points(title[:_TITLE_WIDTH], size=_TITLE_SIZE) - taken
    return f'<TD WIDTH="{left}"></TD>' if left > 0 else ""
