"""Does the API answer as its OpenAPI document says, whatever is sent; and does the document say everything?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import Case, Response
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.specs.openapi.checks import positive_data_acceptance

from flowforge_graph import DependencyTrigger, EventTrigger, ManualTrigger, ScheduledTrigger, TriggerEngine
from flowforge_graph.api import create_app
from flowforge_graph.errors import TriggerNotFound, WorkflowNotFound
from flowforge_graph.rendering import FORMATS
from tests.engine.support import write

Document = dict[str, Any]

_SETTINGS = settings(
    max_examples=max(10, settings.default.max_examples // 4),
    derandomize=True,
    deadline=None,
    # Positive data of a body that is a union of four kinds is filtered often; what it costs decides nothing.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
_STATEFUL_SETTINGS = settings(_SETTINGS, stateful_step_count=15)

WORKFLOWS = ("bronze", "silver", "gold")
TRIGGERS = (
    ScheduledTrigger(id="nightly", workflow_id="bronze", cron_expression="0 2 * * *"),
    DependencyTrigger(id="after-bronze", workflow_id="silver", depends_on_workflow_id="bronze"),
    EventTrigger(id="on-arrival", workflow_id="gold", event_type="file.arrived"),
    ManualTrigger(id="by-hand", workflow_id="gold"),
)
EXECUTION = "execution-1"
_KNOWN_IDS = (*WORKFLOWS, *(trigger.id for trigger in TRIGGERS), EXECUTION)


# What the formats of the document mean: each text that is drawn here is one, so that a refusal of it is a bug.

_PRINTABLE = st.characters(exclude_categories=("C", "Zl", "Zp", "Zs")).filter(str.isprintable)


def _texts_of(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of 1 to 200 characters, the shortest and the longest among them often."""
    return st.builds(
        lambda text, length: (text * length)[:length],
        st.text(characters, min_size=1, max_size=5),
        st.sampled_from([1, 2, 5, 30, 199, 200]),
    )


_NAMES = _texts_of(st.one_of(_PRINTABLE, st.just(" ")))
_NEW_IDS = _texts_of(_PRINTABLE.filter(lambda character: character not in "/\\"))
_IDS = st.one_of(st.sampled_from(_KNOWN_IDS), _NEW_IDS.filter(lambda text: text not in {".", ".."}))
_CRONS = st.sampled_from(["0 2 * * *", "*/15 * * * *", "0 9-17 * * mon-fri", "@daily", "30 4 1,15 * 0", "0 0 29 2 *"])
_ZONES = st.sampled_from(["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"])
_DEPLOYMENTS = st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.from_regex(r"[a-z]{1,8}", fullmatch=True))

schemathesis.openapi.format("flowforge-id", _IDS)
schemathesis.openapi.format("flowforge-name", _NAMES)
schemathesis.openapi.format("cron-expression", _CRONS)
schemathesis.openapi.format("iana-time-zone", _ZONES)
schemathesis.openapi.format("prefect-deployment", _DEPLOYMENTS.map("/".join))


@dataclass(frozen=True, kw_only=True)
class World:
    """An application, a token that may do everything, and a few things that are always there to be asked for."""

    engine: TriggerEngine
    headers: dict[str, str]

    def mend(self) -> None:
        """Make again what an earlier request deleted, so that the next one meets the same world."""
        for workflow_id in WORKFLOWS:
            self._make_workflow(workflow_id)
        for trigger in TRIGGERS:
            self._make_trigger(trigger)
        if not self.engine.list_executions(limit=1):
            self.engine.start("bronze", execution_id=EXECUTION)

    def renew(self) -> None:
        """Forget everything that happened, so that the same requests get the same answers."""
        for workflow in self.engine.list_workflows():
            self.engine.delete_workflow(workflow.id)
        write(self.engine, "DELETE FROM verdicts", "DELETE FROM executions", "DELETE FROM tombstones")
        write(self.engine, "DELETE FROM external_ends")
        self.mend()

    def _make_workflow(self, workflow_id: str) -> None:
        try:
            self.engine.get_workflow(workflow_id)
        except WorkflowNotFound:
            self.engine.create_workflow(workflow_id)

    def _make_trigger(self, trigger: Any) -> None:
        try:
            self.engine.get_trigger(trigger.id)
        except TriggerNotFound:
            self.engine.create_trigger(trigger)


_app_in_use: list[FastAPI] = []


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """The application of the test that runs: Schemathesis takes one when the tests are collected."""
    await _app_in_use[-1](scope, receive, send)


