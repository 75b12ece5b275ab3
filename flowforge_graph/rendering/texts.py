"""Hostile names as harmless text: one escape for each language, and names cut to lines that fit a box.

Everything that does not print is a visible escape first (``printable``), so that no name can turn the direction of
what follows it, break a line of the output, or hide.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from flowforge_graph.errors import printable

_UNSAFE_IN_ID: Final = re.compile(r'["\\=%<>&]|[^\S ]')
_MERMAID_PLAIN: Final = re.compile(r"[^\w ,.:+()=-]|_{2,}")
_BREAK_AFTER: Final = re.compile(r"(?<=[ _.:,;/@+-])")
_ELLIPSIS: Final = "…"

# How many lines a name may take.
NAME_LINES: Final = 3

# How wide characters are at most, on the average of a text, as shares of the font size.
_ASCII: Final = 0.6
_NARROW: Final = 0.75
_WIDE: Final = 1.05


def dot_id(text: str) -> str:
    """A DOT identifier, different for different texts.

    Quoted; what means something to DOT, to HTML or to nobody is written as in quoted-printable mail, ``=`` and two
    digits for each byte. So no escape of DOT is needed, and every reader of it agrees on the result. (Not with ``%``:
    Graphviz takes names that begin with it for its own and forgets them.)
    """
    return f'"{"".join(map(_in_id, text))}"'


def _in_id(character: str) -> str:
    if character.isprintable() and not _UNSAFE_IN_ID.match(character):
        return character
    return "".join(f"={byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def dot_string(text: str) -> str:
    """A quoted DOT string that shows ``text``: no escape sequence, entity or line of its own is left in it."""
    safe = html.escape(printable(text), quote=False).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"'


def dot_html(text: str) -> str:
    r"""``text`` inside an HTML-like label of DOT, where ``\N`` would be the node's name, however it is spelled."""
    return html.escape(printable(text).replace("\\", r"\\"))


def mermaid_text(text: str) -> str:
    """A quoted Mermaid text: whatever could be markup, a directive or an entity is Mermaid's code of the character."""
    return f'"{_MERMAID_PLAIN.sub(_coded, printable(text))}"'


def _coded(found: re.Match[str]) -> str:
    return "".join(f"#{ord(character)};" for character in found[0])


def mermaid_id(text: str, *, kind: str = "w") -> str:
    """A Mermaid identifier, different for different texts: letters and digits of ASCII as they are, all else in hex.

    The prefix keeps it from being one of Mermaid's words (``end``, ``graph``).
    """
    return f"{kind}_" + "".join(map(_in_mermaid_id, text))


def _in_mermaid_id(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    return "__" if character == "_" else f"_{ord(character):x}_"


def columns(text: str) -> int:
    """How many columns of a fixed-width font ``text`` takes: two for wide characters, none for combining ones."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def points(text: str, *, size: float) -> int:
    """About how wide ``text`` is in a font of ``size`` points, rather too wide than too narrow."""
    return round(sum(map(_share, text)) * size)


def _share(character: str) -> float:
    if character.isascii():
        return _ASCII
    return (0.0, _NARROW, _WIDE)[_columns(character)]


def wrapped(text: str, *, width: int, lines: int) -> list[str]:
    """``text`` as at most ``lines`` lines of at most ``width`` columns; what does not fit ends in an ellipsis.

    Broken after spaces, underscores and punctuation where there are any.
    """
    broken: list[str] = [""]
    for piece in _pieces(printable(text), width):
        if columns(broken[-1]) + columns(piece.rstrip()) > width:
            broken.append("")
        broken[-1] += piece
    kept = [line.strip() for line in broken[:lines]]
    if len(broken) > lines:
        kept[-1] = f"{_first_columns(kept[-1], width - 1)}{_ELLIPSIS}"
    return kept


def is_cut(text: str, *, width: int) -> bool:
    """Whether a name that is wrapped to three lines of ``width`` columns loses something."""
    return wrapped(text, width=width, lines=NAME_LINES) != wrapped(text, width=width, lines=len(text))


def _pieces(text: str, width: int) -> Iterator[str]:
    for piece in _BREAK_AFTER.split(text):
        while columns(piece.rstrip()) > width:
            head = _first_columns(piece, width)
            yield head
            piece = piece[len(head) :]  # noqa: PLW2901
        yield piece


def _first_columns(text: str, width: int) -> str:
    taken = 0
    for place, character in enumerate(text):
        taken += _columns(character)
        if taken > width:
            return text[:place]
    return text
