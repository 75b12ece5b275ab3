"""Do the other formats say what the graph says?"""

from __future__ import annotations

import json

import networkx as nx
import pytest

from flowforge_graph import DiagramView, WorkflowNote
from flowforge_graph.rendering import (
    FORMATS,
    cytoscape_text,
    diagram_of,
    dot_text,
    mermaid_chart,
    node_link_text,
    svg_text,
    written,
)
from flowforge_graph.rendering.palette import DARK, LIGHT, dark_for_light
from tests.rendering.support import chain, drawn_graph, trigger

GRAPH = drawn_graph(
    trigger("a", "b", "on_failure", delay_minutes=5, trigger_name="Retry"),
    trigger("a", "b"),
    trigger("b", "c", "on_completion", enabled=False),
)
NOTES = {"a": WorkflowNote(name="Alpha", status="failed", tags=("raw",), url="/a"), "b": WorkflowNote(lines=("x",))}


def test_mermaid_word_for_word() -> None:
    """The whole chart: conditions, delays and what is disabled in words, colours and dashes beside them."""
    assert mermaid_chart(diagram_of(GRAPH, DiagramView(group_by="tag", title="Small"), NOTES)) == (
        "---\n"
        'title: "Small"\n'
        "---\n"
        "flowchart LR\n"
        '  w_b("b<br/>x")\n'
        '  w_c("c")\n'
        '  subgraph g_raw["raw"]\n'
        '    w_a("Alpha<br/>failed")\n'
        "  end\n"
        "  w_a --> w_b\n"
        '  w_a -->|"on failure, +5 min"| w_b\n'
        '  w_b -->|"on completion, disabled"| w_c\n'
        "  classDef disabled fill:#fafafa,stroke:#a8b3c2,color:#7b8798,stroke-width:1px\n"
        "  class w_c disabled\n"
        "  classDef last_failed fill:#f8fafc,stroke:#b91c1c,color:#0f172a,stroke-width:2px\n"
        "  class w_a last_failed\n"
        "  classDef workflow fill:#f8fafc,stroke:#94a3b8,color:#0f172a,stroke-width:1px\n"
        "  class w_b workflow\n"
        "  linkStyle 0 stroke:#15803d,stroke-width:1.5px\n"
        "  linkStyle 2 stroke:#a8b3c2,stroke-width:1.5px,stroke-dasharray:2 4\n"
        "  linkStyle 1 stroke:#c2410c,stroke-width:1.5px,stroke-dasharray:6 4\n"
    )


def test_mermaid_marks_the_root_and_a_refused_cycle() -> None:
    """The root has a border of its own; the chain is red and thick."""
    chart = mermaid_chart(diagram_of(chain(*"abc"), DiagramView(root="a", refused=("b", "c", "b"))))
    assert "  class w_a root" in chart
    assert "  class w_b,w_c refused" in chart
    assert '  w_c -->|"refused"| w_b' in chart
    assert f"  linkStyle 1,2 stroke:{LIGHT.refused},stroke-width:3px" in chart


def test_networkx_reads_node_link_back() -> None:
    """The graph itself, and what its nodes and edges carry."""
    graph = nx.node_link_graph(json.loads(node_link_text(diagram_of(GRAPH, None, NOTES))), edges="edges")
    assert isinstance(graph, nx.DiGraph)
    assert set(graph.edges) == set(GRAPH.edges)
    assert graph.nodes["a"] == {"name": "Alpha", "status": "failed", "tags": ["raw"], "url": "/a", "enabled": True}
    assert graph.nodes["b"] == {"name": "b", "lines": ["x"], "enabled": True}
    assert graph.edges["a", "b"]["triggers"] == [
        {"triggerId": condition, "triggerName": name, "condition": condition, "delayMinutes": delay, "enabled": True}
        for condition, name, delay in (("on_success", None, 0), ("on_failure", "Retry", 5))
    ]
    assert graph.edges["b", "c"]["triggers"][0]["enabled"] is False


def test_cytoscape_is_what_networkx_makes_and_reads() -> None:
    """Its elements name the same workflows and edges."""
    document = json.loads(cytoscape_text(diagram_of(GRAPH, DiagramView(refused=("a", "b", "a")), NOTES)))
    graph = nx.cytoscape_graph(document)
    assert set(graph.edges) == {*GRAPH.edges, ("b", "a")}
    assert [node["data"]["name"] for node in document["elements"]["nodes"]] == ["Alpha", "b", "c"]
    assert graph.edges["b", "a"] == {"source": "b", "target": "a", "refused": True, "triggers": []}


@pytest.mark.parametrize("diagram_format", FORMATS)
def test_a_format_is_known_by_the_beginning_of_its_file(diagram_format: str) -> None:
    """Each suffix is the content that its name promises."""
    beginnings = {"svg": b"<svg", "png": b"\x89PNG", "dot": b"digraph", "mmd": b"flowchart", "json": b"{"}
    content = written(diagram_of(GRAPH), diagram_format)  # type: ignore[arg-type]
    assert content.startswith(beginnings[diagram_format])


def test_an_empty_graph_is_an_empty_picture() -> None:
    """In every format."""
    empty = diagram_of(nx.DiGraph())
    for diagram_format in FORMATS:
        assert written(empty, diagram_format)  # type: ignore[arg-type]


def test_the_palettes_exchange_colour_by_colour() -> None:
    """No light colour stands for two dark ones, so that a picture can follow its reader; and no role lacks a colour."""
    exchange = dark_for_light()
    assert len(list(LIGHT.colours())) == len(list(DARK.colours()))
    assert all(exchange[light] == dark for light, dark in zip(LIGHT.colours(), DARK.colours(), strict=True))


def test_an_svg_that_follows_its_reader_exchanges_every_colour_it_has() -> None:
    """Its style names each colour of the picture, and the picture is otherwise the light one."""
    notes = {"a": WorkflowNote(status="failed")}
    light, auto = (svg_text(diagram_of(GRAPH, DiagramView(theme=theme), notes)) for theme in ("light", "auto"))  # type: ignore[arg-type]
    style, rest = auto.partition("<style>")[2].split("</style>\n")
    assert auto.partition("<style>")[0] + rest == light
    assert "@media (prefers-color-scheme: dark)" in style
    for light_colour in LIGHT.colours():
        if f'"{light_colour}"' in light:
            assert f'[fill="{light_colour}"]{{fill:{dark_for_light()[light_colour]}}}' in style


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_can_be_read(palette: object) -> None:
    """What is written stands out from what it is written on by 4.5 to 1, what is disabled by 3 to 1 (WCAG 2)."""
    assert palette in (LIGHT, DARK)
    p = LIGHT if palette is LIGHT else DARK
    for ink in (p.ink, p.soft_ink, *p.statuses.values()):
        assert contrast(ink, p.box) >= 4.5, ink
    for line in (*p.conditions.values(), p.refused, p.ink, p.soft_ink):
        assert contrast(line, p.page) >= 4.5, line
    for status in p.statuses.values():
        assert contrast(p.page, status) >= 4.5, status
    assert contrast(p.off_ink, p.off_box) >= 3


def contrast(one: str, other: str) -> float:
    """The ratio of contrast of two colours as WCAG 2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of ``#rrggbb``."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_dot_text_ends_with_a_newline() -> None:
    """As every text that is written to a file does."""
    diagram = diagram_of(GRAPH)
    for text in (dot_text(diagram), mermaid_chart(diagram), node_link_text(diagram), svg_text(diagram)):
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
