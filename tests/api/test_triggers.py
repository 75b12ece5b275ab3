"""The rows on triggers of contract section 5: what is answered, and what is refused how."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from flowforge_graph.testing import FixedClock
from tests.api.support import T_FIELDS, add_trigger, add_workflows, depend, refusal, schedule
from tests.engine.support import statements_of

TRIGGERS = "/api/workflows/w/triggers"


def test_triggers_are_listed_newest_first(client: TestClient) -> None:
    """All of them, whole, and none of another workflow's; an unknown workflow is 404."""
    add_workflows(client, "w", "up", "other")
    first = add_trigger(client, "w", triggerType="manual", triggerName="By hand")
    second = add_trigger(client, "w", triggerType="dependency", dependsOnWorkflowId="up")
    depend(client, "other", "up")
    assert client.get(TRIGGERS).json() == {"triggers": [second, first]}
    assert client.get("/api/workflows/up/triggers").json() == {"triggers": []}
    assert refusal(client.get("/api/workflows/gone/triggers"), 404) == "there is no workflow 'gone'"


def test_a_list_of_any_length_takes_the_same_queries(client: TestClient, engine: TriggerEngine) -> None:
    """One asks for the workflow, one for its triggers, one for the names of all that it depends on."""
    ids = [f"up{number}" for number in range(30)]
    add_workflows(client, "w", *ids)
    for upstream in ids:
        depend(client, "w", upstream)
    with statements_of(engine) as statements:
        triggers = client.get(TRIGGERS).json()["triggers"]
    assert {trigger["dependsOnWorkflowName"] for trigger in triggers} == {f"Name of {each}" for each in ids}
    # Besides them the guard's, once a second: was a token ever made?
    assert len([each for each in statements if each.startswith("SELECT") and "api_tokens" not in each]) == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"triggerType": "manual"}, {"timezone": None, "delayMinutes": None, "nextRunAt": None}),
        (
            {"triggerType": "scheduled", "cronExpression": "0  2 * * *", "triggerName": "Nightly"},
            {"cronExpression": "0 2 * * *", "timezone": "UTC", "triggerName": "Nightly", "nextRunAt": 1767232800},
        ),
        (
            {"triggerType": "scheduled", "cronExpression": "0 2 * * *", "timezone": "America/New_York"},
            {"timezone": "America/New_York", "nextRunAt": 1767250800, "lastRunAt": None},
        ),
        (
            {"triggerType": "scheduled", "cronExpression": "@daily", "enabled": False},
            {"enabled": False, "nextRunAt": None},
        ),
        (
            {
                "triggerType": "dependency",
                "dependsOnWorkflowId": "up",
                "dependencyCondition": "on_failure",
                "delayMinutes": 60,
            },
            {
                "dependsOnWorkflowId": "up",
                "dependsOnWorkflowName": "Name of up",
                "dependencyCondition": "on_failure",
                "delayMinutes": 60,
            },
        ),
        (
            {"triggerType": "dependency", "dependsOnWorkflowId": "up"},
            {"dependencyCondition": "on_success", "delayMinutes": 0, "enabled": True},
        ),
        (
            {"triggerType": "event", "eventType": "file.arrived", "eventConfig": {"bucket": "b"}},
            {"eventType": "file.arrived", "eventConfig": {"bucket": "b"}},
        ),
    ],
)
def test_a_trigger_is_created(client: TestClient, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    """201 with T, whose fields are always all there, and what is stored is what was answered."""
    add_workflows(client, "w", "up")
    answer = client.post(TRIGGERS, json=fields)
    trigger = answer.json()["trigger"]
    assert (answer.status_code, list(trigger)) == (201, [*T_FIELDS])
    assert trigger | expected == trigger
    assert (trigger["workflowId"], trigger["triggerType"]) == ("w", fields["triggerType"])
    assert trigger["createdAt"] == trigger["updatedAt"] == 1767225600
    assert client.get(f"{TRIGGERS}/{trigger['id']}").json() == {"trigger": trigger}


@pytest.mark.parametrize(
    ("fields", "status_code", "sentence"),
    [
        ({}, 400, "triggerType is missing: it must be one of dependency, event, manual, scheduled"),
        ({"triggerType": "cron"}, 400, "triggerType must be one of dependency, event, manual, scheduled, not 'cron'"),
        ({"triggerType": "scheduled"}, 400, "cronExpression is missing"),
        (
            {"triggerType": "scheduled", "cronExpression": "61 * * * *"},
            400,
            "cron expression '61 * * * *': minute: '61' is not within 0-59",
        ),
        (
            {"triggerType": "scheduled", "cronExpression": "0 0 30 2 *"},
            400,
            "cron expression '0 0 30 2 *' can never fire: day '30', month '2' and weekday '*' never meet",
        ),
        ({"triggerType": "scheduled", "cronExpression": "@daily", "timezone": "Mars"}, 400, None),
        ({"triggerType": "dependency"}, 400, "dependsOnWorkflowId is missing"),
        ({"triggerType": "dependency", "dependsOnWorkflowId": "gone"}, 404, "there is no workflow 'gone'"),
        (
            {"triggerType": "dependency", "dependsOnWorkflowId": "up", "dependencyCondition": "always"},
            400,
            "dependencyCondition must be one of 'on_success', 'on_failure' or 'on_completion', not 'always'",
        ),
        ({"triggerType": "dependency", "dependsOnWorkflowId": "up", "delayMinutes": 61}, 400, None),
        ({"triggerType": "dependency", "dependsOnWorkflowId": "up", "delayMinutes": -1}, 400, None),
        (
            {"triggerType": "dependency", "dependsOnWorkflowId": "up", "delayMinutes": "5"},
            400,
            "delayMinutes must be a whole number, not '5'",
        ),
        ({"triggerType": "dependency", "dependsOnWorkflowId": "up", "delayMinutes": 1.5}, 400, None),
        ({"triggerType": "event"}, 400, "eventType is missing"),
        ({"triggerType": "manual", "enabled": "yes"}, 400, "enabled must be true or false, not 'yes'"),
        ({"triggerType": "manual", "enabled": 1}, 400, "enabled must be true or false, not 1"),
        ({"triggerType": "manual", "cronExpression": "@daily"}, 400, "cronExpression is no field of manual triggers"),
        (
            {"triggerType": "dependency", "dependsOn": "up"},
            400,
            "there is no field 'dependsOn'; did you mean 'dependsOnWorkflowId'?",
        ),
        (
            {"triggerType": "manual", "trigger_name": "n"},
            400,
            "there is no field 'trigger_name'; did you mean 'triggerName'?",
        ),
        ({"triggerType": "manual", "id": "mine"}, 400, "there is no field 'id'"),
    ],
)
def test_what_is_no_trigger_is_refused(
    client: TestClient, fields: dict[str, Any], status_code: int, sentence: str | None
) -> None:
    """400 for anything invalid, in one sentence that names the field as the client wrote it; nothing is stored."""
    add_workflows(client, "w", "up")
    said = refusal(client.post(TRIGGERS, json=fields), status_code)
    assert sentence is None or said == sentence
    assert client.get(TRIGGERS).json() == {"triggers": []}


def test_what_a_form_leaves_empty_is_left_out(client: TestClient) -> None:
    """Null for what belongs to other kinds or is optional, and an empty name; also where it is changed."""
    add_workflows(client, "w", "up")
    nothing = {"cronExpression": None, "timezone": None, "eventType": None, "eventConfig": None, "enabled": None}
    form = {
        "triggerType": "dependency",
        "dependsOnWorkflowId": "up",
        "triggerName": "",
        "delayMinutes": None,
        **nothing,
    }
    trigger = client.post(TRIGGERS, json=form).json()["trigger"]
    assert (trigger["enabled"], trigger["triggerName"], trigger["delayMinutes"]) == (True, None, 0)
    path = f"{TRIGGERS}/{trigger['id']}"
    assert client.put(path, json={"triggerName": "n"}).json()["trigger"]["triggerName"] == "n"
    assert client.put(path, json={"triggerName": ""}).json()["trigger"]["triggerName"] is None


def test_a_cycle_is_refused_with_its_chain(client: TestClient) -> None:
    """In data-flow order, the shortest one; a self-dependency has two members."""
    add_workflows(client, "A", "B", "C", "D")
    for upstream, downstream in ("AB", "BC", "CD"):
        depend(client, downstream, upstream)
    body = {"triggerType": "dependency", "dependsOnWorkflowId": "D", "dependencyCondition": "on_success"}
    answer = client.post("/api/workflows/A/triggers", json=body)
    assert refusal(answer, 400) == "'A' cannot depend on 'D': A → B → C → D → A would be a cycle"
    assert answer.json()["chain"] == ["A", "B", "C", "D", "A"]
    itself = client.post("/api/workflows/A/triggers", json=body | {"dependsOnWorkflowId": "A"})
    assert (itself.status_code, itself.json()["chain"]) == (400, ["A", "A"])


def test_a_duplicate_is_a_conflict(client: TestClient) -> None:
    """The same upstream and condition, or the same schedule under the same name."""
    add_workflows(client, "w", "up")
    depend(client, "w", "up")
    body = {"triggerType": "dependency", "dependsOnWorkflowId": "up", "dependencyCondition": "on_success"}
    assert "w" in refusal(client.post(TRIGGERS, json=body), 409)
    depend(client, "w", "up", "on_failure")
    schedule(client, "w")
    refusal(client.post(TRIGGERS, json={"triggerType": "scheduled", "cronExpression": "0 2 * * *"}), 409)


def test_an_update_changes_only_what_is_given(client: TestClient, clock: FixedClock) -> None:
    """And null clears what was optional, back to what it is when it is left out."""
    add_workflows(client, "w")
    trigger = schedule(client, "w", timezone="America/New_York", triggerName="Nightly")
    path = f"{TRIGGERS}/{trigger['id']}"
    clock.advance(10)
    changed = client.put(path, json={"cronExpression": "0 3 * * *"}).json()["trigger"]
    assert changed == trigger | {
        "cronExpression": "0 3 * * *",
        "nextRunAt": 1767254400,
        "updatedAt": trigger["updatedAt"] + 10,
    }
    assert client.put(path, json={}).json()["trigger"] == changed
    cleared = client.put(path, json={"triggerType": "scheduled", "triggerName": None, "timezone": None}).json()
    assert cleared["trigger"] == changed | {"triggerName": None, "timezone": "UTC", "nextRunAt": 1767236400}
    assert client.put(path, json={"enabled": False}).json()["trigger"]["nextRunAt"] is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"delayMinutes": 5}, "delayMinutes is no field of scheduled triggers"),
        ({"delayMinutes": None}, "delayMinutes is no field of scheduled triggers"),
        ({"eventType": "x"}, "eventType is no field of scheduled triggers"),
        ({"triggerType": "manual"}, "triggerType cannot be changed from scheduled: create another trigger"),
        ({"cronExpression": None}, "cronExpression cannot be null"),
        ({"enabled": None}, "enabled cannot be null"),
        ({"cronExpression": "nonsense"}, None),
        ({"nextRunAt": 5}, "there is no field 'nextRunAt'"),
        ({"workflowId": "other"}, "there is no field 'workflowId'"),
        ([], "the body must be a JSON object, not []"),
    ],
)
def test_an_update_that_cannot_be_is_refused(client: TestClient, changes: Any, sentence: str | None) -> None:
    """Another kind's fields, another kind, and what a client does not decide; the trigger stays as it was."""
    add_workflows(client, "w")
    trigger = schedule(client, "w", triggerName="Nightly")
    path = f"{TRIGGERS}/{trigger['id']}"
    said = refusal(client.put(path, json=changes), 400)
    assert sentence is None or said == sentence
    assert client.get(path).json()["trigger"] == trigger


