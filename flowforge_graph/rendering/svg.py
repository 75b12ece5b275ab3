"""The finishing of an SVG that a layout program wrote."""

from __future__ import annotations

import html
import re
from typing import Final

from flowforge_graph.rendering.font_widths import width_of
from flowforge_graph.rendering.palette import dark_for_light

_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
# Fonts of one width, and a generic family as every reader spells it, which
# Graphviz's "sans-Serif" is not.
_FONT: Final = re.compile(r'font-family="Helvetica[^"]*"')
_FONTS: Final = 'font-family="Helvetica, Arial, Liberation Sans, Arimo, sans-serif"'
_TEXT: Final = re.compile(r'<text (?P<attributes>[^>]*? font-size="(?P<size>[0-9.]+)"[^>]*)>(?P<text>[^<]*)</text>')
_OPENING: Final = re.compile(r"<svg\b[^>]*>\n?")


def finished_svg(text: str, *, theme: str) -> str:
    """The picture without what stands around it, so that it can stand in a page or in a file of its own.

    The program's name and version go with the comments: the same diagram is the same text wherever it was drawn by
    the same rules. Each text says how wide it was laid out, so that a reader without the font sets it no wider and
    nothing leaves its box. With theme ``auto`` the reader's preference for dark pages exchanges the colours.
    """
    picture = _FONT.sub(_FONTS, _COMMENT.sub("", text[text.index("<svg") :]))
    picture = _TEXT.sub(_with_its_width, picture)
    return picture if theme != "auto" else _OPENING.sub(lambda found: found[0] + _dark_style(), picture, count=1)


def _with_its_width(found: re.Match[str]) -> str:
    bold = 'font-weight="bold"' in found["attributes"]
    width = width_of(html.unescape(found["text"]), size=float(found["size"]), bold=bold)
    if not width:
        return found[0]
    fitted = f'textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {found['attributes']} {fitted}>{found['text']}</text>"


def _dark_style() -> str:
    rules = "".join(
        f'[fill="{light}"]{{fill:{dark}}}[stroke="{light}"]{{stroke:{dark}}}\n'
        for light, dark in sorted(dark_for_light().items())
    )
    return f"<style>@media (prefers-color-scheme: dark) {{\n{rules}}}</style>\n"
