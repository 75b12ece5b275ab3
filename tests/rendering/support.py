"""Graphs to draw, and the drawn read back by other programs than the one that wrote it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import networkx as nx

from flowforge_graph import DependencyTrigger
from flowforge_graph.rendering import Diagram, Line, diagram_of, dot_text

XLINK = "{http://www.w3.org/1999/xlink}"
# What an SVG of ours is made of; a script, a style or a foreign object is not among it.
ELEMENTS = {"svg", "g", "a", "title", "text", "path", "polygon", "polyline", "ellipse"}


def trigger(upstream: str, downstream: str, condition: str = "on_success", **fields: Any) -> DependencyTrigger:
    """A dependency trigger, taken as it stands: names that no value would accept are drawn too."""
    known = DependencyTrigger(workflow_id="d", depends_on_workflow_id="u", id=f"{condition}", **fields)
    return known.model_copy(
        update={"workflow_id": downstream, "depends_on_workflow_id": upstream, "dependency_condition": condition}
    )


def drawn_graph(*triggers: DependencyTrigger) -> nx.DiGraph[str]:
    """An ordinary DiGraph whose edges carry triggers."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for each in triggers:
        pair = (each.depends_on_workflow_id, each.workflow_id)
        carried = graph.edges[pair]["triggers"] if graph.has_edge(*pair) else ()
        graph.add_edge(*pair, triggers=(*carried, each))
    return graph


def chain(*ids: str) -> nx.DiGraph[str]:
    """Each workflow starts the next one."""
    return drawn_graph(*(trigger(*pair) for pair in pairwise(ids)))


def pairs_of(diagram: Diagram) -> list[tuple[str, str]]:
    """Which workflows the lines join."""
    return [(line.upstream, line.downstream) for line in diagram.lines]


def line_between(diagram: Diagram, upstream: str, downstream: str) -> Line:
    """The only line between two workflows."""
    (line,) = (each for each in diagram.lines if (each.upstream, each.downstream) == (upstream, downstream))
    return line


def layout_program() -> str:
    """A layout program, found in another way than the package finds it."""
    beside = Path(sysconfig.get_path("scripts")) / "graphviz-pure"
    return str(beside) if beside.exists() else shutil.which("graphviz-pure") or "dot"


def read_by_graphviz(text: str) -> dict[str, Any]:
    """A DOT text as Graphviz understands it, laid out, as JSON."""
    ran = subprocess.run([layout_program(), "-Kdot", "-Tjson"], input=text.encode(), capture_output=True, check=True)
    assert b"rror" not in ran.stderr, ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


def id_read(name: str) -> str:
    """The workflow that a name of DOT stands for."""
    plain = re.sub(rb"=([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), name.encode())
    return plain.decode("utf-8", "surrogatepass")


def names_read(document: dict[str, Any]) -> list[str]:
    """The workflows that Graphviz understood, by the ids that they had."""
    return sorted(id_read(each["name"]) for each in document.get("objects", ()) if "nodes" not in each)


def edges_read(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The edges that Graphviz understood."""
    names = [id_read(each["name"]) for each in document.get("objects", ())]
    return sorted((names[edge["tail"]], names[edge["head"]]) for edge in document.get("edges", ()))


def tree_of(svg: str) -> ElementTree.Element:
    """An SVG as an XML parser reads it, without anything in it that could act."""
    tree = ElementTree.fromstring(svg)
    for element in tree.iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in ELEMENTS, element.tag
        assert not [name for name in element.attrib if name.lower().startswith("on")], element.attrib
    return tree


def texts_in(svg: str) -> list[str]:
    """Every line of text that a reader sees."""
    return ["".join(each.itertext()) for each in tree_of(svg).iter() if each.tag.endswith("}text")]


def links_in(svg: str) -> set[str]:
    """Where the picture leads."""
    return {value for each in tree_of(svg).iter() for name, value in each.attrib.items() if name.endswith("href")}


def dot_of(graph: nx.DiGraph[str], *arguments: Any) -> str:
    """The DOT text of a graph."""
    return dot_text(diagram_of(graph, *arguments))
