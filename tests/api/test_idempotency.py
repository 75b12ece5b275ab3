"""Does an Idempotency-Key create one trigger, however often and from wherever it is sent?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi.testclient import TestClient

from tests.api.support import add_workflows, refusal

TRIGGERS = "/api/workflows/w/triggers"
BODY = {"triggerType": "scheduled", "cronExpression": "0 2 * * *", "triggerName": "Nightly"}


def post(client: TestClient, key: str, path: str = TRIGGERS, **changes: Any) -> Any:
    """Create a trigger under a key."""
    return client.post(path, json=BODY | changes, headers={"Idempotency-Key": key})


def test_the_same_key_answers_the_same_trigger(client: TestClient) -> None:
    """201 again, and one is stored; another key is another request, and then a duplicate."""
    add_workflows(client, "w", "other")
    first = post(client, "k-1")
    again = post(client, "k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert len(client.get(TRIGGERS).json()["triggers"]) == 1
    refusal(post(client, "k-2"), 409)
    assert post(client, "k-1", "/api/workflows/other/triggers").status_code == 201


def test_the_same_key_with_another_trigger_is_a_conflict(client: TestClient) -> None:
    """Nothing is stored for it."""
    add_workflows(client, "w")
    post(client, "k-1")
    assert refusal(post(client, "k-1", cronExpression="0 3 * * *"), 409) == (
        "the Idempotency-Key 'k-1' was sent before, with another trigger"
    )
    assert len(client.get(TRIGGERS).json()["triggers"]) == 1


def test_a_repeat_after_a_change_answers_the_trigger_as_it_is(client: TestClient, clock: Any) -> None:
    """It was created; that somebody has changed it since is no fault of who asks again."""
    add_workflows(client, "w")
    trigger = post(client, "k-1").json()["trigger"]
    clock.advance(5)
    changed = client.put(f"{TRIGGERS}/{trigger['id']}", json={"cronExpression": "0 4 * * *"}).json()
    again = post(client, "k-1")
    assert (again.status_code, again.json()) == (201, changed)


def test_many_at_once_create_one(client: TestClient) -> None:
    """The UNIQUE id decides, in whatever thread or process."""
    add_workflows(client, "w")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(client, "k-1"), range(24)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["trigger"]["id"] for answer in answers}) == 1
    assert len(client.get(TRIGGERS).json()["triggers"]) == 1


def test_a_key_that_cannot_be_is_refused(client: TestClient) -> None:
    """Empty, or too long; and a body without one needs none."""
    add_workflows(client, "w")
    refusal(post(client, ""), 400)
    refusal(post(client, "k" * 201), 400)
    assert client.post(TRIGGERS, json=BODY).status_code == 201