def test_an_update_that_would_close_a_cycle_is_refused(client: TestClient) -> None:
    """As if the trigger were gone: turning an edge round is no cycle."""
    add_workflows(client, "A", "B", "C")
    turned = depend(client, "B", "A")
    depend(client, "C", "B")
    answer = client.put(f"/api/workflows/B/triggers/{turned}", json={"dependsOnWorkflowId": "C"})
    assert (answer.status_code, answer.json()["chain"]) == (400, ["B", "C", "B"])
    kept = client.put(f"/api/workflows/B/triggers/{turned}", json={"dependencyCondition": "on_failure"})
    assert kept.json()["trigger"]["dependencyCondition"] == "on_failure"


def test_a_trigger_is_deleted_enabled_and_disabled(client: TestClient) -> None:
    """Under the path of its own workflow only."""
    add_workflows(client, "w", "other")
    trigger = schedule(client, "w")
    path = f"{TRIGGERS}/{trigger['id']}"
    disabled = client.patch(f"{path}/disable").json()["trigger"]
    assert (disabled["enabled"], disabled["nextRunAt"]) == (False, None)
    assert client.patch(f"{path}/disable").json()["trigger"] == disabled
    assert client.patch(f"{path}/enable").json()["trigger"] == trigger
    foreign = path.replace("/w/", "/other/")
    for method, tail in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("PATCH", "/enable"), ("PATCH", "/disable")):
        answer = client.request(method, foreign + tail, json={} if method == "PUT" else None)
        assert refusal(answer, 404) == f"there is no trigger '{trigger['id']}'"
    assert client.delete(path).json() == {"success": True}
    for method, tail in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("PATCH", "/enable"), ("GET", "/history")):
        refusal(client.request(method, path + tail, json={} if method == "PUT" else None), 404)