def _document() -> Document:
    with TemporaryDirectory() as folder, TriggerEngine(f"sqlite:///{folder}/flowforge.db") as engine:
        found: Document = create_app(engine).openapi()
        return found


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('openapi') / 'flowforge.db'}"
    else:
        with request.getfixturevalue("postgres_server").fresh_database() as url:
            yield url


@pytest.fixture(scope="module")
def world(url: str) -> Iterator[World]:
    """A world on each database, in use."""
    with TriggerEngine(url) as engine:
        text = engine.create_token(["read", "run", "write"]).text
        _app_in_use.append(create_app(engine))
        yield World(engine=engine, headers={"Authorization": f"Bearer {text}"})
        _app_in_use.pop()


DOCUMENT = _document()
# A copy: Schemathesis writes the links that it infers into what it is given.
schema = schemathesis.openapi.from_dict(deepcopy(DOCUMENT))
schema.app = answer
# It would try every text of the sources that happen to be loaded, whatever the format that a field asks for.
schema.config.analysis.constants.enabled = False
# A stream of events does not end, so that no answer of it could be looked at: it has tests of its own.
operations = schema.exclude(method="GET", path="/api/events")


LABELS = [found.ok().label for found in operations.get_all_operations()]


@pytest.mark.parametrize("label", LABELS)
def test_every_operation_keeps_its_promises(label: str, world: World) -> None:
    """Examples, edges and random data, valid and not: each answer is one that the document lists and describes."""

    def ask(case: Case) -> None:
        world.mend()
        response = case.call(headers=world.headers)
        _assert_promises_kept(case, response, headers=world.headers)

    world.renew()
    # What schema.parametrize() does, but not while tests are collected: it draws for a minute there, in every worker.
    operation = next(found.ok() for found in operations.get_all_operations() if found.ok().label == label)
    config = HypothesisTestConfig(project=schema.config, modes=list(HypothesisTestMode), settings=_SETTINGS)
    create_test(operation=operation, test_func=settings(_SETTINGS)(ask), config=config)()


def test_operations_that_follow_each_other_keep_their_promises(world: World) -> None:
    """What one answer names is asked for, changed, cancelled and deleted by the next requests."""
    machine = operations.as_state_machine()

    class Requests(machine):  # type: ignore[misc, valid-type]
        def setup(self) -> None:
            world.renew()

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": world.headers}

        def validate_response(self, response: Response, case: Case, **keywords: Any) -> None:
            _assert_promises_kept(case, response, transport_kwargs=keywords, recorder=self.recorder)

    run_state_machine_as_test(Requests, settings=_STATEFUL_SETTINGS)


# Which valid data may be refused: what no schema can say of one request alone. By operation, as the sentences begin.

_CURSOR = "cursor must be the nextCursor of an earlier answer"
_UNSTORABLE = r"\w+ must hold JSON values only \(no NUL, no lone surrogates\)"
# Strict by contract section 3: 5.0 is an integer to JSON Schema, and not to us.
_FLOAT = r"\w+ must be a whole number, not \d+\.0$"
_DEPLOYMENT_METHODS = ("GET", "POST", "DELETE")
_UNSAYABLE: dict[str, tuple[str, ...]] = {
    # Which parameters go together.
    **dict.fromkeys((f"GET /api/graph.{name}" for name in FORMATS), ("depth counts hops from one workflow",)),
    "GET /api/workflows": (_CURSOR,),
    "GET /api/workflows/available-upstream": (_CURSOR,),
    "GET /api/executions": (_CURSOR,),
    # A trigger starts one workflow, and the path names another.
    "POST /api/workflows/{workflow_id}/execute": (_UNSTORABLE, "trigger .* starts .*, not "),
    "POST /api/events": (_UNSTORABLE,),
    **dict.fromkeys(
        (
            f"{method} /api/workflows/{{workflow_id}}/triggers/{{trigger_id}}/sync-deployment"
            for method in _DEPLOYMENT_METHODS
        ),
        ("trigger '.*' is of type .*: only scheduled ones have a deployment",),
    ),
    "GET /api/workflows/{workflow_id}/triggers/{trigger_id}/preview": (
        "trigger '.*' is of type .*: only scheduled ones have",
    ),
    # A cycle; and in a trigger's event configuration what no database stores.
    "POST /api/workflows/{workflow_id}/triggers": (".* would be a cycle", _FLOAT, _UNSTORABLE),
    # Which fields a trigger has depends on its kind, which is stored.
    "PUT /api/workflows/{workflow_id}/triggers/{trigger_id}": (
        r"\w+ is no field of \w+ triggers",
        r"\w+ cannot be null",
        "triggerType cannot be changed",
        ".* would be a cycle",
        _FLOAT,
        _UNSTORABLE,
    ),
    # Contract rule 9: a workflow_id that is not the execution's is invalid.
    "POST /api/executions/{execution_id}/complete": (
        "execution '.*' is of workflow ",
        _FLOAT,
        _UNSTORABLE,
    ),
}


