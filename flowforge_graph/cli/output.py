"""Data on stdout: one JSON document, lines, or a table that is never cut where it is not a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from flowforge_graph.cli.exits import discard, say
from flowforge_graph.cli.text import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STATUS_STYLES = {
    "completed": "green",
    "failed": "red",
    "cancelled": "yellow",
    "running": "cyan",
    "pending": "blue",
    "ok": "green",
    "warning": "yellow",
    "problem": "red",
}

_SHORT = 12
_LEAST = 8
_GAP = 2

Row = Sequence[str]


def console_on(stream: TextIO) -> Console:
    """A console that styles nothing where ``stream`` is no terminal or ``NO_COLOR`` is set, and reads no markup."""
    from rich.console import Console

    return Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at ``stream`` on a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


def print_json(document: Any) -> None:
    """Print one JSON document. What does not print, or what the encoding of stdout lacks, is escaped."""
    lines = json.dumps(document, ensure_ascii=False, indent=2).split("\n")
    text = "\n".join(line if line.isprintable() else _escaped(line) for line in lines)
    print_text(text if _fits_stdout(text) else json.dumps(document, indent=2))


def _escaped(line: str) -> str:
    """JSON leaves what terminals may obey: C1 controls, overrides of direction."""
    return "".join(character if character.isprintable() else json.dumps(character)[1:-1] for character in line)


def _fits_stdout(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def print_lines(lines: Iterable[str]) -> None:
    """Print each line with its unprintable characters escaped."""
    print_text("\n".join(shown(line) for line in lines))


def print_text(text: str) -> None:
    """Write ``text`` and a newline to stdout; a reader that went away (``| head``) is no error."""
    try:
        print(text, flush=True)  # noqa: T201 - this is where the command line prints
    except BrokenPipeError:
        discard(sys.stdout)


def print_table(columns: Row, rows: Sequence[Row], *, nothing: str) -> None:
    """Print a table; ``nothing`` is what stderr says where there are no rows.

    On a terminal cells wrap, elsewhere every cell is whole and columns are aligned with spaces.
    """
    if not rows:
        say(nothing)
    elif is_terminal(sys.stdout):
        _print_rich_table(columns, rows)
    else:
        print_text("\n".join(aligned([columns, *rows])))


def aligned(rows: Sequence[Row]) -> list[str]:
    """The rows as lines, columns aligned by their width on a terminal, two spaces apart, nothing cut."""
    from rich.cells import cell_len

    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _print_rich_table(columns: Row, rows: Sequence[Row]) -> None:
    from rich.table import Table

    console = console_on(sys.stdout)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column, width in zip(columns, column_widths([columns, *rows], room=console.width), strict=True):
        table.add_column(column, overflow="fold", width=width)
    for row in rows:
        table.add_row(*(styled(cell) for cell in row))
    console.print(table)


def column_widths(rows: Sequence[Row], *, room: int) -> list[int]:
    """How wide each column is in a table that may take ``room`` in all; what is longer folds, nothing is cut.

    Short columns (a status, a duration) stay on one line where they leave the others something; these share the rest
    evenly, and what one of them does not need goes to the longer ones.
    """
    longest = [max(len(shown(cell)) for cell in column) for column in zip(*rows, strict=True)]
    room -= _GAP * (len(longest) - 1)
    short = {number: width for number, width in enumerate(longest) if width <= _SHORT}
    if sum(short.values()) + _LEAST * (len(longest) - len(short)) > room:
        short = {}
    widths, room = dict(short), room - sum(short.values())
    folding = sorted(set(range(len(longest))) - short.keys(), key=longest.__getitem__)
    for place, number in enumerate(folding):
        widths[number] = max(1, min(longest[number], room // (len(folding) - place)))
        room -= widths[number]
    return [widths[number] for number in range(len(longest))]


def styled(cell: str) -> Text:
    """The cell as text that no markup is read from; a status gets its colour."""
    from rich.text import Text

    return Text(shown(cell), style=STATUS_STYLES.get(cell, ""))


def print_styled(lines: Iterable[tuple[str, str]]) -> None:
    """Print lines, each with a style that only a terminal shows."""
    if not is_terminal(sys.stdout):
        print_lines(text for text, _ in lines)
        return
    from rich.text import Text

    console = console_on(sys.stdout)
    for text, style in lines:
        console.print(Text(shown(text), style=style), soft_wrap=True)
