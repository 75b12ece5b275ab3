"""The finishing of an SVG that a layout program wrote."""

from __future__ import annotations

import re
from typing import Final

from flowforge_graph.rendering.palette import dark_for_light

_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
# Fonts of nearly one width, so that no text leaves its box; and a generic family as every reader spells it, which
# Graphviz's "sans-Serif" is not.
_FONT: Final = re.compile(r'font-family="Helvetica[^"]*"')
_FONTS: Final = 'font-family="Helvetica, Arial, Liberation Sans, Arimo, Nimbus Sans, DejaVu Sans Condensed, sans-serif"'
_OPENING: Final = re.compile(r"<svg\b[^>]*>\n?")


def finished_svg(text: str, *, theme: str) -> str:
    """The picture without what stands around it, so that it can stand in a page or in a file of its own.

    The program's name and version go with the comments: the same diagram is the same text wherever it was drawn by
    the same rules. With theme ``auto`` the reader's preference for dark pages exchanges the colours.
    """
    picture = _FONT.sub(_FONTS, _COMMENT.sub("", text[text.index("<svg") :]))
    return picture if theme != "auto" else _OPENING.sub(lambda found: found[0] + _dark_style(), picture, count=1)


def _dark_style() -> str:
    rules = "".join(
        f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}\n'
        for light, dark in sorted(dark_for_light().items())
    )
    return f"<style>@media (prefers-color-scheme: dark) {{\n{rules}}}</style>\n"
