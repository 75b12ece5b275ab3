"""Can a name get out of its text, in any of the formats?"""

from __future__ import annotations

import html
import json
import re
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowforge_graph import DiagramView, WorkflowNote
from flowforge_graph.errors import printable
from flowforge_graph.rendering import Diagram, diagram_of, dot_text, mermaid_chart, node_link_text, svg_text
from flowforge_graph.rendering.texts import columns, dot_html, dot_id, dot_string, mermaid_id, mermaid_text, wrapped
from tests.rendering.support import (
    edges_read,
    id_read,
    links_in,
    names_read,
    read_by_graphviz,
    texts_in,
    tree_of,
    trigger,
)
from tests.support.nasty import NASTY, nasty_texts

HOSTILE = {
    **NASTY,
    "quotes": "a\"b'c`d",
    "backslashes": "a\\",
    "escapes of DOT": "\\N \\G \\E \\T \\H \\L \\n \\l \\r \\\\",
    "escapes of DOT by entity": "&#92;N &bsol;G",
    "an HTML label": '<<table href="javascript:alert(1)"><tr><td>x</td></tr></table>>',
    "a script": "</text><script>alert(1)</script>",
    "a comment": "--><script>alert(1)</script><!--",
    "CDATA": "]]><x onload='alert(1)'/>",
    "entities": "&lt; &#106;avascript: &amp;amp;",
    "an attribute": 'x" onmouseover="alert(1)',
    "statements of DOT": 'x"]; evil [URL="javascript:alert(1)"]; "y',
    "a port": "a:b:c",
    "a record": "{a|b}",
    "a keyword of DOT": "digraph",
    "an end of Mermaid": "end",
    "a directive of Mermaid": '%%{init: {"securityLevel": "loose"}}%%',
    "a click of Mermaid": 'click a "javascript:alert(1)"',
    "codes of Mermaid": "#quot; #35; #lt;",
    "a Markdown text of Mermaid": "`**bold** [x](javascript:alert(1))`",
    "lines of Mermaid": "a --> b; subgraph x",
    "a long name": "x" * 200,
    "a long name of words": "customer_orders_with_returns " * 7,
    "wide letters": "日本語のワークフロー名" * 5,
    "combining marks": "e\u0301" * 60,
    "nothing to see": " ",
    "a lone surrogate": "a\ud800b",
    "NUL": "a\0b",
}


def drawn(*names: str) -> Diagram:
    """A diagram in which each of the names is everything that can be named."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name in names:
        named = trigger("a", name).model_copy(update={"trigger_name": name})
        graph.add_edge("a", name, triggers=(named,))
        graph.nodes[name]["name"] = name
    notes = {
        name: WorkflowNote.model_construct(
            name=name, triggers=(), lines=(name,), status=None, tags=(name,), source=name, url="/w"
        )
        for name in names
    }
    return diagram_of(
        graph, DiagramView.model_construct(**{**dict(DiagramView(group_by="tag")), "title": names[0]}), notes
    )


def test_dot_is_read_as_it_was_meant() -> None:
    """Graphviz finds every workflow and edge, and nothing else, with no complaint."""
    names = sorted(HOSTILE.values())
    document = read_by_graphviz(dot_text(drawn(*names)))
    assert names_read(document) == sorted(["a", *names])
    assert edges_read(document) == [("a", name) for name in names]


@pytest.mark.parametrize("case", HOSTILE)
def test_the_picture_holds_the_name_as_text_only(case: str) -> None:
    """An XML parser finds no other element, attribute or link than ours, and the name's own letters as text."""
    name = HOSTILE[case]
    svg = svg_text(drawn(name))
    assert links_in(svg) == {"/w"}
    lines = {" ".join(text.replace("\xa0", " ").split()) for text in texts_in(svg)}
    for line in wrapped(name, width=36, lines=2):
        assert " ".join(line.split()) in lines, (line, lines)


