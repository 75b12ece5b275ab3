"""Do we know how wide a text was laid out?"""

from __future__ import annotations

import re

import pytest

from flowforge_graph.rendering import diagram_of, svg_text
from flowforge_graph.rendering.font_widths import width_of
from tests.rendering.support import chain, read_by_graphviz, tree_of

LETTERS = "".join(map(chr, range(32, 127)))


@pytest.mark.parametrize("bold", [False, True], ids=["plain", "bold"])
def test_each_letter_is_as_wide_as_graphviz_takes_it(bold: bool) -> None:
    """A box around a hundred of them has their width."""
    marks = "<B>{}</B>" if bold else "{}"
    boxes = [
        f"n{ord(letter)} [label=<{marks.format(f'&#{ord(letter)};' * 100)}>]"
        for letter in LETTERS
        if letter not in " \\"
    ]
    document = read_by_graphviz(
        'digraph { node [shape=box, margin=0, width=0, fontname="Helvetica", fontsize=10]; ' + "; ".join(boxes) + "}"
    )
    for box in document["objects"]:
        letter = chr(int(box["name"][1:]))
        assert float(box["width"]) * 72 == pytest.approx(width_of(letter * 100, size=10, bold=bold), abs=2), letter


@pytest.mark.parametrize("text", ["é", "日本", "a\tb", "a\u200bb"])
def test_what_is_not_printable_ascii_has_no_known_width(text: str) -> None:
    """Its reader's font decides."""
    assert width_of(text, size=10, bold=False) is None


def test_every_text_of_a_picture_fits_the_box_around_it() -> None:
    """Whatever font its reader has: each says its width, which lies within the borders of its box."""
    svg = svg_text(diagram_of(chain("customer_ingestion", "WWWWWWWW", "iiiiii", 'a & <b> "c"')))
    for group in tree_of(svg).iter():
        if group.get("class") == "node":
            (path,) = (each for each in group if each.tag.endswith("}path"))
            (text,) = (each for each in group.iter() if each.tag.endswith("}text"))
            places = [float(x) for x in re.findall(r"(-?[0-9.]+),", path.get("d", ""))]
            left = float(text.get("x", ""))
            assert min(places) < left
            assert left + float(text.get("textLength", "")) < max(places)
            assert text.get("lengthAdjust") == "spacingAndGlyphs"