def test_a_schedule_is_previewed(client: TestClient) -> None:
    """In Unix seconds, as many as asked for, at most 20, in the zone that is asked for."""
    add_workflows(client, "w")
    path = f"{TRIGGERS}/schedule/preview"
    answer = client.get(path, params={"cron": "0 2 * * *", "timezone": "America/New_York", "count": 2})
    assert answer.json() == {
        "nextRuns": [1767250800, 1767337200],
        "cronExpression": "0 2 * * *",
        "timezone": "America/New_York",
        "description": "Daily at 2:00 AM",
    }
    by_default = client.get(path, params={"cron": "*/15 * * * *"}).json()
    assert (len(by_default["nextRuns"]), by_default["timezone"]) == (5, "UTC")
    assert len(client.get(path, params={"cron": "@hourly", "count": 10**20}).json()["nextRuns"]) == 20


@pytest.mark.parametrize(
    "query", [{}, {"cron": "x"}, {"cron": "@daily", "timezone": "Mars"}, {"cron": "@daily", "count": 0}]
)
def test_a_preview_of_nonsense_is_refused(client: TestClient, query: dict[str, Any]) -> None:
    """And of an unknown workflow it is 404 before that."""
    add_workflows(client, "w")
    refusal(client.get(f"{TRIGGERS}/schedule/preview", params=query), 400)
    refusal(client.get("/api/workflows/gone/triggers/schedule/preview", params=query), 404)