def _is_unsayable(case: Case, response: Response) -> bool:
    sentences = _UNSAYABLE.get(case.operation.label, ())
    return response.status_code == 400 and any(re.match(sentence, response.json()["error"]) for sentence in sentences)


def _assert_promises_kept(case: Case, response: Any, **keywords: Any) -> None:
    response = Response.from_any(response)
    excluded = [positive_data_acceptance] if _is_unsayable(case, response) else []
    case.validate_response(response, excluded_checks=excluded, **keywords)
    _assert_status_is_listed(case, response)


def _assert_status_is_listed(case: Case, response: Response) -> None:
    """By its own number: "default" is there for the framework's sake and would hide everything."""
    if response.request.method != case.operation.method.upper():
        assert response.status_code == 405, response.text
    else:
        assert str(response.status_code) in case.operation.responses.status_codes, response.text


# What the document itself says

_OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
_SNAKE_CASE = re.compile(r"_[a-z]")
_PUBLIC = {"GET /health", "GET /ready"}


def _validator(schema: Document) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def _examples_in(value: Any) -> Iterator[tuple[Document, Any]]:
    """Every schema of the document that has examples, with each of them."""
    if isinstance(value, dict):
        if "examples" in value and isinstance(value["examples"], list):
            yield from ((value, example) for example in value["examples"])
        for inner in value.values():
            yield from _examples_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _examples_in(inner)


def _bodies() -> Iterator[Document]:
    """Each kind of body that is sent or answered."""
    for _, operation in _OPERATIONS:
        if "requestBody" in operation:
            yield from operation["requestBody"]["content"].values()
        for response in operation["responses"].values():
            yield from response.get("content", {}).values()


def test_the_document_is_an_openapi_document() -> None:
    """By the specification's own schema."""
    schemathesis.openapi.from_dict(deepcopy(DOCUMENT)).validate()


@pytest.mark.parametrize(("label", "operation"), _OPERATIONS, ids=[label for label, _ in _OPERATIONS])
def test_every_operation_is_described(label: str, operation: Document) -> None:
    """A summary, a description, a tag, its scope, and every error; never a 422, which is not answered here."""
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert all(response["description"] for response in operation["responses"].values())
    assert all(parameter["description"] for parameter in operation.get("parameters", ()))
    statuses = set(operation["responses"])
    assert "422" not in statuses
    if label not in _PUBLIC:
        ((scheme, scopes),) = operation["security"][0].items()
        assert (scheme, len(scopes)) == ("token", 1)
        assert {"401", "403", "503"} <= statuses
        assert "requestBody" not in operation or {"400", "413"} <= statuses
        assert "{" not in label or "404" in statuses


def test_operations_have_names_of_their_own() -> None:
    """Generated clients make functions of them."""
    names = [operation["operationId"] for _, operation in _OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z][a-z_]*", name) for name in names)


def test_examples_are_examples() -> None:
    """Each meets the schema that shows it."""
    examples = list(_examples_in(DOCUMENT["components"]["schemas"]))
    examples += [
        (content["schema"], example["value"])
        for content in _bodies()
        for example in content.get("examples", {}).values()
    ]
    examples += [
        (parameter["schema"], example)
        for _, operation in _OPERATIONS
        for parameter in operation.get("parameters", ())
        for example in parameter["schema"].get("examples", ())
    ]
    assert len(examples) > 20
    for found, example in examples:
        _validator(found).validate(example)


def test_bodies_are_camel_case() -> None:
    """In every name of a field, of what is sent and of what is answered, and of a parameter."""
    names = {name for found in DOCUMENT["components"]["schemas"].values() for name in found.get("properties", ())}
    names |= {
        parameter["name"]
        for _, operation in _OPERATIONS
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    }
    assert {"workflowId", "triggerType", "nextCursor", "excludeWorkflowId"} <= names
    assert [name for name in sorted(names) if _SNAKE_CASE.search(name)] == []


def test_every_error_has_one_shape() -> None:
    """The document of all errors, but for the two public routes, which say less."""
    for label, operation in _OPERATIONS:
        for status, response in operation["responses"].items():
            if status >= "400" and label not in _PUBLIC:
                assert response["content"]["application/json"]["schema"] == {
                    "$ref": "#/components/schemas/ErrorDocument"
                }
