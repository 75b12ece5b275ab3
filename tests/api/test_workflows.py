"""The rows on workflows of contract section 5."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from tests.api.support import add_workflows, depend, refusal, schedule
from tests.engine.support import statements_of


def test_a_workflow_is_created_shown_and_deleted(client: TestClient) -> None:
    """With what went with it."""
    body = {"id": "silver", "name": "Silver", "description": "d", "tags": ["b", "a"], "run": {"prefect": "f/d"}}
    created = client.post("/api/workflows", json=body)
    workflow = created.json()["workflow"]
    assert created.status_code == 201
    assert workflow | body | {"tags": ["a", "b"], "triggerCount": 0, "nextRunAt": None, "source": None} == workflow
    assert client.get("/api/workflows/silver").json() == {"workflow": workflow}
    add_workflows(client, "up", "down")
    into, out = depend(client, "silver", "up"), depend(client, "down", "silver")
    execution = client.post("/api/workflows/silver/execute").json()["execution"]["id"]
    assert client.delete("/api/workflows/silver").json() == {
        "success": True,
        "workflowId": "silver",
        "deletedTriggerIds": [into, out],
        "cancelledExecutionIds": [execution],
    }
    for method in ("GET", "DELETE"):
        assert refusal(client.request(method, "/api/workflows/silver"), 404) == "there is no workflow 'silver'"


def test_an_id_is_made_where_it_is_left_out(client: TestClient) -> None:
    """And a name is the id where that is left out."""
    workflow = client.post("/api/workflows", json={}).json()["workflow"]
    assert workflow["name"] == workflow["id"]
    assert client.get(f"/api/workflows/{workflow['id']}").status_code == 200


@pytest.mark.parametrize(
    "run",
    [
        {"command": ["rm", "-rf", "/"]},
        {"python": "os:system"},
        {"prefect": "flow/deployment", "command": ["true"]},
        {"prefect": "no-slash"},
        {"prefect": 5},
        {},
        "rm -rf /",
        ["rm"],
    ],
)
def test_no_caller_can_make_the_server_run_a_program(client: TestClient, run: Any) -> None:
    """A command or callable is 400, in whatever company; nothing is stored."""
    said = refusal(client.post("/api/workflows", json={"id": "w", "run": run}), 400)
    refusal(client.get("/api/workflows/w"), 404)
    if isinstance(run, dict) and run.keys() & {"command", "python"}:
        assert said.startswith("run may only name a Prefect deployment over the API, not a ")


@pytest.mark.parametrize("workflow_id", ["", " a", "a/b", "a\\b", ".", "..", "available-upstream", "x" * 201, "\0", 5])
def test_ids_that_cannot_be_are_refused(client: TestClient, workflow_id: Any) -> None:
    """400, before anything is stored."""
    refusal(client.post("/api/workflows", json={"id": workflow_id}), 400)
    assert client.get("/api/workflows").json() == {"workflows": [], "nextCursor": None}


def test_a_second_workflow_of_an_id_is_a_conflict(client: TestClient) -> None:
    """The first one stays as it is."""
    add_workflows(client, "w")
    refusal(client.post("/api/workflows", json={"id": "w", "name": "other"}), 409)
    assert client.get("/api/workflows/w").json()["workflow"]["name"] == "Name of w"


def test_a_list_takes_two_queries_however_long_it_is(client: TestClient, engine: TriggerEngine) -> None:
    """Each workflow comes with its next scheduled run and the number of its triggers."""
    ids = [f"w{number:02}" for number in range(40)]
    add_workflows(client, *ids)
    for workflow_id in ids[1:]:
        depend(client, workflow_id, ids[0])
    later, sooner = schedule(client, "w07", "0 5 * * *"), schedule(client, "w07", "0 4 * * *")
    schedule(client, "w07", "0 3 * * *", enabled=False)
    with statements_of(engine) as statements:
        listed = client.get("/api/workflows").json()["workflows"]
    # Besides them the guard's, once a second: was a token ever made?
    assert len([each for each in statements if each.startswith("SELECT") and "api_tokens" not in each]) == 2
    by_id = {workflow["id"]: workflow for workflow in listed}
    assert sorted(by_id) == ids
    assert (by_id["w07"]["triggerCount"], by_id["w00"]["triggerCount"]) == (4, 0)
    assert sooner["nextRunAt"] < later["nextRunAt"]
    assert (by_id["w07"]["nextRunAt"], by_id["w08"]["nextRunAt"]) == (sooner["nextRunAt"], None)
    assert client.get("/api/workflows/w07").json()["workflow"] == by_id["w07"]


def test_available_upstream_are_those_that_close_no_cycle(client: TestClient) -> None:
    """By name, without the workflow itself and without any that is downstream of it."""
    add_workflows(client, "A", "B", "C", "D")
    depend(client, "B", "A")
    depend(client, "C", "B")
    path = "/api/workflows/available-upstream"
    answer = client.get(path, params={"excludeWorkflowId": "B"}).json()
    assert answer["workflows"] == [
        {"id": "A", "name": "Name of A", "description": None},
        {"id": "D", "name": "Name of D", "description": None},
    ]
    assert [each["id"] for each in client.get(path).json()["workflows"]] == ["A", "B", "C", "D"]
    refusal(client.get(path, params={"excludeWorkflowId": "gone"}), 404)
