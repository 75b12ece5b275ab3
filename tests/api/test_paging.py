"""Are lists bounded, and do pages put together give each row once, whatever is inserted meanwhile?"""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from tests.api.support import add_workflows, refusal


def pages(client: TestClient, path: str, key: str, limit: int, *, between: Any = None) -> list[list[str]]:
    """The ids of all pages; ``between`` is called after each."""
    found, query = [], {"limit": str(limit)}
    while True:
        answer = client.get(path, params=query).json()
        found.append([row["id"] for row in answer[key]])
        if answer["nextCursor"] is None:
            return found
        query["cursor"] = answer["nextCursor"]
        if between is not None:
            between(len(found))


def test_pages_of_executions_are_stable_under_inserts(client: TestClient) -> None:
    """Newer ones come before the first page: none of those that were there is missed or comes twice."""
    add_workflows(client, "A")
    ids = [f"run-{number}" for number in range(7)]
    for execution_id in ids:
        client.post("/api/workflows/A/execute", json={"executionId": execution_id})
    found = pages(
        client,
        "/api/executions",
        "executions",
        3,
        between=lambda page: client.post("/api/workflows/A/execute", json={"executionId": f"new-{page}"}),
    )
    assert found == [["run-6", "run-5", "run-4"], ["run-3", "run-2", "run-1"], ["run-0"]]


@pytest.mark.parametrize("path", ["/api/workflows", "/api/workflows/available-upstream"])
def test_pages_of_workflows_are_stable_under_inserts(client: TestClient, path: str) -> None:
    """One that comes before the cursor is not seen, one behind it is; none that was there is missed."""
    add_workflows(client, "a", "c", "e", "g", "i")
    found = pages(client, path, "workflows", 2, between=lambda page: add_workflows(client, *["b", "hj", ""][page - 1]))
    assert [each for page in found for each in page] == ["a", "c", "e", "g", "h", "i", "j"]
    assert [len(page) for page in found] == [2, 2, 2, 1]


def test_limits_are_clamped(client: TestClient, engine: TriggerEngine) -> None:
    """50 by default, 500 at most, whatever is asked for; available-upstream has 500 by default, for its menus."""
    for number in range(510):
        engine.create_workflow(f"w{number:03}")
    for query, expected in (("", 50), ("?limit=1", 1), ("?limit=500", 500), (f"?limit={10**30}", 500)):
        assert len(client.get(f"/api/workflows{query}").json()["workflows"]) == expected
    upstream = client.get("/api/workflows/available-upstream").json()
    assert (len(upstream["workflows"]), upstream["nextCursor"] is None) == (500, False)


def test_a_page_that_is_just_full_is_the_last(client: TestClient) -> None:
    """There is no cursor to an empty page."""
    add_workflows(client, "a", "b")
    assert pages(client, "/api/workflows", "workflows", 2) == [["a", "b"]]


@pytest.mark.parametrize("cursor", ["", "x", "====", "ZXhlY3V0aW9uczo", "\N{SNOWMAN}", "A" * 3_000])
@pytest.mark.parametrize("path", ["/api/workflows", "/api/workflows/available-upstream", "/api/executions"])
def test_a_cursor_of_nobody_is_refused(client: TestClient, path: str, cursor: str) -> None:
    """400, also for one of another list."""
    refusal(client.get(path, params={"cursor": cursor}), 400)


def test_a_cursor_of_another_list_is_refused(client: TestClient) -> None:
    """Its place means nothing there."""
    add_workflows(client, "a", "b")
    cursor = client.get("/api/workflows?limit=1").json()["nextCursor"]
    refusal(client.get("/api/executions", params={"cursor": cursor}), 400)
    refusal(client.get("/api/workflows/available-upstream", params={"cursor": cursor}), 400)
