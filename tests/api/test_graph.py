"""Does the API draw what ``graph render`` draws?"""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from flowforge_graph.rendering import DiagramView
from tests.api.support import add_workflows, depend, refusal, schedule


@pytest.fixture
def chain(client: TestClient) -> None:
    """Four workflows in a row, the first of which is scheduled and has failed once."""
    add_workflows(client, "A", "B", "C", "D")
    for upstream, downstream in ("AB", "BC", "CD"):
        depend(client, downstream, upstream)
    schedule(client, "A")
    client.post("/api/executions/one/complete", json={"status": "failed", "workflowId": "A"})


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize(
    ("suffix", "media_type", "begins"),
    [
        ("dot", "text/vnd.graphviz; charset=utf-8", b"digraph"),
        ("mmd", "text/vnd.mermaid; charset=utf-8", b""),
        ("json", "application/json", b"{"),
        ("svg", "image/svg+xml", b"<svg"),
        ("png", "image/png", b"\x89PNG"),
    ],
)
def test_each_format_is_what_the_engine_draws(
    client: TestClient, engine: TriggerEngine, suffix: str, media_type: str, begins: bytes
) -> None:
    """With schedules and last statuses; nothing in a picture may run or load anything."""
    answer = client.get(f"/api/graph.{suffix}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert begins in answer.content[:200]
    draw = {"dot": "to_dot", "mmd": "to_mermaid", "json": "to_json", "svg": "to_svg", "png": "to_png"}[suffix]
    drawn = getattr(engine.graph, draw)(DiagramView(), notes=engine.workflow_notes())
    assert answer.content == (drawn if isinstance(drawn, bytes) else drawn.encode())


@pytest.mark.usefixtures("chain")
def test_a_neighbourhood_is_drawn(client: TestClient) -> None:
    """So many hops up and down from one workflow."""
    near = client.get("/api/graph.json", params={"workflowId": "B", "depth": 1}).json()
    assert {node["id"] for node in near["nodes"]} == {"A", "B", "C"}
    all_the_way = client.get("/api/graph.json", params={"workflowId": "B"}).json()
    assert len(all_the_way["nodes"]) == 4
    texts = "".join(ElementTree.fromstring(client.get("/api/graph.svg").text).itertext())
    assert "Name of A" in texts


@pytest.mark.usefixtures("chain")
def test_what_cannot_be_drawn_is_refused(client: TestClient) -> None:
    """A workflow that is not there, a depth without one, words that mean nothing."""
    assert refusal(client.get("/api/graph.svg?workflowId=gone"), 404) == "there is no workflow 'gone'"
    for query in ("depth=1", "depth=0&workflowId=A", "theme=pink", "direction=up", "groupBy=luck"):
        refusal(client.get(f"/api/graph.dot?{query}"), 400)
    refusal(client.get("/api/graph.pdf"), 404)


def test_an_empty_graph_is_drawn_too(client: TestClient) -> None:
    """A new installation has a picture, of nothing."""
    for suffix in ("dot", "mmd", "json", "svg", "png"):
        assert client.get(f"/api/graph.{suffix}").status_code == 200


def test_a_graph_beyond_the_limits_is_refused_with_what_to_do(client: TestClient, engine: TriggerEngine) -> None:
    """A layout of thousands would hold a core for minutes; its text costs nothing."""
    for number in range(1_001):
        engine.create_workflow(f"w{number}")
    assert "neighbourhood" in refusal(client.get("/api/graph.svg"), 400)
    assert client.get("/api/graph.dot").status_code == 200
    assert client.get("/api/graph.svg?workflowId=w7").status_code == 200
