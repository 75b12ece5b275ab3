"""Who starts a schedule, and what Prefect has of it, over REST; the Prefect is a fake here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine
from flowforge_graph.api import create_app
from flowforge_graph.schedules import CronExpression, fire_times
from flowforge_graph.testing import MemoryDeployments
from tests.api.support import T_FIELDS, add_trigger, add_workflows, refusal, schedule

TRIGGERS = "/api/workflows/w/triggers"
OWNED_BY_THE_ENGINE = "the engine owns this schedule, so that it is inactive in Prefect"


def an_hour_later(expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """A rule that differs from ours."""
    return (at + timedelta(hours=1) for at in fire_times(expression, zone, after))


@pytest.fixture
def prefect() -> MemoryDeployments:
    """A Prefect with a rule of its own."""
    deployments = MemoryDeployments()
    deployments.rule = an_hour_later
    return deployments


@pytest.fixture
def client(make_engine: Callable[..., TriggerEngine], prefect: MemoryDeployments) -> Iterator[TestClient]:
    """A client of an engine that is connected to it, with a workflow."""
    with TestClient(create_app(make_engine(deployments=prefect))) as client:
        add_workflows(client, "w")
        yield client


def test_a_deployment_says_who_starts_it_and_what_differs(client: TestClient) -> None:
    """In its fields and, for people, in the message; the same when it is looked at."""
    trigger = schedule(client, "w")
    path = f"{TRIGGERS}/{trigger['id']}/sync-deployment"
    answer = client.post(path).json()
    deployment = answer["deployment"]
    assert (deployment["scheduleActive"], deployment["paused"], deployment["notes"]) == (
        False,
        False,
        [OWNED_BY_THE_ENGINE],
    )
    assert deployment["differenceCount"] == 800
    assert deployment["differences"][:2] == [
        {"at": 1767232800, "only": "engine", "reason": None},
        {"at": 1767236400, "only": "prefect", "reason": None},
    ]
    assert len(deployment["differences"]) == 20
    assert answer["message"] == (
        f"synchronised deployment 'flowforge-trigger-{trigger['id']}'; {OWNED_BY_THE_ENGINE}; "
        "800 fire times of the next 400 days differ between the engine's rule and Prefect's"
    )
    assert client.get(path).json()["deployment"] == deployment


def test_an_owner_is_given_and_moved(client: TestClient, prefect: MemoryDeployments) -> None:
    """By scheduleOwner of POST and PUT; T has the keys that it always had, without a next run of ours."""
    trigger = schedule(client, "w", scheduleOwner="prefect")
    assert (set(trigger), trigger["nextRunAt"]) == (set(T_FIELDS), None)
    assert [kept.schedule_active for kept in prefect.kept.values()] == [True]
    path = f"{TRIGGERS}/{trigger['id']}"
    for given, active in (("engine", False), ("prefect", True), (None, False)):
        moved = client.put(path, json={"scheduleOwner": given}).json()["trigger"]
        assert (moved["nextRunAt"] is None) is active
        assert [kept.schedule_active for kept in prefect.kept.values()] == [active]


def test_a_preview_is_by_the_owners_rule(client: TestClient) -> None:
    """At most 20 of a schedule, none of another kind."""
    trigger = schedule(client, "w")
    path = f"{TRIGGERS}/{trigger['id']}"
    ours = client.get(f"{path}/preview", params={"count": 2}).json()
    assert ours == client.get(f"{TRIGGERS}/schedule/preview", params={"cron": "0 2 * * *", "count": 2}).json()
    client.put(path, json={"scheduleOwner": "prefect"})
    theirs = client.get(f"{path}/preview", params={"count": 2}).json()
    assert theirs == ours | {"nextRuns": [run + 3600 for run in ours["nextRuns"]]}
    assert len(client.get(f"{path}/preview", params={"count": 99}).json()["nextRuns"]) == 20
    manual = add_trigger(client, "w", triggerType="manual")
    assert "only scheduled ones have fire times" in refusal(client.get(f"{TRIGGERS}/{manual['id']}/preview"), 400)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"triggerType": "scheduled", "cronExpression": "@daily", "scheduleOwner": "nobody"},
            "scheduleOwner must be one",
        ),
        ({"triggerType": "manual", "scheduleOwner": "prefect"}, "scheduleOwner"),
    ],
)
def test_only_a_schedule_has_one_of_two_owners(client: TestClient, body: dict[str, str], sentence: str) -> None:
    """Anything else is refused with the field named; null is as if it were left out, as forms send it."""
    assert sentence in refusal(client.post(TRIGGERS, json=body), 400)
    add_trigger(client, "w", triggerType="manual", scheduleOwner=None)


def test_a_schedule_leaves_prefect_only_once_prefect_let_go(client: TestClient, prefect: MemoryDeployments) -> None:
    """503 and nothing changed; every other change stands."""
    trigger = schedule(client, "w", scheduleOwner="prefect")
    path = f"{TRIGGERS}/{trigger['id']}"
    prefect.fault = "connection refused"
    assert refusal(client.put(path, json={"scheduleOwner": "engine"}), 503) == "Prefect did not answer"
    assert client.get(path).json()["trigger"] == trigger
    assert client.patch(f"{path}/disable").json()["trigger"]["enabled"] is False
    assert client.put(path, json={"cronExpression": "0 4 * * *"}).status_code == 200
    assert client.delete(path).json() == {"success": True}


@pytest.mark.parametrize(("fault", "details"), [("connection refused", "connection refused"), (None, None)])
def test_a_fault_of_prefect_has_details(
    client: TestClient, prefect: MemoryDeployments, fault: str | None, details: str | None
) -> None:
    """500 on a sync; where Prefect said no more than the sentence, the details are the sentence."""
    path = f"{TRIGGERS}/{schedule(client, 'w')['id']}/sync-deployment"
    prefect.fault = fault
    prefect.missing.add("w/default")
    answer = client.post(path)
    assert (answer.status_code, set(answer.json())) == (500, {"error", "details"})
    assert answer.json()["details"] == (details or answer.json()["error"])
