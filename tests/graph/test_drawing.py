"""Does the graph draw itself, in every format and in a notebook?"""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest

from flowforge_graph import DiagramView, ImageError, ImageLimits, WorkflowNote, WorkflowNotFound
from flowforge_graph.graph import TriggerGraph
from tests.graph.helpers import depends, graph_of, scheduled


@pytest.fixture
def graph() -> TriggerGraph:
    """a → b → c, and a runs nightly."""
    graph = graph_of("ab", "bc")
    graph.add(scheduled("a", id="nightly"))
    return graph


def test_every_format(graph: TriggerGraph) -> None:
    """Texts, but for the picture made of dots."""
    assert graph.to_dot().startswith('digraph "triggers" {')
    assert graph.to_mermaid().startswith("flowchart LR\n")
    assert graph.to_svg().startswith("<svg")
    assert graph.to_png().startswith(b"\x89PNG")
    assert set(nx.node_link_graph(json.loads(graph.to_json()), edges="edges").edges) == {("a", "b"), ("b", "c")}
    assert set(nx.cytoscape_graph(json.loads(graph.to_cytoscape())).edges) == {("a", "b"), ("b", "c")}


def test_its_own_schedules_are_drawn(graph: TriggerGraph) -> None:
    """Without any notes: the nodes carry them."""
    assert "Daily at 2:00 AM, UTC" in graph.to_svg()


def test_view_and_notes_reach_every_format(graph: TriggerGraph) -> None:
    """The neighbourhood alone, under the name that the notes give."""
    view, notes = DiagramView(root="c", depth=1), {"c": WorkflowNote(name="Sea")}
    texts = (graph.to_dot, graph.to_mermaid, graph.to_svg, graph.to_json, graph.to_cytoscape)
    for text in (write(view, notes=notes) for write in texts):
        assert "Sea" in text
        assert "Daily" not in text
    assert graph.to_png(view, notes=notes) != graph.to_png(view)
    with pytest.raises(WorkflowNotFound):
        graph.to_dot(DiagramView(root="z"))


def test_the_same_graph_is_the_same_text(graph: TriggerGraph) -> None:
    """However it came about."""
    other = TriggerGraph()
    other.add(depends("c", "b"))
    other.add(scheduled("a", id="nightly"))
    other.add(depends("b", "a"))
    for one, same in ((graph.to_dot(), other.to_dot()), (graph.to_mermaid(), other.to_mermaid())):
        assert one == same
    assert graph.to_json() == other.to_json()
    assert graph.to_svg() == other.to_svg()


def test_limits_reach_the_picture(graph: TriggerGraph) -> None:
    """A host that draws for strangers gives less."""
    for draw in (graph.to_svg, graph.to_png):
        with pytest.raises(ImageError, match="at most 2"):
            draw(limits=ImageLimits(workflows=2))


def test_a_notebook_shows_the_picture(graph: TriggerGraph) -> None:
    """With its text beside it."""
    shown = graph._repr_mimebundle_(include=None, exclude=None)
    assert shown["image/svg+xml"].startswith("<svg")
    assert shown["text/plain"] == repr(graph)


def test_a_notebook_without_a_picture_says_why(
    graph: TriggerGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at a graph never raises."""
    (tmp_path / "dot").write_text("#!/bin/sh\necho 'no fonts' >&2; exit 1\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert graph._repr_mimebundle_() == {
        "text/plain": f"{graph!r} (not drawn: dot could not draw the diagram: no fonts)"
    }


def test_a_large_graph_is_drawn_around_one_workflow() -> None:
    """The whole is beyond the limit, the neighbourhood is not."""
    graph = TriggerGraph()
    graph.add_all([depends(f"w{number + 1}", f"w{number}") for number in range(3_000)])
    with pytest.raises(ImageError, match="a diagram of 3,001 workflows is not laid out"):
        graph.to_svg()
    assert ">w1501</text>" in graph.to_svg(DiagramView(root="w1500", depth=2))
    assert set(graph._repr_mimebundle_()) == {"text/plain"}
