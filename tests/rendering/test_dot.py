"""Is the DOT text what Graphviz reads, the same each time, and marked as the page says?"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from flowforge_graph import DiagramView, WorkflowNote
from flowforge_graph.rendering import diagram_of, dot_text, svg_text
from flowforge_graph.rendering.palette import DARK, LIGHT
from tests.rendering.support import (
    chain,
    dot_of,
    drawn_graph,
    edges_read,
    names_read,
    read_by_graphviz,
    texts_in,
    trigger,
)
from tests.support.documents import ROOT

SMALL = drawn_graph(
    trigger("a", "b"), trigger("b", "c", "on_failure", delay_minutes=5), trigger("a", "c", enabled=False)
)


def test_a_small_graph_word_for_word() -> None:
    """The whole text, so that a change of what is written is seen."""
    assert dot_of(SMALL, DiagramView(legend=False)) == (
        'digraph "triggers" {\n'
        '  graph [bgcolor="#ffffff", fontcolor="#0f172a", fontname="Helvetica", fontsize=11, nodesep=0.3, pad=0.25, '
        "rankdir=LR, ranksep=0.6];\n"
        '  node [color="#94a3b8", fillcolor="#f8fafc", fontcolor="#0f172a", fontname="Helvetica", fontsize=13, '
        'height=0.4, margin="0.13,0.05", penwidth=1.0, shape=box, style="rounded,filled"];\n'
        '  edge [arrowsize=0.7, color="#15803d", fontcolor="#475569", fontname="Helvetica", fontsize=10, '
        "penwidth=1.3, style=solid];\n"
        '  "a" [label=<<B>a</B>>];\n'
        '  "b" [label=<<B>b</B>>];\n'
        '  "c" [label=<<B>c</B>>];\n'
        '  "a" -> "b";\n'
        '  "a" -> "c" [arrowhead=onormal, color="#a8b3c2"];\n'
        '  "b" -> "c" [color="#c2410c", label=" +5 min ", penwidth=1.5, style=dashed];\n'
        "}\n"
    )


def test_graphviz_reads_the_graph_back() -> None:
    """Each workflow and each trigger, in frames too."""
    notes = {"a": WorkflowNote(tags=("t",)), "b": WorkflowNote(tags=("t",))}
    for view in (None, DiagramView(group_by="tag", title="Some graph")):
        document = read_by_graphviz(dot_of(SMALL, view, notes))
        assert names_read(document) == ["a", "b", "c"]
        assert edges_read(document) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_workflow_more_is_a_line_more() -> None:
    """Diffs stay small: nothing else changes than what stands for the new workflow and its trigger."""
    before, after = (dot_of(graph, DiagramView(legend=False)).splitlines() for graph in (chain(*"acd"), chain(*"acde")))
    assert set(before) - set(after) == set()
    assert sorted(set(after) - set(before)) == ['  "d" -> "e";', '  "e" [label=<<B>e</B>>];']


def test_the_text_does_not_depend_on_hashes() -> None:
    """Another process with another hash seed writes the same, Mermaid and JSON too."""
    program = (
        "from tests.rendering.test_dot import SMALL; from flowforge_graph.rendering import *\n"
        "d = diagram_of(SMALL, DiagramView(reduce=True, group_by='tag', root='b'))\n"
        "print(dot_text(d), mermaid_chart(d), node_link_text(d), cytoscape_text(d))"
    )
    texts = {
        subprocess.check_output(
            [sys.executable, "-c", program], cwd=ROOT, env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        )
        for seed in ("0", "1", "2")
    }
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("condition", "style"), [("on_success", "solid"), ("on_failure", "dashed"), ("on_completion", "dotted")]
)
def test_conditions_differ_in_colour_and_in_shape(condition: str, style: str) -> None:
    """Each has a line style and a colour of its own, and is explained only where it occurs."""
    text = dot_of(drawn_graph(trigger("a", "b", condition)))
    (edge,) = read_by_graphviz(text)["edges"]
    assert (edge["style"], edge["color"]) == (style, LIGHT.conditions[condition])
    legend = [words for words in ("on success", "on failure", "on completion", "disabled") if words in text]
    assert legend == [condition.replace("_", " ")]


def test_several_triggers_of_one_edge_are_lines_beside_each_other() -> None:
    """Three ways that differ, each with its own delay."""
    conditions = ("on_success", "on_failure", "on_completion")
    graph = drawn_graph(*(trigger("a", "b", each, delay_minutes=n) for n, each in enumerate(conditions, 1)))
    edges = read_by_graphviz(dot_of(graph))["edges"]
    assert [edge["label"] for edge in edges] == [" +1 min ", " +2 min ", " +3 min "]
    assert len({edge["pos"] for edge in edges}) == 3


def test_what_is_disabled_is_grey_with_an_empty_arrow() -> None:
    """The line keeps the shape of its condition; the box and its schedule are grey."""
    text = dot_of(drawn_graph(trigger("a", "b", "on_failure", enabled=False)))
    (edge,) = read_by_graphviz(text)["edges"]
    assert (edge["color"], edge["style"], edge["arrowhead"]) == (LIGHT.off_line, "dashed", "onormal")
    (box,) = (line for line in text.splitlines() if line.startswith('  "b" ['))
    assert LIGHT.off_box in box
    assert LIGHT.off_ink in box


@pytest.mark.parametrize("status", sorted(LIGHT.statuses))
def test_the_last_status_is_a_word_and_an_accent(status: str) -> None:
    """It is written in its colour and frames the box."""
    diagram = diagram_of(chain("a", "b"), None, {"a": WorkflowNote(status=status)})  # type: ignore[arg-type]
    (box,) = (line for line in dot_text(diagram).splitlines() if line.startswith('  "a" ['))
    assert box.count(LIGHT.statuses[status]) == 2
    assert status in [text.strip() for text in texts_in(svg_text(diagram))]


def test_a_refused_cycle_is_red_and_says_so() -> None:
    """The chain is thick and red, its last step says that it was refused and does not turn the others around."""
    text = dot_of(chain(*"abc"), DiagramView(refused=("a", "b", "c", "a")))
    document = read_by_graphviz(text)
    assert {(edge["color"], edge["penwidth"]) for edge in document["edges"]} == {(LIGHT.refused, "3")}
    places = {each["name"]: float(each["pos"].partition(",")[0]) for each in document["objects"]}
    assert places["a"] < places["b"] < places["c"]
    assert [edge["label"] for edge in document["edges"]] == ["", "", " refused "]
    assert "refused: would be a cycle" in text


def test_the_dark_theme_has_no_colour_of_the_light_one() -> None:
    """Every colour of the text is one of the palette of its theme."""
    notes = {name: WorkflowNote(status="failed", lines=("x",), tags=("t",)) for name in "abc"}
    for theme, palette in (("dark", DARK), ("light", LIGHT), ("auto", LIGHT)):
        view = DiagramView(theme=theme, title="t", group_by="tag", root="a", refused=("b", "c", "b"))  # type: ignore[arg-type]
        assert set(re.findall("#[0-9a-f]{6}", dot_of(SMALL, view, notes))) <= set(palette.colours())


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_the_direction_is_where_the_data_flows(direction: str) -> None:
    """The downstream workflow lies on that side of its upstream."""
    document = read_by_graphviz(dot_of(chain("a", "b"), DiagramView(direction=direction)))  # type: ignore[arg-type]
    a, b = ([float(part) for part in each["pos"].split(",")] for each in document["objects"])
    moved = {"LR": b[0] - a[0], "RL": a[0] - b[0], "TB": a[1] - b[1], "BT": b[1] - a[1]}
    assert moved[direction] == max(moved.values()) > 0


def test_what_is_left_out_is_said() -> None:
    """Neighbours that are not drawn, edges that are implied, and lines beyond the sixth."""
    graph = chain(*"abcd")
    graph.add_edge("b", "d", triggers=(trigger("b", "d"),))
    text = dot_of(graph, DiagramView(root="c", depth=1, reduce=True), {"c": WorkflowNote(lines=tuple("123456789"))})
    assert "1 more upstream" in text
    assert "1 implied edge left out" in text
    assert "and 4 more" in text
    assert ">6<" not in text


def test_no_legend() -> None:
    """A view may leave it out, and a graph without lines has none."""
    assert "on success" not in dot_of(chain("a", "b"), DiagramView(legend=False))
    assert "label=<<TABLE" not in dot_of(chain("a", "b"), DiagramView(legend=False))