def test_dependencies_are_a_row_a_trigger(client: TestClient) -> None:
    """Direct and enabled; transitively in topological order, never through a disabled one."""
    add_workflows(client, "A", "B", "C", "D")
    first, second = depend(client, "B", "A"), depend(client, "B", "A", "on_failure")
    third, fourth = depend(client, "C", "B"), depend(client, "D", "C")
    path = "/api/workflows/B/triggers/dependencies"
    upstream = [
        {"triggerId": first, "workflowId": "A", "workflowName": "Name of A", "condition": "on_success"},
        {"triggerId": second, "workflowId": "A", "workflowName": "Name of A", "condition": "on_failure"},
    ]
    below_c = {"triggerId": third, "workflowId": "C", "workflowName": "Name of C", "condition": "on_success"}
    below_d = {"triggerId": fourth, "workflowId": "D", "workflowName": "Name of D", "condition": "on_success"}
    assert client.get(path).json() == {"upstream": upstream, "downstream": [below_c]}
    whole = client.get(path, params={"transitive": "true"}).json()
    assert whole == {"upstream": upstream, "downstream": [below_c, below_d]}
    client.patch(f"/api/workflows/C/triggers/{third}/disable")
    assert client.get(path, params={"transitive": "true"}).json()["downstream"] == []
    refusal(client.get(path, params={"transitive": "perhaps"}), 400)
    refusal(client.get("/api/workflows/gone/triggers/dependencies"), 404)


def test_a_dependency_is_validated(client: TestClient) -> None:
    """200 whether it could be or not, with the chain if not; unknown workflows are 404."""
    add_workflows(client, "A", "B")
    depend(client, "B", "A")

    def validate(workflow_id: str, body: Any) -> Any:
        return client.post(f"/api/workflows/{workflow_id}/triggers/validate-dependency", json=body)

    assert validate("B", {"dependsOnWorkflowId": "A"}).json().keys() == {"valid", "message"}
    refused = validate("A", {"dependsOnWorkflowId": "B"})
    assert (refused.status_code, refused.json()) == (
        200,
        {
            "valid": False,
            "error": "'A' cannot depend on 'B': A → B → A would be a cycle",
            "chain": ["A", "B", "A"],
        },
    )
    assert validate("A", {"dependsOnWorkflowId": "A"}).json()["chain"] == ["A", "A"]
    refusal(validate("A", {"dependsOnWorkflowId": "gone"}), 404)
    refusal(validate("gone", {"dependsOnWorkflowId": "A"}), 404)
    refusal(validate("A", {}), 400)
    refusal(validate("A", {"dependsOnWorkflowId": 5}), 400)


def test_history_is_what_a_trigger_started(client: TestClient, clock: FixedClock) -> None:
    """Newest first, at most as many as asked for and never more than 50; also once the trigger is gone."""
    add_workflows(client, "w", "up", "other")
    trigger = depend(client, "w", "up")
    path = f"{TRIGGERS}/{trigger}/history"
    assert client.get(path).json() == {"history": []}
    for number in range(60):
        body = {"status": "completed", "workflowId": "up"}
        client.post(f"/api/executions/run-{number}/complete", json=body)
        clock.advance(1)
    history = client.get(path).json()["history"]
    assert len(history) == 10
    assert history[0].keys() == {"executionId", "status", "triggeredAt", "duration"}
    assert history[0]["triggeredAt"] == "2026-01-01T00:00:59+00:00"
    assert len(client.get(path, params={"limit": 1_000}).json()["history"]) == 50
    refusal(client.get(path, params={"limit": 0}), 400)
    client.delete(f"{TRIGGERS}/{trigger}")
    assert client.get(path).json()["history"] == history
    refusal(client.get(path.replace("/w/", "/other/")), 404)
