"""A diagram as data: networkx's node-link form, and the form that Cytoscape reads. Pure, sorted, camelCase."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from flowforge_graph.rendering.picture import Box, Diagram, Line

if TYPE_CHECKING:
    import networkx as nx


def node_link_text(diagram: Diagram) -> str:
    """The node-link form as a JSON text, ending with a newline; ``nx.node_link_graph`` reads the parsed text back."""
    import networkx as nx

    return _text(nx.node_link_data(_plain_graph(diagram), edges="edges"))


def cytoscape_text(diagram: Diagram) -> str:
    """What ``nx.cytoscape_data`` makes of the diagram as a JSON text, ending with a newline."""
    import networkx as nx

    return _text(nx.cytoscape_data(_plain_graph(diagram)))


def _text(document: Any) -> str:
    # In ASCII: a terminal or a log that is shown the text must find nothing in it to obey.
    return json.dumps(document, indent=2) + "\n"


def _plain_graph(diagram: Diagram) -> nx.DiGraph[str]:
    """The boxes and lines as an ordinary graph, each edge with its triggers."""
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    if diagram.view.title:
        graph.graph["title"] = diagram.view.title
    for box in diagram.boxes:
        graph.add_node(box.id, **_node(box))
    for (upstream, downstream), lines in groupby(diagram.lines, key=lambda line: (line.upstream, line.downstream)):
        carried = list(lines)
        triggers = [_trigger(line) for line in carried if line.trigger_id is not None]
        refused = {"refused": True} if carried[0].is_refused else {}
        graph.add_edge(upstream, downstream, triggers=triggers, **refused)
    return graph


def _node(box: Box) -> dict[str, Any]:
    given = {
        "name": box.name,
        "lines": [line.text for line in box.lines],
        "status": box.status,
        "tags": list(box.tags),
        "group": box.group,
        "url": box.url,
        "refused": box.is_refused,
    }
    return {name: value for name, value in given.items() if value} | {"enabled": not box.is_off}


def _trigger(line: Line) -> dict[str, Any]:
    return {
        "triggerId": line.trigger_id,
        "triggerName": line.trigger_name,
        "condition": line.condition,
        "delayMinutes": line.delay_minutes,
        "enabled": not line.is_off,
    }
