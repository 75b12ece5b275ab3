"""What the tests of the API share: short ways to say what is there, and what an answer must be."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

T_FIELDS = (
    *("id", "workflowId", "triggerType", "enabled", "triggerName"),
    *("cronExpression", "timezone", "nextRunAt", "lastRunAt"),
    *("dependsOnWorkflowId", "dependsOnWorkflowName", "dependencyCondition", "delayMinutes"),
    *("eventType", "eventConfig", "createdAt", "updatedAt"),
)


def add_workflows(client: TestClient, *workflow_ids: str) -> None:
    """Store workflows, named ``Name of <id>``."""
    for workflow_id in workflow_ids:
        added = client.post("/api/workflows", json={"id": workflow_id, "name": f"Name of {workflow_id}"})
        assert added.status_code == 201, added.text


def add_trigger(client: TestClient, workflow_id: str, **fields: Any) -> dict[str, Any]:
    """Store a trigger and answer T."""
    answer = client.post(f"/api/workflows/{workflow_id}/triggers", json=fields)
    assert answer.status_code == 201, answer.text
    trigger: dict[str, Any] = answer.json()["trigger"]
    return trigger


def depend(client: TestClient, downstream: str, upstream: str, condition: str = "on_success", delay: int = 0) -> str:
    """Let one workflow depend on another; the trigger's id."""
    trigger = add_trigger(
        client,
        downstream,
        triggerType="dependency",
        dependsOnWorkflowId=upstream,
        dependencyCondition=condition,
        delayMinutes=delay,
    )
    return str(trigger["id"])


def schedule(client: TestClient, workflow_id: str, cron: str = "0 2 * * *", **fields: Any) -> dict[str, Any]:
    """Schedule a workflow and answer T."""
    return add_trigger(client, workflow_id, triggerType="scheduled", cronExpression=cron, **fields)


def refusal(answer: Any, status_code: int) -> str:
    """The sentence of an answer that must be a refusal with that code and nothing but the contract's shape."""
    assert answer.status_code == status_code, answer.text
    document = answer.json()
    assert document.keys() <= {"error", "chain", "details"}
    assert "\n" not in document["error"]
    sentence: str = document["error"]
    return sentence
