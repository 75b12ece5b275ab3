"""Has every error one shape, its code and its order: who asks, does it exist, is it well formed?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from flowforge_graph import TriggerEngine, errors
from flowforge_graph.api import create_app, create_router
from flowforge_graph.api.refusals import Refused, status_code_of
from tests.api.support import add_workflows, refusal, schedule

JSON = {"content-type": "application/json"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """No database decides any of this."""
    return sqlite_url


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/workflows/gone/triggers"),
        ("PUT", "/api/workflows/gone/triggers/t"),
        ("PUT", "/api/workflows/w/triggers/gone"),
        ("POST", "/api/workflows/gone/triggers/validate-dependency"),
        ("POST", "/api/workflows/gone/execute"),
    ],
)
@pytest.mark.parametrize("body", [b"{", b"[]", b'{"x":1}', b"\xff", b'{"a":1,"a":2}', b"[" * 50_000])
def test_what_is_missing_comes_before_what_is_wrong(client: TestClient, method: str, path: str, body: bytes) -> None:
    """404 for a body that no JSON parser would take."""
    add_workflows(client, "w")
    refusal(client.request(method, path, content=body, headers=JSON), 404)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "the body is not JSON: expecting property name enclosed in double quotes, at line 1, column 2"),
        (b"", "the request needs a JSON body"),
        (b'{"id":NaN}', "the body holds NaN, which is not JSON"),
        (b'{"id":-Infinity}', "the body holds -Infinity, which is not JSON"),
        (b'{"id":"a","id":"b"}', "the body has the key 'id' twice"),
        (b"[" * 100_000, "the body must be at most 72 levels deep"),
        (b'{"id":' + b'{"a":' * 80 + b"1" + b"}" * 81, "the body must be at most 72 levels deep"),
        (b"5", "the body must be a JSON object, not 5"),
    ],
)
def test_json_is_strict(client: TestClient, body: bytes, sentence: str) -> None:
    """What JSON does not know, and what two readers would read differently."""
    assert refusal(client.post("/api/workflows", content=body, headers=JSON), 400) == sentence


def test_a_body_of_another_type_is_refused(client: TestClient) -> None:
    """A form of a foreign page is no JSON."""
    for headers in ({}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}):
        said = refusal(client.post("/api/workflows", content=b'{"id":"a"}', headers=headers), 400)
        assert said == "the body must be sent as application/json"


def test_a_body_is_limited(engine: TriggerEngine) -> None:
    """By what it says, and by what comes."""
    client = TestClient(create_app(engine, max_body_bytes=100))
    fits = json.dumps({"id": "a", "description": "d" * 70}).encode()
    assert len(fits) == 100
    assert client.post("/api/workflows", content=fits, headers=JSON).status_code == 201
    assert refusal(client.post("/api/workflows", content=fits + b" ", headers=JSON), 413) == (
        "the body has more than 100 bytes"
    )

    def in_pieces() -> Iterator[bytes]:
        yield fits
        yield b" "

    refusal(client.post("/api/workflows", content=in_pieces(), headers=JSON), 413)


def test_what_is_not_there_has_the_shape_too(client: TestClient) -> None:
    """Unknown paths, other methods, a trailing slash."""
    assert refusal(client.get("/api/nothing"), 404) == "there is nothing at this path"
    wrong = client.put("/api/workflows")
    assert refusal(wrong, 405) == "this path does not take that method"
    refusal(client.get("/api/workflows/"), 404)
    refusal(client.get("/docs"), 404)


def test_every_error_of_the_package_has_a_code() -> None:
    """But those that no request can meet; the more special class decides."""
    met_by_none = {
        "DispatchError",
        "ExtraMissing",
        "InvalidDefinition",
        "PermanentDispatchError",
        "FlowforgeGraphError",
        "InvalidToken",
        "NotifyError",
        "TokenNotFound",
    }
    for name in errors.__all__:
        kind = getattr(errors, name)
        probe = kind.__new__(kind)
        assert (status_code_of(probe) is None) == (name in met_by_none), name
    assert status_code_of(Refused()) == 400


def test_a_database_that_does_not_answer_is_503(client: TestClient, engine: TriggerEngine) -> None:
    """With a hint when to come again; the process lives, and is not ready."""

    def unreachable(*_: Any, **__: Any) -> Any:
        raise errors.DatabaseUnreachable("the database postgresql://host answered: gone")

    engine.list_workflows = unreachable  # type: ignore[method-assign]
    engine.schema_is_current = unreachable  # type: ignore[method-assign]
    answer = client.get("/api/workflows")
    assert refusal(answer, 503) == "the database postgresql://host answered: gone"
    assert answer.headers["retry-after"] == "1"
    assert client.get("/health").json() == {"status": "ok"}
    assert refusal(client.get("/ready"), 503) == "the database cannot be reached"


def test_a_bug_tells_the_client_nothing(engine: TriggerEngine) -> None:
    """500 in the same shape; the server logs what it was."""

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("s3cret")

    engine.list_workflows = broken  # type: ignore[method-assign]
    client = TestClient(create_app(engine), raise_server_exceptions=False)
    assert refusal(client.get("/api/workflows"), 500) == "something went wrong in the server: its log says what"


def test_a_host_mounts_the_router_with_its_errors(engine: TriggerEngine) -> None:
    """In an application whose own routes keep FastAPI's shapes."""
    app = FastAPI()
    app.include_router(create_router(engine))

    @app.get("/own/{number}")
    def own(number: int) -> int:
        return number

    client = TestClient(app)
    add_workflows(client, "w")
    schedule(client, "w")
    assert refusal(client.get("/api/workflows/gone/triggers"), 404) == "there is no workflow 'gone'"
    refusal(client.post("/api/workflows/w/triggers", json={}), 400)
    refusal(client.get("/api/workflows?limit=x"), 400)
    assert client.get("/own/x").status_code == 422
    assert client.get("/health").status_code == 404
    documented = client.get("/openapi.json").json()["paths"]
    assert not [path for path, item in documented.items() for way in item.values() if "422" in way["responses"]] or (
        [path for path, item in documented.items() for way in item.values() if "422" in way["responses"]]
        == ["/own/{number}"]
    )