@pytest.mark.parametrize("case", HOSTILE)
def test_mermaid_holds_the_name_as_text_only(case: str) -> None:
    """Every line is one of the statements that we write, whatever stands in its quotes."""
    chart = mermaid_chart(drawn(HOSTILE[case])).splitlines()
    statement = re.compile(
        r'---|title: "[^"\\]*"|flowchart LR| {2}subgraph g_\w+\["[^"]*"\]| {2}end| {2,4}w_\w+\("[^"]*"\)'
        r"| {2}w_\w+ --> w_\w+| {2}classDef \w+ [\w:#,-]+| {2}class [\w,]+ \w+| {2}linkStyle [\d,]+ [\w:#,. -]+"
    )
    assert [line for line in chart if not statement.fullmatch(line)] == []
    for text in re.findall(r'"([^"]*)"', "\n".join(chart)):
        assert re.fullmatch(r"(<br/>|[\w ,.:+()=-]|#\d+;)*", text), text


def test_json_holds_the_name_itself() -> None:
    """Character by character."""
    names = list(HOSTILE.values())
    document = json.loads(node_link_text(drawn(*names)))
    assert {node["id"] for node in document["nodes"]} == {"a", *names}
    assert {node["name"] for node in document["nodes"]} == {"a", *names}


texts = st.text(max_size=30) | nasty_texts() | st.sampled_from(sorted(HOSTILE.values()))


@given(text=texts)
def test_an_id_of_dot_gives_its_text_back(text: str) -> None:
    """It is one quoted word of printable characters, without a quote or a backslash in it."""
    word = dot_id(text)
    assert re.fullmatch(r'"[^"\\]*"', word)
    assert word.isprintable()
    assert id_read(word[1:-1]) == text


@given(text=texts)
def test_strings_of_dot_show_their_text(text: str) -> None:
    """Undone in the order in which Graphviz undoes it, what is left is the text with what does not print escaped."""
    quoted = dot_string(text)
    assert re.fullmatch(r'"([^"\\]|\\["\\])*"', quoted)
    assert html.unescape(re.sub(r"\\(.)", r"\1", quoted[1:-1])) == printable(text)
    in_html = dot_html(text)
    assert not set(in_html) & set("<>\"'")
    assert re.sub(r"\\(.)", r"\1", html.unescape(in_html)) == printable(text)


@given(text=texts)
def test_texts_of_mermaid_show_their_text(text: str) -> None:
    """Only letters, digits and harmless signs stand for themselves; the codes give the others back."""
    quoted = mermaid_text(text)
    assert re.fullmatch(r'"([\w ,.:+()=-]|#\d+;)*"', quoted)
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), quoted[1:-1]) == printable(text)


@given(one=texts, other=texts)
def test_ids_differ_where_texts_differ(one: str, other: str) -> None:
    """In both languages; in Mermaid they hold nothing but letters, digits and underscores of ASCII."""
    assert (one == other) == (dot_id(one) == dot_id(other)) == (mermaid_id(one) == mermaid_id(other))
    assert re.fullmatch(r"w_[0-9A-Za-z_]*", mermaid_id(one))


@given(text=texts, width=st.integers(2, 40), lines=st.integers(1, 4))
def test_what_is_wrapped_fits(text: str, width: int, lines: int) -> None:
    """No line is wider, there are no more than asked for, and what fits is all there."""
    found = wrapped(text, width=width, lines=lines)
    assert 1 <= len(found) <= lines
    assert all(columns(line) <= width and line.isprintable() for line in found)
    if not found[-1].endswith("…"):
        assert "".join("".join(found).split()) == "".join(printable(text).split())


@given(
    names=st.lists(texts.filter(lambda text: "\ud800" not in text and text != "a"), min_size=1, max_size=4, unique=True)
)
@settings(max_examples=25)
def test_whatever_the_names_are(names: list[str]) -> None:
    """Graphviz reads every diagram, and every picture parses and holds nothing that acts."""
    diagram = drawn(*(names[:1] if not names[0] else names))
    document: dict[str, Any] = read_by_graphviz(dot_text(diagram))
    assert len(names_read(document)) == len(diagram.boxes)
    tree_of(svg_text(diagram))
