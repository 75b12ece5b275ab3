"""The rows on executions and completions of contract section 5."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from flowforge_graph.testing import FixedClock
from tests.api.support import add_trigger, add_workflows, depend, refusal, schedule


def complete(client: TestClient, execution_id: str, status: str = "completed", workflow_id: str = "A") -> Any:
    """Tell of an end."""
    return client.post(f"/api/executions/{execution_id}/complete", json={"status": status, "workflowId": workflow_id})


def test_a_completion_starts_what_its_triggers_ask_for(client: TestClient) -> None:
    """And says of each trigger what it answered, in creation order; an execution never seen is recorded."""
    add_workflows(client, "A", "B", "C", "D")
    to_b, to_c = depend(client, "B", "A", delay=5), depend(client, "C", "A", "on_failure")
    to_d = depend(client, "D", "A", "on_completion")
    client.patch(f"/api/workflows/D/triggers/{to_d}/disable")
    answer = complete(client, "run-1")
    (triggered,) = answer.json()["triggered"]
    execution_id = triggered["executionId"]
    assert answer.status_code == 200
    assert answer.json() == {
        "message": "execution 'run-1' of 'A' completed: 1 triggered, 2 skipped",
        "triggeredCount": 1,
        "skippedCount": 2,
        "triggered": [
            {
                "triggerId": to_b,
                "workflowId": "B",
                "workflowName": "Name of B",
                "executionId": execution_id,
                "condition": "on_success",
                "delayMinutes": 5,
                "runAfter": 1767225600 + 300,
            }
        ],
        "skipped": [
            {"triggerId": to_c, "workflowId": "C", "workflowName": "Name of C", "reason": "condition_not_met"},
            {"triggerId": to_d, "workflowId": "D", "workflowName": "Name of D", "reason": "trigger_disabled"},
        ],
    }
    recorded = client.get("/api/executions/run-1").json()["execution"]
    assert (recorded["triggerType"], recorded["rootExecutionId"], recorded["status"]) == (
        "manual",
        "run-1",
        "completed",
    )
    downstream = client.get(f"/api/executions/{execution_id}").json()["execution"]
    assert (
        downstream
        | {
            "workflowId": "B",
            "triggerType": "dependency",
            "triggerId": to_b,
            "triggerName": None,
            "upstreamExecutionId": "run-1",
            "rootExecutionId": "run-1",
            "runAfter": 1767225600 + 300,
            "status": "pending",
            "output": None,
        }
        == downstream
    )


def test_the_same_completion_answers_the_same(client: TestClient, clock: FixedClock) -> None:
    """Also later, and after the triggers have changed; another status is a conflict and changes nothing."""
    add_workflows(client, "A", "B")
    trigger = depend(client, "B", "A")
    first = complete(client, "run-1")
    clock.advance(100)
    client.delete(f"/api/workflows/B/triggers/{trigger}")
    again = complete(client, "run-1")
    assert (again.status_code, again.json()) == (200, first.json())
    said = refusal(complete(client, "run-1", "failed"), 409)
    assert said == "execution 'run-1' has already ended as completed, not as failed"
    assert len(client.get("/api/executions").json()["executions"]) == 2


@pytest.mark.parametrize(
    ("body", "status_code"),
    [
        ({"status": "completed"}, 400),
        ({"workflowId": "A"}, 400),
        ({"status": "running", "workflowId": "A"}, 400),
        ({"status": None, "workflowId": "A"}, 400),
        ({"status": "completed", "workflowId": "A", "claim": "x"}, 400),
        ({"status": "completed", "workflowId": "gone"}, 404),
        ({"status": "completed", "workflowId": "a/b"}, 400),
        (["completed", "A"], 400),
    ],
)
def test_what_is_no_completion_is_refused(client: TestClient, body: Any, status_code: int) -> None:
    """Both fields are required, and the workflow must exist; nothing is recorded."""
    add_workflows(client, "A")
    refusal(client.post("/api/executions/run-1/complete", json=body), status_code)
    refusal(client.get("/api/executions/run-1"), 404)


def test_the_workflow_must_be_that_of_the_execution(client: TestClient) -> None:
    """Another one is invalid, before and after the end."""
    add_workflows(client, "A", "B")
    client.post("/api/workflows/A/execute", json={"executionId": "run-1"})
    for _ in range(2):
        assert refusal(complete(client, "run-1", workflow_id="B"), 400) == (
            "execution 'run-1' is of workflow 'A', not of 'B'"
        )
        complete(client, "run-1")


def test_a_workflow_is_started_by_hand(client: TestClient) -> None:
    """202 with E; without a body, with one, and with null for what is optional."""
    add_workflows(client, "A")
    bare = client.post("/api/workflows/A/execute")
    execution = bare.json()["execution"]
    assert (bare.status_code, execution["status"], execution["triggerType"]) == (202, "pending", "manual")
    assert "output" not in execution
    assert client.post("/api/workflows/A/execute", json={}).status_code == 202
    nulls = {"executionId": None, "triggerId": None, "parameters": None, "causedByExecutionId": None}
    assert client.post("/api/workflows/A/execute", json=nulls).status_code == 202
    trigger = add_trigger(client, "A", triggerType="manual", triggerName="By hand")
    caused = client.post(
        "/api/workflows/A/execute",
        json={
            "executionId": "mine",
            "triggerId": trigger["id"],
            "parameters": {"day": "2026-01-01", "deep": [{"a": 1}]},
            "causedByExecutionId": execution["id"],
        },
    ).json()["execution"]
    assert (
        caused
        | {
            "id": "mine",
            "triggerId": trigger["id"],
            "triggerName": "By hand",
            "parameters": {"day": "2026-01-01", "deep": [{"a": 1}]},
            "causedByExecutionId": execution["id"],
            "rootExecutionId": execution["id"],
        }
        == caused
    )


def test_the_same_execution_id_answers_the_same_execution(client: TestClient) -> None:
    """For another workflow it is a conflict."""
    add_workflows(client, "A", "B")
    first = client.post("/api/workflows/A/execute", json={"executionId": "run-1", "parameters": {"a": 1}})
    again = client.post("/api/workflows/A/execute", json={"executionId": "run-1"})
    assert (again.status_code, again.json()) == (202, first.json())
    refusal(client.post("/api/workflows/B/execute", json={"executionId": "run-1"}), 409)


@pytest.mark.parametrize(
    ("path", "body", "status_code"),
    [
        ("/api/workflows/gone/execute", {}, 404),
        ("/api/workflows/gone/execute", {"parameters": 5}, 404),
        ("/api/workflows/A/execute", {"parameters": 5}, 400),
        ("/api/workflows/A/execute", {"triggerId": "gone"}, 404),
        ("/api/workflows/A/execute", {"causedByExecutionId": "gone"}, 404),
        ("/api/workflows/A/execute", {"executionId": "a/b"}, 400),
        ("/api/workflows/A/execute", {"run": {"command": ["true"]}}, 400),
        ("/api/workflows/A/execute", {"parameters": {"nul": "\0"}}, 400),
    ],
)
def test_a_start_that_cannot_be_is_refused(client: TestClient, path: str, body: Any, status_code: int) -> None:
    """404 before 400; nothing is stored."""
    add_workflows(client, "A")
    refusal(client.post(path, json=body), status_code)
    assert client.get("/api/executions").json() == {"executions": [], "nextCursor": None}


def test_executions_are_filtered(client: TestClient, engine: TriggerEngine) -> None:
    """By workflow, kind of trigger, status, trigger and cascade, together; what nobody has is an empty list."""
    add_workflows(client, "A", "B")
    trigger = depend(client, "B", "A")
    complete(client, "run-1")
    complete(client, "run-2", "failed")

    def ids(**query: str) -> list[str]:
        answer = client.get("/api/executions", params=query)
        return [execution["id"] for execution in answer.json()["executions"]]

    (downstream,) = ids(workflowId="B")
    assert ids() == ["run-2", downstream, "run-1"]
    assert ids(status="failed") == ["run-2"]
    assert ids(triggerType="dependency") == ids(triggerId=trigger) == [downstream]
    assert ids(rootExecutionId="run-1") == [downstream, "run-1"]
    assert ids(workflowId="A", status="completed") == ["run-1"]
    assert ids(workflowId="gone") == ids(workflowId="\0") == []
    misspelt = client.get("/api/executions", params={"worflowId": "A"})
    assert refusal(misspelt, 400) == "there is no query parameter 'worflowId'; did you mean 'workflowId'?"
    for query in ({"status": "done"}, {"triggerType": "cron"}, {"limit": "0"}, {"limit": "many"}, {"cursor": "?"}):
        refusal(client.get("/api/executions", params=query), 400)


def test_verdicts_are_what_each_trigger_answered(client: TestClient) -> None:
    """In creation order, with their own copy of names."""
    add_workflows(client, "A", "B", "C")
    to_b, to_c = depend(client, "B", "A"), depend(client, "C", "A", "on_failure")
    (triggered,) = complete(client, "run-1").json()["triggered"]
    client.delete("/api/workflows/C")
    verdicts = client.get("/api/executions/run-1/verdicts").json()["verdicts"]
    assert [(v["triggerId"], v["outcome"], v["reason"]) for v in verdicts] == [
        (to_b, "triggered", None),
        (to_c, "skipped", "condition_not_met"),
    ]
    assert (verdicts[0]["executionId"], verdicts[1]["workflowName"]) == (triggered["executionId"], "Name of C")
    refusal(client.get("/api/executions/gone/verdicts"), 404)


def test_a_cancel_ends_what_is_pending_and_asks_what_runs(client: TestClient, engine: TriggerEngine) -> None:
    """Twice answers the same; what has ended otherwise is a conflict."""
    add_workflows(client, "A")
    client.post("/api/workflows/A/execute", json={"executionId": "one"})
    first = client.post("/api/executions/one/cancel")
    assert (first.status_code, first.json()["execution"]["status"]) == (200, "cancelled")
    assert client.post("/api/executions/one/cancel").json() == first.json()
    client.post("/api/workflows/A/execute", json={"executionId": "two"})
    (claim,) = engine.claim_due()
    engine.mark_running(claim)
    asked = client.post("/api/executions/two/cancel").json()["execution"]
    assert (asked["status"], asked["cancelRequestedAt"]) == ("running", 1767225600)
    complete(client, "three")
    refusal(client.post("/api/executions/three/cancel"), 409)
    refusal(client.post("/api/executions/gone/cancel"), 404)


def test_an_event_starts_its_triggers_once_a_key(client: TestClient) -> None:
    """The same key again answers the same executions; the payload becomes their parameters."""
    add_workflows(client, "A", "B")
    for workflow_id in "AB":
        add_trigger(client, workflow_id, triggerType="event", eventType="file.arrived")
    body = {"eventType": "file.arrived", "key": "f-1", "payload": {"path": "p"}}
    first = client.post("/api/events", json=body)
    started = first.json()["executions"]
    assert (first.status_code, {each["workflowId"] for each in started}) == (202, {"A", "B"})
    assert {each["eventKey"] for each in started} == {"f-1"}
    assert started[0]["parameters"] == {"path": "p"}
    assert client.post("/api/events", json=body).json() == first.json()
    assert client.post("/api/events", json=body | {"eventType": "other"}).json() == {"executions": []}
    refusal(client.post("/api/events", json={"eventType": "file.arrived"}), 400)


def test_a_run_of_another_engine_is_one_execution_a_start(client: TestClient) -> None:
    """Told again it answers the same, started again it is another, and another end of one start is a conflict."""
    add_workflows(client, "A", "B")
    depend(client, "B", "A", "on_completion")
    path, run = "/api/executions/one/complete", {"workflowId": "A", "externalId": "flow-run"}
    answers = [client.post(path, json={"status": "completed", "runCount": count, **run}) for count in (1, 1, 2)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    started = [answer.json()["triggered"][0]["executionId"] for answer in answers]
    assert started[0] == started[1] != started[2]
    refusal(client.post(path, json={"status": "failed", "runCount": 2, **run}), 409)
    second = client.get("/api/executions/flow-run").json()["execution"]
    assert (second["status"], second["conflictingStatus"]) == ("completed", "failed")
    assert (second["causedByExecutionId"], second["externalId"]) == ("one", "flow-run")
    assert client.get("/api/executions/one").json()["execution"]["conflictingStatus"] is None


def test_a_run_that_another_engine_scheduled_keeps_its_schedule(client: TestClient) -> None:
    """It is recorded as its trigger's, at its fire time, and downstream executions inherit its parameters."""
    add_workflows(client, "A", "B")
    depend(client, "B", "A")
    trigger = schedule(client, "A", triggerName="Nightly")
    run = {"externalId": "flow-run", "triggerId": trigger["id"], "fireTime": 1_767_225_600, "parameters": {"day": 1}}
    client.post("/api/executions/flow-run/complete", json={"status": "completed", "workflowId": "A", **run})
    recorded = client.get("/api/executions/flow-run").json()["execution"]
    assert (recorded["triggerType"], recorded["triggerName"]) == ("scheduled", "Nightly")
    assert recorded["fireTime"] == 1_767_225_600
    [downstream] = client.get("/api/executions?workflowId=B").json()["executions"]
    assert downstream["parameters"] == {"day": 1}
