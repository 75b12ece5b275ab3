"""``notify_completion``: tells the API of a completion if it can be told at all, and never harms the flow."""

from __future__ import annotations

import asyncio
import logging
import pickle
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph import (
    CompletionNotice,
    DependencyTrigger,
    InvalidExecution,
    NotifyError,
    TriggerEngine,
    notify_completion,
)
from flowforge_graph.client import API_TOKEN_VARIABLE, API_URL_VARIABLE, notifying, posting
from flowforge_graph.wire import CompletionDocument
from tests.client.servers import (
    CERTIFICATE,
    CERTIFICATE_VARIABLE,
    SKIPPED,
    STARTED,
    TOLD,
    Answer,
    Handler,
    break_off,
    drip_body,
    drip_headers,
    flood,
    free_port,
    hang,
    hang_up,
    reply,
    serving,
)

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef" * 4
TOKEN = f"ffg_0000000000000000_{SECRET}"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """No address, token or proxy of the machine; short waits; all records kept."""
    for name in (API_URL_VARIABLE, API_TOKEN_VARIABLE, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(notifying, "_FIRST_WAIT_SECONDS", 0.01)
    caplog.set_level(logging.DEBUG, "flowforge_graph")


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    """What was started for a try ends by itself, whatever the server does."""
    yield
    for thread in threading.enumerate():
        if thread.name == "flowforge-graph notify":
            thread.join(60)
            assert not thread.is_alive()


def tell(url: str | None, **options: Any) -> CompletionNotice | None:
    """Tell of the completion that all these tests tell of."""
    return notify_completion("run-17", "bronze", "completed", url, **options)


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The names of the facts that were told."""
    return [record.event for record in caplog.records if hasattr(record, "event")]


def error_of(url: str | None, **options: Any) -> NotifyError:
    """What is raised where that is asked for."""
    with pytest.raises(NotifyError) as raised:
        tell(url, raise_on_error=True, **options)
    return raised.value


# It is told


def test_what_is_sent_and_what_is_answered(caplog: pytest.LogCaptureFixture) -> None:
    """One POST with status and workflow, and the answer as a value; one fact says so."""
    with serving(reply(TOLD)) as api:
        notice = tell(api.url, token=TOKEN)
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/api/executions/run-17/complete")
    assert request.document == {"status": "completed", "workflowId": "bronze"}
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["Content-Type"] == "application/json"
    assert notice is not None
    assert (notice.execution_id, notice.workflow_id, notice.status) == ("run-17", "bronze", "completed")
    assert (notice.triggered_count, notice.skipped_count, notice.message) == (1, 1, TOLD["message"])
    (started,), (skipped,) = notice.triggered, notice.skipped
    assert (started.workflow_id, started.execution_id, started.delay_minutes) == ("silver", "e1", 5)
    assert started.run_after == datetime(2026, 1, 1, 0, 5, tzinfo=UTC)
    assert (skipped.workflow_id, skipped.reason) == ("alert", "condition_not_met")
    assert events(caplog) == ["completion.notified"]
    assert pickle.loads(pickle.dumps(notice)) == notice


def test_the_engines_own_answer_is_understood(sqlite_url: str) -> None:
    """The row of the API is what the wire makes of a result; telling again answers the same."""
    with TriggerEngine(sqlite_url) as engine:
        for workflow_id in ("bronze", "silver", "alert"):
            engine.create_workflow(workflow_id)
        engine.create_trigger(DependencyTrigger(workflow_id="silver", depends_on_workflow_id="bronze"))
        engine.create_trigger(
            DependencyTrigger(workflow_id="alert", depends_on_workflow_id="bronze", dependency_condition="on_failure")
        )

        def complete(handler: Handler, closes: threading.Event) -> None:
            asked = handler.api.requests[-1].document
            result = engine.complete("run-17", asked["status"], workflow_id=asked["workflowId"])
            reply(CompletionDocument.of(result).as_json())(handler, closes)

        with serving(complete) as api:
            notices = [tell(api.url) for _ in range(2)]
        (execution,) = engine.list_executions("silver")
    assert notices[0] == notices[1]
    assert notices[0] is not None
    assert [started.execution_id for started in notices[0].triggered] == [execution.id]
    assert notices[0].triggered[0].run_after == execution.run_after
    assert [skipped.reason for skipped in notices[0].skipped] == ["condition_not_met"]


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/api", "{}/api/", "{}//", " {} ", "{}/api//"])
def test_each_form_of_the_address_means_the_same(form: str) -> None:
    """With or without ``/api``, with or without slashes behind."""
    with serving(reply(TOLD)) as api:
        assert tell(form.format(api.url))
    assert api.requests[0].path == "/api/executions/run-17/complete"


def test_an_api_below_a_path_is_found() -> None:
    """A host may mount everything deeper."""
    with serving(reply(TOLD)) as api:
        assert tell(f"{api.url}/flowforge/")
        assert tell(f"{api.url}/flowforge/api")
    assert {request.path for request in api.requests} == {"/flowforge/api/executions/run-17/complete"}


def test_ids_are_encoded() -> None:
    """Whatever an id may hold stays one segment of the path."""
    with serving(reply(TOLD)) as api:
        assert notify_completion("a b?c#d%e&ü:1", "bronze", "failed", api.url)
    assert api.requests[0].path == "/api/executions/a%20b%3Fc%23d%25e%26%C3%BC%3A1/complete"


def test_the_environment_names_api_and_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no argument does; arguments win. A line feed that a file left behind is no part of the token."""
    with serving(reply(TOLD)) as api, serving(reply(TOLD)) as other:
        monkeypatch.setenv(API_URL_VARIABLE, f"{api.url}/api/")
        monkeypatch.setenv(API_TOKEN_VARIABLE, f"{TOKEN}\n")
        assert tell(None)
        assert tell(other.url, token="another")
        assert tell(other.url, token="")
    assert [request.headers["Authorization"] for request in api.requests] == [f"Bearer {TOKEN}"]
    assert [request.headers.get("Authorization") for request in other.requests] == ["Bearer another", None]


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by every other program of that machine."""
    with serving(reply(TOLD)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert tell("http://flowforge.example:8000")
    assert proxy.requests[0].path == "http://flowforge.example:8000/api/executions/run-17/complete"


def test_tls_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that nobody vouches for ends it at once, before the token is shown; a trusted one is fine."""
    with serving(reply(TOLD), tls=True) as api:
        failure = error_of(api.url, token=TOKEN)
        assert "CERTIFICATE_VERIFY_FAILED" in str(failure)
        assert (failure.tries, api.requests) == (1, [])
        monkeypatch.setenv(CERTIFICATE_VARIABLE, str(CERTIFICATE))
        assert tell(api.url, token=TOKEN)


# What may pass is tried again


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_tried_again(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """And each retry is a fact."""
    with serving(reply({"error": "not now"}, status), reply(b"", status), reply(TOLD)) as api:
        assert tell(api.url)
    assert len(api.requests) == 3
    assert events(caplog) == ["completion.notify_retried"] * 2 + ["completion.notified"]
    assert f"answered {status} (" in caplog.records[0].getMessage()
    assert caplog.records[0].getMessage().endswith(": not now")


@pytest.mark.parametrize("fault", [hang_up, break_off], ids=lambda fault: fault.__name__)
def test_a_broken_connection_is_tried_again(fault: Answer) -> None:
    """Before the answer, or in the middle of it: the completion may be recorded already, and repeating is safe."""
    with serving(fault, reply(TOLD)) as api:
        assert tell(api.url)
    assert len(api.requests) == 2


def test_a_server_that_comes_up_later_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are refused at first."""
    port, refused = free_port(), threading.Event()
    log = notifying.log

    def note(fact: Any) -> None:
        refused.set()
        log(fact)

    monkeypatch.setattr(notifying, "log", note)
    notices: list[CompletionNotice | None] = []
    flow = threading.Thread(target=lambda: notices.append(tell(f"http://127.0.0.1:{port}")))
    flow.start()
    assert refused.wait(60)
    with serving(reply(TOLD), port=port):
        flow.join()
    assert [notice and notice.triggered_count for notice in notices] == [1]


def test_a_try_that_hangs_leaves_time_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """No try may take the whole budget."""
    monkeypatch.setattr(notifying, "_TRIES_AT_LEAST", 60)
    with serving(hang, reply(TOLD)) as api:
        assert tell(api.url)
    assert len(api.requests) >= 2


@pytest.mark.parametrize("fault", [hang, drip_headers, drip_body], ids=lambda fault: fault.__name__)
def test_a_server_that_never_ends_its_answer_is_left(fault: Answer, caplog: pytest.LogCaptureFixture) -> None:
    """It goes on, and the call and its threads end nevertheless: at the budget, not at the next byte."""
    with serving(fault) as api:
        assert tell(api.url, timeout_seconds=0.6) is None
        for thread in threading.enumerate():
            if thread.name == "flowforge-graph notify":
                thread.join(60)
                assert not thread.is_alive()
        assert not api.closes.is_set()
    assert events(caplog)[-1] == "completion.not_notified"
    assert "did not answer within 0." in caplog.records[-1].getMessage()


def test_a_name_that_is_looked_up_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """No timeout of a socket bounds a resolver."""
    may_end = threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        may_end.wait(60)
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    failure = error_of("http://flowforge.example", timeout_seconds=0.3)
    may_end.set()
    assert "did not answer within" in str(failure)


def test_retry_after_is_honoured(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Seconds or a date; what is no time counts for nothing."""
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    asked = ["7", in_an_hour, "soon", "-5", "Fri, 31 Feb 2026 99:99:99 GMT", "", "Mon, 01 Jan 2001 00:00:00 GMT"]
    answers = [reply({}, 503, Retry_After=value) for value in asked]
    with serving(*answers, reply(TOLD)) as api:
        assert tell(api.url, timeout_seconds=10_000)
    assert slept[0] == 7
    assert 3_500 < slept[1] <= 3_600
    assert all(0 <= seconds <= notifying._LONGEST_WAIT_SECONDS for seconds in slept[2:])
    assert len(slept) == len(asked)


def test_a_retry_after_beyond_the_budget_ends_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a try that would come too late."""
    monkeypatch.setattr("tenacity.nap.time.sleep", pytest.fail)
    with serving(reply({}, 503, Retry_After="120")) as api:
        failure = error_of(api.url)
    assert (failure.tries, failure.status_code) == (1, 503)


def test_waits_grow_and_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """From half a second to five, each anywhere below its limit, and none passes the budget."""
    monkeypatch.setattr(notifying, "_FIRST_WAIT_SECONDS", 0.5)
    passed = [0.0]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        passed[0] += seconds

    real = time.monotonic
    monkeypatch.setattr("tenacity.nap.time.sleep", sleep)
    monkeypatch.setattr("time.monotonic", lambda: real() + passed[0])
    with serving(reply({}, 503)) as api:
        assert tell(api.url, timeout_seconds=30) is None
    for number, seconds in enumerate(slept):
        assert 0 <= seconds <= min(0.5 * 2**number, 5)
    assert sum(slept) < 30
    assert 3 < len(api.requests) <= len(slept) + 1


# What does not pass is not


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 418])
def test_a_refusal_is_final(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """One request; the API's own sentence is what is logged and raised."""
    sentence = "execution 'run-17' has already ended as failed, not as completed"
    with serving(reply({"error": sentence}, status)) as api:
        assert tell(api.url) is None
        failure = error_of(api.url)
    assert len(api.requests) == 2
    assert (failure.status_code, failure.tries) == (status, 1)
    assert str(failure).endswith(f": {sentence}")
    assert events(caplog) == ["completion.not_notified"] * 2
    assert caplog.records[0].levelno == logging.ERROR
    assert sentence in caplog.records[0].getMessage()
    assert pickle.loads(pickle.dumps(failure)).status_code == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """Neither the token nor the completion goes to whom the address did not name."""
    with serving(reply(TOLD)) as other, serving(reply(b"", status, Location=f"{other.url}/x")) as api:
        failure = error_of(api.url, token=TOKEN)
    assert other.requests == []
    assert len(api.requests) == 1
    assert f"it has moved, to '{other.url}/x'; name that address instead" in str(failure)


GARBAGE = {
    "no JSON": b"<html>Welcome to the wireless network</html>",
    "nothing": b"",
    "no object": b"[]",
    "null": b"null",
    "a number": b"17",
    "another answer": b'{"status": "ok"}',
    "no text": b"\xff\xfe\x00",
    "too deep": b"[" * 100_000,
    "rows that are none": {**TOLD, "triggered": [1]},
    "a row without its id": {**TOLD, "skipped": [{"triggerId": "t"}]},
    "a message that is none": {**TOLD, "message": None},
    "an instant beyond time": {**TOLD, "triggered": [{**STARTED, "runAfter": 10**30}]},
    "an instant that is none": {**TOLD, "triggered": [{**STARTED, "runAfter": "soon"}]},
    "not a list": {**TOLD, "triggered": 5},
}


@pytest.mark.parametrize("document", GARBAGE.values(), ids=GARBAGE)
def test_an_answer_that_is_none_is_said_to_be_none(document: Any) -> None:
    """A captive portal answers 200 too."""
    with serving(reply(document)) as api:
        failure = error_of(api.url)
    assert "answered 200, but what it said is no answer to a completion: is it FlowForge's API?" in str(failure)
    assert len(api.requests) == 1


def test_what_a_newer_api_says_beside_is_left_out() -> None:
    """Further keys harm nobody."""
    newer = {**TOLD, "more": 1, "triggered": [{**STARTED, "more": 1}], "skipped": [{**SKIPPED, "more": 1}]}
    with serving(reply(newer), reply(TOLD)) as api:
        assert tell(api.url) == tell(api.url)


def test_a_body_without_an_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server fills the memory of a flow."""
    monkeypatch.setattr(posting, "LARGEST_BODY", 2**20)
    monkeypatch.setattr(notifying, "LARGEST_BODY", 2**20)
    with serving(flood) as api:
        failure = error_of(api.url)
    assert "no answer to a completion" in str(failure)


def test_a_large_answer_is_read() -> None:
    """A workflow may start thousands of others."""
    with serving(reply({**TOLD, "triggered": [STARTED] * 10_000})) as api:
        notice = tell(api.url)
    assert notice is not None
    assert notice.triggered_count == 10_000


# What cannot be told at all

INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown status": ({"status": "done"}, "status must be one of 'completed', 'failed' or 'cancelled', not 'done'"),
    "a status that has not ended": ({"status": "running"}, "status must be one of"),
    "no text": ({"execution_id": 7}, "execution_id must be text, not 7"),
    "an id with a slash": ({"execution_id": "a/b"}, "execution_id must have printable characters only"),
    "an empty id": ({"workflow_id": ""}, "workflow_id must have 1 to 200 characters"),
    "a parent folder": ({"execution_id": ".."}, "execution_id must be a name"),
    "no workflow": ({"workflow_id": None}, "workflow_id is missing"),
    "no time": ({"timeout_seconds": 0}, "timeout_seconds must be a number above 0, not 0"),
    "endless time": ({"timeout_seconds": float("inf")}, "timeout_seconds must be a number above 0, not inf"),
    "true": ({"timeout_seconds": True}, "timeout_seconds must be a number above 0, not True"),
    "another scheme": ({"api_base_url": "ftp://h"}, "the address of the API must read like http://host:8000, not"),
    "a file": ({"api_base_url": "file:///etc/passwd"}, "the address of the API must read like"),
    "no scheme": ({"api_base_url": "localhost:8000"}, "the address of the API must read like"),
    "no host": ({"api_base_url": "http://"}, "the address of the API must read like"),
    "a port beyond": ({"api_base_url": "http://h:99999"}, "the address of the API must read like"),
    "a broken address": ({"api_base_url": "http://[::1"}, "the address of the API must read like"),
    "a question": ({"api_base_url": "http://h/?a=b"}, "the address of the API must read like"),
    "a line feed": ({"api_base_url": "http://h\r\nX: y"}, "the address of the API must read like"),
    "bytes": ({"api_base_url": b"http://h"}, "the address of the API must read like"),
    "a password": ({"api_base_url": "http://ann:geheim@h"}, "must read like http://host:8000, not 'http://***@h'"),
    "no address": ({"api_base_url": None}, "no API is named: give api_base_url, or set FLOWFORGE_API_URL"),
    "a token with a line feed": ({"token": f"{TOKEN}\nX: y"}, "the API token must be visible ASCII characters"),
    "a token that is no ASCII": ({"token": f"{TOKEN}é"}, "the API token must be visible ASCII characters"),
    "a token that is no text": ({"token": TOKEN.encode()}, "the API token must be visible ASCII characters"),
}


@pytest.mark.parametrize(("changes", "sentence"), INVALID.values(), ids=INVALID)
def test_what_is_invalid_is_not_sent(changes: dict[str, Any], sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and raised only where that is asked for; neither a password nor a token is repeated."""
    with serving(reply(TOLD)) as api:
        call: dict[str, Any] = {
            "execution_id": "run-17",
            "workflow_id": "bronze",
            "status": "completed",
            "api_base_url": api.url,
            **changes,
        }
        assert notify_completion(**call) is None
        with pytest.raises(InvalidExecution) as refused:
            notify_completion(**call, raise_on_error=True)
    assert sentence in str(refused.value)
    assert api.requests == []
    assert events(caplog) == ["completion.not_notified"] * 2
    assert sentence in caplog.records[0].getMessage()
    for secret in (SECRET, "geheim"):
        assert secret not in caplog.text + str(refused.value)


# The flow


def test_a_failing_flow_keeps_its_own_exception() -> None:
    """In ``finally`` nothing of ours stands in front of what went wrong."""

    def flow() -> None:
        try:
            raise KeyError("the flow's own")
        finally:
            notify_completion("run-17", "bronze", "failed", f"http://127.0.0.1:{free_port()}", timeout_seconds=0.05)

    with pytest.raises(KeyError) as raised:
        flow()
    assert raised.value.args == ("the flow's own",)
    assert raised.value.__context__ is None


def test_a_bug_of_ours_is_no_failure_of_the_flow(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its place, without what an unexpected text may repeat."""

    def break_down(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"unexpected: {TOKEN}")

    monkeypatch.setattr(notifying, "post", break_down)
    assert tell("http://127.0.0.1:1", token=TOKEN) is None
    failure = error_of("http://127.0.0.1:1", token=TOKEN)
    assert str(failure).startswith("a bug: RuntimeError in test_notifying.py, line ")
    assert events(caplog) == ["completion.not_notified"] * 2
    assert SECRET not in caplog.text


def test_ctrl_c_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops the flow is not kept waiting."""

    def interrupt(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(notifying, "post", interrupt)
    with pytest.raises(KeyboardInterrupt):
        tell("http://127.0.0.1:1")


def test_it_works_in_the_thread_of_a_running_loop() -> None:
    """Called as it is, or in a thread beside the loop."""

    async def flow(url: str) -> list[CompletionNotice | None]:
        return [tell(url), await asyncio.to_thread(tell, url)]

    with serving(reply(TOLD)) as api:
        notices = asyncio.run(flow(api.url))
    assert [notice and notice.triggered_count for notice in notices] == [1, 1]


def test_the_token_is_never_told(caplog: pytest.LogCaptureFixture) -> None:
    """Not even where a server repeats it: in its words, its phrase, its headers or its redirects."""
    echo = {"error": f"who is {TOKEN}?"}
    answers = [
        reply(echo, 503),
        reply(echo, 401),
        reply(b"", 307, Location=f"http://h/?token={TOKEN}"),
        reply(f"hello {TOKEN}".encode()),
        lambda handler, _: handler.wfile.write(f"HTTP/1.0 400 no {TOKEN}\r\n\r\n".encode()),
        lambda handler, _: handler.wfile.write(f"{TOKEN}\r\n\r\n".encode()),
    ]
    seen = []
    for answer in answers:
        # What is tried again is refused then.
        with serving(answer, reply(echo, 400)) as api, pytest.raises(NotifyError) as raised:
            tell(api.url, token=TOKEN, raise_on_error=True)
        seen += [str(raised.value), repr(raised.value), *traceback.format_exception(raised.value)]
    seen += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    assert "***" in caplog.text
    for text in seen:
        assert SECRET not in text


LIGHT = """
import sys
import flowforge_graph
notice = flowforge_graph.notify_completion("run-17", "bronze", "completed", sys.argv[1])
assert notice.triggered_count == 1
print(*sys.modules, sep="\\n")
"""


def test_a_flow_pays_for_nothing_else() -> None:
    """Neither the engine, SQLAlchemy, networkx, a web framework, Prefect nor the command line is loaded."""
    with serving(reply(TOLD)) as api:
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", LIGHT, api.url], cwd=ROOT, capture_output=True, text=True, check=True
        )
    loaded = set(ran.stdout.split())
    assert "flowforge_graph.client" in loaded
    for heavy in ("sqlalchemy", "alembic", "networkx", "fastapi", "prefect", "typer", "rich", "sqlite3", "asyncio"):
        assert heavy not in loaded, heavy
    rooms = {name.split(".")[1] for name in loaded if name.startswith("flowforge_graph.")}
    assert rooms == {"client", "errors", "facts", "model", "schedules"}
