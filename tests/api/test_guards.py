"""Is there a way around the guards: on any route, by any path, header, method or host; and does a bad body get in?"""

from __future__ import annotations

import gzip
import json
import logging
import random
import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, Table, select

from flowforge_graph import ScheduledTrigger, TriggerEngine
from flowforge_graph.api import TokenGuard, create_app
from flowforge_graph.cli.api_server import ApiOptions, ApiServer
from flowforge_graph.storage.tables import tables_for
from flowforge_graph.testing import FixedClock, fresh_database
from tests.api.asgi import JSON, Answer, Ask, Header, ask, bearer
from tests.conftest import PROFILE

Rows = dict[str, list[tuple[Any, ...]]]

_BODIES: dict[str, dict[str, Any]] = {
    "create_workflow": {"id": "new"},
    "create_trigger": {"triggerType": "manual"},
    "update_trigger": {"triggerName": "changed"},
    "validate_dependency": {"dependsOnWorkflowId": "gold"},
    "complete": {"status": "completed", "workflowId": "bronze"},
    "execute": {},
    "emit": {"eventType": "file.arrived", "key": "2026-01-20"},
}
_PUBLIC = frozenset({"/health", "/ready"})


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a migrated file of this test alone. Guards know nothing of databases: one kind is enough."""
    return fresh_database(tmp_path)


@pytest.fixture
def engine(sqlite_url: str, clock: FixedClock) -> Iterator[TriggerEngine]:
    """An engine with something to read, start, change and delete."""
    with TriggerEngine(sqlite_url, clock=clock) as engine:
        yield _filled(engine)


@pytest.fixture
def app(engine: TriggerEngine) -> FastAPI:
    """The application, guarded as everywhere by default."""
    return create_app(engine)


@pytest.fixture
def stored(engine: TriggerEngine) -> Callable[[], Rows]:
    """Asks what every table holds now."""
    return lambda: _rows(engine)


def _filled(engine: TriggerEngine) -> TriggerEngine:
    for workflow_id in ("bronze", "gold"):
        engine.create_workflow(workflow_id)
    engine.create_trigger(ScheduledTrigger(id="nightly", workflow_id="bronze", cron_expression="0 2 * * *"))
    engine.start("bronze", execution_id="execution-1")
    return engine


def _rows(engine: TriggerEngine) -> Rows:
    """Everything but when a token was last used, which a refused request may change.

    By the engine's own connections: another SQLite in the same process would not see what this one wrote.
    """
    with engine._context.store.database.read() as connection:
        return {table.name: _rows_of(connection, table) for table in tables_for().to_empty()}


def _rows_of(connection: Connection, table: Table) -> list[tuple[Any, ...]]:
    columns = [column for column in table.columns if column.name != "last_used_at"]
    return sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)


def _guarded_asks(app: FastAPI) -> list[Ask]:
    """One well formed request for each route that is not public."""
    asks = [
        _ask_for(path, method, operation)
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if path not in _PUBLIC
    ]
    return [*asks, Ask(path="/metrics"), Ask(path="/openapi.json")]


def _ask_for(path: str, method: str, operation: dict[str, Any]) -> Ask:
    path = path.format(workflow_id="bronze", trigger_id="nightly", execution_id="execution-1")
    query = b"cron=0+2+*+*+*" if path.endswith("/preview") else b""
    if "requestBody" not in operation:
        return Ask(method=method.upper(), path=path, query=query)
    body = json.dumps(_BODIES[operation["operationId"]]).encode()
    return Ask(method=method.upper(), path=path, query=query, headers=(JSON,), chunks=(body,))


def _scope_of(app: FastAPI, request: Ask) -> str:
    """Which scope the document says that a request takes."""
    if request.path in {"/metrics", "/openapi.json"}:
        return "read"
    for path, operations in app.openapi()["paths"].items():
        filled = path.format(workflow_id="bronze", trigger_id="nightly", execution_id="execution-1")
        if filled == request.path and request.method.lower() in operations:
            (scope,) = operations[request.method.lower()]["security"][0]["token"]
            return str(scope)
    raise AssertionError(f"{request} is of no operation")


# Who is not let in


def _credentials(engine: TriggerEngine, clock: FixedClock) -> dict[str, tuple[tuple[Header, ...], bytes]]:
    """Headers and query strings with which nobody is let in."""
    expired = engine.create_token(["read", "run", "write"], expires_at=clock.now() + timedelta(minutes=1)).text
    revoked = engine.create_token(["read", "run", "write"])
    engine.revoke_token(revoked.token.id)
    clock.advance(seconds=120)
    good = engine.create_token(["read", "run", "write"]).text

    def authorization(value: str) -> tuple[tuple[Header, ...], bytes]:
        return ((b"authorization", value.encode("latin-1")),), b""

    return {
        "nothing": ((), b""),
        "empty": authorization(""),
        "scheme only": authorization("Bearer"),
        "empty token": authorization("Bearer "),
        "garbage": authorization("Bearer ffg_0123456789abcdef_" + "0" * 64),
        "noise": authorization("Bearer \xff\x00\xfe"),
        "wrong secret": authorization(f"Bearer {good[:-1]}{'0' if good[-1] != '0' else '1'}"),
        "basic": authorization(f"Basic {good}"),
        "scheme of others": authorization(f"Token {good}"),
        "no scheme": authorization(good),
        "expired": authorization(f"Bearer {expired}"),
        "revoked": authorization(f"Bearer {revoked.text}"),
        "trailing space": authorization(f"Bearer {good} "),
        "trailing tab": authorization(f"Bearer {good}\t"),
        "trailing NUL": authorization(f"Bearer {good}\0"),
        "trailing newline": authorization(f"Bearer {good}\n"),
        "trailing next line": authorization(f"Bearer {good}\x85"),
        "two in one": authorization(f"Bearer {good}, Bearer {good}"),
        "upper case": authorization(f"Bearer {good.upper()}"),
        "cut": authorization(f"Bearer {good[:-1]}"),
        "quoted": authorization(f'Bearer "{good}"'),
        "query": ((), f"token={good}&access_token={good}&authorization=Bearer%20{good}".encode()),
        "cookie": (((b"cookie", f"authorization=Bearer {good}; token={good}".encode()),), b""),
        "other header": (((b"x-api-key", good.encode()), (b"proxy-authorization", f"Bearer {good}".encode())), b""),
    }


def _with(request: Ask, credential: tuple[tuple[Header, ...], bytes]) -> Ask:
    headers, query = credential
    together = b"&".join(part for part in (request.query, query) if part)
    return replace(request, headers=(*request.headers, *headers), query=together)


def test_every_route_asks_for_a_token(
    engine: TriggerEngine, app: FastAPI, clock: FixedClock, stored: Callable[[], Rows]
) -> None:
    """No token, and nothing that only resembles one, opens any route; each refusal says how to ask."""
    credentials = _credentials(engine, clock)
    before = stored()
    asks = [_with(each, credential) for each in _guarded_asks(app) for credential in credentials.values()]
    for request, answer in zip(asks, ask(app, *asks), strict=True):
        assert answer.status == 401, (request, answer)
        assert answer.header("WWW-Authenticate") == 'Bearer realm="flowforge-graph"'
        assert answer.is_error_in_our_shape
    assert stored() == before


def test_each_route_takes_one_scope_and_no_other(
    engine: TriggerEngine, app: FastAPI, stored: Callable[[], Rows]
) -> None:
    """A token without the scope is refused with 403 before anything is looked at; with it, it is let through."""
    tokens = {scope: engine.create_token([scope]).text for scope in ("read", "run", "write")}
    before = stored()
    for request in _guarded_asks(app):
        right = _scope_of(app, request)
        others = [bearer(text) for scope, text in tokens.items() if scope != right]
        answers = ask(app, *(replace(request, headers=(*request.headers, other)) for other in others))
        assert [answer.status for answer in answers] == [403, 403], request
        assert all(answer.is_error_in_our_shape for answer in answers)
    assert stored() == before
    for request in _guarded_asks(app):
        (answer,) = ask(app, replace(request, headers=(*request.headers, bearer(tokens[_scope_of(app, request)]))))
        # What an earlier request of this loop deleted is not there; without Prefect there are no deployments.
        assert answer.status not in {401, 403}, (request, answer)
    assert stored() != before


def test_the_scheme_is_read_in_any_case(engine: TriggerEngine, app: FastAPI) -> None:
    """As HTTP has it: 'bearer' is 'Bearer'; more than one space may follow."""
    text = engine.create_token(["read"]).text
    headers = [(b"authorization", f"{scheme}{text}".encode()) for scheme in ("bearer ", "BEARER ", "Bearer  ")]
    answers = ask(app, *(Ask(path="/api/workflows", headers=(header,)) for header in headers))
    assert [answer.status for answer in answers] == [200, 200, 200]


# Odd paths, methods and headers

_ODD_PATHS: dict[str, Callable[[str], tuple[str, str | None]]] = {
    "slash before": lambda path: ("/" + path, None),
    "slashes before": lambda path: ("///" + path, None),
    "slash inside": lambda path: (path.replace("/", "//"), None),
    "slash after": lambda path: (path + "/", None),
    "dot after": lambda path: (path + "/.", None),
    "dot inside": lambda path: (path.replace("/", "/./"), None),
    "dots after": lambda path: (path + "/../..", None),
    "health after": lambda path: (path + "/health", None),
    "health after dots": lambda path: (path + "/../../health", None),
    "ready after dots": lambda path: (path + "/../ready", None),
    "health before": lambda path: ("/health" + path, None),
    "health before dots": lambda path: ("/health/.." + path, None),
    "ready before dots": lambda path: ("/ready/.." + path, None),
    "health before encoded dots": lambda path: ("/health/.." + path, "/health/%2e%2e" + path),
    "twice encoded dots": lambda path: ("/health/%2e%2e" + path, "/health/%252e%252e" + path),
    "health and semicolon": lambda path: ("/health;" + path, None),
    "health and NUL": lambda path: ("/health\0" + path, "/health%00" + path),
    "health and question mark": lambda path: ("/health?" + path, "/health%3F" + path),
    "health and hash": lambda path: ("/health#" + path, "/health%23" + path),
    "health and newline": lambda path: ("/health\n" + path, "/health%0A" + path),
    "health on another line": lambda path: (path + "\n/health", path + "%0A/health"),
    "newline after": lambda path: (path + "\n", path + "%0A"),
    "letters encoded": lambda path: (path, "".join(f"%{ord(letter):02x}" for letter in path)),
    "slashes encoded": lambda path: (path, path.replace("/", "%2F")),
    "slashes encoded twice": lambda path: (path.replace("/", "%2F"), path.replace("/", "%252F")),
    "said otherwise": lambda path: (path, "/health"),
    "upper case": lambda path: (path.upper(), None),
    "title case": lambda path: (path.title(), None),
    "semicolon": lambda path: (path + ";x=y", None),
    "question mark": lambda path: (path + "?", path + "%3F"),
    "hash": lambda path: (path + "#/health", path + "%23/health"),
    "NUL": lambda path: (path + "\0", path + "%00"),
    "suffix": lambda path: (path + ".json", None),
    "backslashes": lambda path: (path.replace("/", "\\"), None),
    "space": lambda path: (path + " ", path + "%20"),
    "very long": lambda path: (path + "/" + "a" * 100_000, None),
    "very deep": lambda path: (path + "/.." * 10_000 + "/health", None),
    "absolute": lambda path: ("http://localhost" + path, None),
    "absolute and public": lambda path: ("http://localhost/health" + path, None),
    "no slash": lambda path: (path[1:], None),
    "full width": lambda path: (path.replace("/", "\uff0f"), None),
    "not UTF-8": lambda path: (path + "\ufffd", path + "%ff"),
    "surrogate": lambda path: (path + "\udcff", path + "%ff"),
}

_ODD_METHODS = ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "Get", "GET ", "QUERY", "X", "")

_ODD_HEADERS: tuple[Header, ...] = (
    (b"x-http-method-override", b"GET"),
    (b"x-http-method", b"HEAD"),
    (b"x-method-override", b"OPTIONS"),
    (b"x-original-url", b"/health"),
    (b"x-rewrite-url", b"/ready"),
    (b"x-forwarded-path", b"/health"),
    (b"x-forwarded-prefix", b"/health"),
    (b"x-forwarded-uri", b"/health"),
    (b"x-forwarded-for", b"127.0.0.1"),
    (b"x-forwarded-host", b"localhost"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-user", b"admin"),
    (b"x-real-ip", b"127.0.0.1"),
    (b"forwarded", b"for=127.0.0.1;host=localhost"),
    (b"origin", b"http://localhost:8000"),
    (b"sec-fetch-site", b"same-origin"),
    (b"upgrade", b"websocket"),
    (b"expect", b"100-continue"),
)


def _odd(request: Ask, name: str) -> Ask:
    path, raw_path = _ODD_PATHS[name](request.path)
    raw = path if raw_path is None else raw_path
    return replace(request, path=path, raw_path=raw.encode("utf-8", "surrogateescape"))


def _assert_refused(request: Ask, answer: Answer) -> None:
    assert answer.status in {400, 401, 404, 405}, (request, answer)
    assert answer.is_error_in_our_shape, (request, answer)


def test_no_path_leads_around_the_guard(
    engine: TriggerEngine, app: FastAPI, clock: FixedClock, stored: Callable[[], Rows]
) -> None:
    """Whatever is done to the path of a guarded route, it is refused or is no route."""
    credentials = _credentials(engine, clock)
    before = stored()
    asks = [_odd(request, name) for request in _guarded_asks(app) for name in _ODD_PATHS]
    pairs = [(request, credential) for request in asks for credential in credentials.values()]
    chosen = pairs if PROFILE == "long" else random.Random(20).sample(pairs, 600)
    asks += [_with(request, credential) for request, credential in chosen]
    for request, answer in zip(asks, ask(app, *asks), strict=True):
        _assert_refused(request, answer)
    assert stored() == before


def test_no_header_and_no_method_leads_around_the_guard(
    engine: TriggerEngine, app: FastAPI, stored: Callable[[], Rows]
) -> None:
    """Nobody's word on method, path or address is taken, and a method that a route does not take does nothing."""
    engine.create_token(["read"])
    before = stored()
    requests = _guarded_asks(app)
    asks = [replace(each, headers=(*each.headers, header)) for each in requests for header in _ODD_HEADERS]
    asks += [replace(each, method=method) for each in requests for method in _ODD_METHODS]
    for request, answer in zip(asks, ask(app, *asks), strict=True):
        _assert_refused(request, answer)
    assert stored() == before


def test_exactly_two_routes_are_public(engine: TriggerEngine, app: FastAPI) -> None:
    """They say whether, whatever else the request carries, and nothing that merely begins or ends like them does."""
    engine.create_token(["read"])
    public = [Ask(path=path, headers=headers) for path in sorted(_PUBLIC) for headers in ((), _ODD_HEADERS)]
    public += [Ask(path="/health", raw_path=b"/api/workflows", query=b"/api/workflows")]
    for answer in ask(app, *public):
        assert (answer.status, answer.document) in [(200, {"status": "ok"}), (200, {"status": "ready"})]
    near = ["/", "/healthz", "/Health", "/health/", "/api/health", "/api/ready", "//health", "/docs", "/redoc", "/api"]
    for request, answer in zip(near, ask(app, *(Ask(path=path) for path in near)), strict=True):
        assert answer.status == 404, request


# Tokens and logs


def _messages(caplog: pytest.LogCaptureFixture) -> str:
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(f"{formatter.format(record)} {record.__dict__}" for record in caplog.records)


def test_the_text_of_a_token_is_nowhere_but_in_its_request(
    engine: TriggerEngine, app: FastAPI, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a log record of any level, nor a body, nor a header repeats it, refused or let in."""
    caplog.set_level(logging.DEBUG)
    texts = [engine.create_token(["read", "run", "write"]).text, engine.create_token(["read"]).text]
    headers = [(b"authorization", f"{scheme} {text}".encode()) for scheme in ("Bearer", "Basic") for text in texts]
    asks = [replace(each, headers=(*each.headers, header)) for each in _guarded_asks(app) for header in headers]
    said = _messages(caplog)
    for answer in ask(app, *asks):
        said += f"{answer.headers} {answer.body.decode('utf-8', 'replace')}"
    said += _messages(caplog)
    assert said
    for text in texts:
        assert text.split("_")[2] not in said


# On a developer's own machine, without tokens


@pytest.fixture
def own(engine: TriggerEngine) -> FastAPI:
    """The application as ``serve`` guards it on a loopback address."""
    return create_app(engine, auth=TokenGuard(engine, own_machine_only=True))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.8.8.8", "[::1]:8000", "[::1]"])
def test_this_machine_may_do_everything(own: FastAPI, host: str) -> None:
    """The command line, which sends no origin, asks without a token by any name of this machine."""
    read = Ask(path="/api/workflows", host=host)
    write = Ask(method="POST", path="/api/workflows", host=host, headers=(JSON,), chunks=(b'{"id": "new"}',))
    assert [answer.status for answer in ask(own, read, write)] == [200, 201]


_FOREIGN_HOSTS = (
    None,
    "",
    "evil.com",
    "evil.com:8000",
    "localhost.evil.com",
    "127.0.0.1.evil.com",
    "evillocalhost",
    "127.0.0.1:8000.evil.com",
    "me@localhost",
    "localhost@evil.com",
    "localhost:80@evil.com",
    "me:pass@127.0.0.1:8000",
    "localhost:",
    "localhost:port",
    "localhost:123456",
    "localhost/",
    "localhost/evil.com",
    "localhost?",
    "localhost#",
    "localhost,evil.com",
    "localhost evil.com",
    "local\thost",
    "localhost\0",
    "localhost\n",
    "localhost.",
    " localhost",
    "0.0.0.0",
    "0",
    "2130706433",
    "127.1",
    "0x7f.0.0.1",
    "10.0.0.1",
    "192.168.1.1:8000",
    "::1",
    "[::1",
    "::1]",
    "[::]",
    "[::2]:8000",
    "[::1].evil.com",
    "[::ffff:8.8.8.8]",
    "[fe80::1%25lo]",
    "[localhost]",
    "xn--lcalhost-54a",
    "l\xf6calhost",
)


def test_a_foreign_host_is_refused(own: FastAPI, stored: Callable[[], Rows]) -> None:
    """A name that was bound to this machine afterwards, or that two parsers may read in two ways."""
    before = stored()
    asks = [replace(each, host=host) for each in _guarded_asks(own) for host in _FOREIGN_HOSTS]
    for request, answer in zip(asks, ask(own, *asks), strict=True):
        assert answer.status == 403, request
        assert answer.is_error_in_our_shape
    assert stored() == before


@pytest.mark.parametrize("hosts", [("localhost", "evil.com"), ("evil.com", "localhost"), ("localhost", "localhost")])
def test_two_hosts_are_refused(own: FastAPI, hosts: tuple[str, str]) -> None:
    """Whichever of them another program on the way would have believed."""
    first, second = hosts
    (answer,) = ask(own, Ask(path="/api/workflows", host=first, headers=((b"host", second.encode()),)))
    assert answer.status == 403


_FOREIGN_PAGES: dict[str, tuple[Header, ...]] = {
    "other host": ((b"origin", b"http://evil.com"),),
    "other port": ((b"origin", b"http://localhost:9000"),),
    "no port": ((b"origin", b"http://localhost"),),
    "other scheme": ((b"origin", b"https://localhost:8000"),),
    "other name": ((b"origin", b"http://127.0.0.1:8000"),),
    "longer": ((b"origin", b"http://localhost:8000.evil.com"),),
    "with slash": ((b"origin", b"http://localhost:8000/"),),
    "null": ((b"origin", b"null"),),
    "empty": ((b"origin", b""),),
    "wildcard": ((b"origin", b"*"),),
    "null of the same site": ((b"origin", b"null"), (b"sec-fetch-site", b"same-origin")),
    "cross-site": ((b"sec-fetch-site", b"cross-site"),),
    "same-site": ((b"sec-fetch-site", b"same-site"),),
    "unknown site": ((b"sec-fetch-site", b"x"),),
}
_OWN_PAGES: dict[str, tuple[Header, ...]] = {
    "none": (),
    "same origin": ((b"origin", b"http://localhost:8000"),),
    "same origin and site": ((b"origin", b"http://localhost:8000"), (b"sec-fetch-site", b"same-origin")),
    "same site": ((b"sec-fetch-site", b"same-origin"),),
    "typed by hand": ((b"sec-fetch-site", b"none"),),
}


def _writes(app: FastAPI) -> list[Ask]:
    return [each for each in _guarded_asks(app) if each.method != "GET"]


def test_a_foreign_page_may_not_write(own: FastAPI, stored: Callable[[], Rows]) -> None:
    """Not by any route that is not a plain read, and without a word on CORS."""
    before = stored()
    asks = [replace(each, headers=(*each.headers, *page)) for each in _writes(own) for page in _FOREIGN_PAGES.values()]
    for request, answer in zip(asks, ask(own, *asks), strict=True):
        assert answer.status == 403, request
        assert answer.is_error_in_our_shape
        assert answer.header("Access-Control-Allow-Origin") is None
    assert stored() == before


@pytest.mark.parametrize("page", _OWN_PAGES)
def test_an_own_page_may_write(own: FastAPI, page: str) -> None:
    """Nor may the command line be kept out, which says nothing of pages."""
    (answer,) = ask(
        own,
        Ask(method="POST", path="/api/workflows", headers=(JSON, *_OWN_PAGES[page]), chunks=(b'{"id": "new"}',)),
    )
    assert answer.status == 201


@pytest.mark.parametrize("own_machine_only", [False, True])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_first_token_closes(
    engine: TriggerEngine, sqlite_url: str, clock: FixedClock, own_machine_only: bool, elsewhere: bool
) -> None:
    """One of this process at once, one that another process makes while the server runs within a second."""
    guard = TokenGuard(engine, own_machine_only=own_machine_only, monotonic=clock.monotonic)
    app = create_app(engine, auth=guard)
    assert {answer.status for answer in ask(app, Ask(path="/api/workflows"))} == {200}
    with TriggerEngine(sqlite_url) as other:
        text = (other if elsewhere else engine).create_token(["read"]).text
    if elsewhere:
        assert {answer.status for answer in ask(app, Ask(path="/api/workflows"))} == {200}
        clock.advance(seconds=1)
    open_answers = ask(app, *_guarded_asks(app))
    assert {answer.status for answer in open_answers} == {401}
    (answer,) = ask(app, Ask(path="/api/workflows", headers=(bearer(text),), host="evil.com"))
    assert answer.status == 200


def test_a_revoked_first_token_does_not_open_again(engine: TriggerEngine, app: FastAPI) -> None:
    """Whoever once made tokens meant it."""
    engine.revoke_token(engine.create_token(["read"]).token.id)
    assert {answer.status for answer in ask(app, *_guarded_asks(app))} == {401}


def test_always_means_always(engine: TriggerEngine) -> None:
    """A server that others can reach lets nobody in while there is no token."""
    app = create_app(engine, auth=TokenGuard(engine, always=True))
    assert {answer.status for answer in ask(app, *_guarded_asks(app))} == {401}


# Pages of other origins

_UI = "https://ui.example"


def _preflight(origin: str, path: str = "/api/workflows") -> Ask:
    return Ask(
        method="OPTIONS",
        path=path,
        headers=(
            (b"origin", origin.encode()),
            (b"access-control-request-method", b"POST"),
            (b"access-control-request-headers", b"authorization,content-type"),
        ),
    )


def _cors_headers(answer: Answer) -> list[str]:
    return [name.decode() for name, _ in answer.headers if name.lower().startswith(b"access-control-")]


def test_cors_is_absent_unless_named(own: FastAPI) -> None:
    """Neither a preflight nor a read carries a word of it."""
    answers = ask(own, _preflight(_UI), Ask(path="/api/workflows", headers=((b"origin", _UI.encode()),)))
    assert [answer.status for answer in answers] == [405, 200]
    assert [_cors_headers(answer) for answer in answers] == [[], []]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://ui.example", f"{_UI}.evil.com", f"{_UI}:444"]
)
def test_cors_names_its_origins_exactly(engine: TriggerEngine, origin: str) -> None:
    """A named origin is answered with its own name; any other is not; and never with credentials."""
    guard = TokenGuard(engine, own_machine_only=True, origins=[_UI])
    app = create_app(engine, auth=guard, cors_origins=[_UI])
    write = Ask(
        method="POST",
        path="/api/workflows",
        headers=(JSON, (b"origin", _UI.encode()), (b"sec-fetch-site", b"cross-site")),
        chunks=(b'{"id": "new"}',),
    )
    named = ask(app, _preflight(_UI), write)
    assert [answer.status for answer in named] == [200, 201]
    assert [answer.header("Access-Control-Allow-Origin") for answer in named] == [_UI, _UI]
    foreign = ask(app, _preflight(origin), replace(write, headers=(JSON, (b"origin", origin.encode()))))
    assert [answer.status for answer in foreign] == [400, 403]
    assert [answer.header("Access-Control-Allow-Origin") for answer in foreign] == [None, None]
    for answer in (*named, *foreign):
        assert answer.header("Access-Control-Allow-Credentials") is None


def test_a_preflight_lets_nobody_in(engine: TriggerEngine) -> None:
    """Its answer has no content of ours, and the request that follows needs its token."""
    engine.create_token(["read"])
    app = create_app(engine, cors_origins=[_UI])
    preflight, read = ask(app, _preflight(_UI), Ask(path="/api/workflows", headers=((b"origin", _UI.encode()),)))
    assert (preflight.status, preflight.body) == (200, b"OK")
    assert read.status == 401


# Bodies

_LIMIT = 1_000
_NEW = b'{"id": "new"}'


def _post(*chunks: bytes, length: object = None) -> Ask:
    announced = () if length is None else ((b"content-length", str(length).encode()),)
    return Ask(method="POST", path="/api/workflows", headers=(JSON, *announced), chunks=chunks)


_TOO_LARGE: dict[str, Ask] = {
    "announced": _post(_NEW.ljust(_LIMIT + 1), length=_LIMIT + 1),
    "announced and not sent": _post(_NEW, length=_LIMIT + 1),
    "announced by many digits": _post(_NEW, length="9" * 5_000),
    "announced by leading zeros": _post(_NEW.ljust(_LIMIT + 1), length="0" * 50 + "1"),
    "in one part": _post(_NEW.ljust(_LIMIT + 1)),
    "in parts": _post(_NEW, *[b" " * 100] * 10),
    "byte by byte": _post(_NEW, *[b" "] * _LIMIT),
    "announced as less": _post(_NEW.ljust(_LIMIT + 1), length=10),
    "announced as nothing": _post(_NEW.ljust(_LIMIT + 1), length=0),
    "announced as negative": _post(_NEW.ljust(_LIMIT + 1), length=-1),
    "announced as no number": _post(_NEW.ljust(_LIMIT + 1), length="1e1"),
    "announced as twice": _post(_NEW.ljust(_LIMIT + 1), length="10, 10"),
}


@pytest.mark.parametrize("body", _TOO_LARGE)
def test_a_body_over_the_limit_is_not_read(engine: TriggerEngine, body: str, stored: Callable[[], Rows]) -> None:
    """Whatever its length is said to be; nothing is done with it."""
    app, before = create_app(engine, max_body_bytes=_LIMIT), stored()
    (answer,) = ask(app, _TOO_LARGE[body])
    assert answer.status == 413
    assert answer.is_error_in_our_shape
    assert stored() == before


@pytest.mark.parametrize("parts", [1, 10, _LIMIT])
def test_a_body_of_exactly_the_limit_is_read(engine: TriggerEngine, parts: int) -> None:
    """Announced, and in parts without a length."""
    app = create_app(engine, max_body_bytes=_LIMIT)
    body, size = _NEW.ljust(_LIMIT), _LIMIT // parts
    chunks = [body[start : start + size] for start in range(0, _LIMIT, size)]
    (answer,) = ask(app, _post(*chunks, length=_LIMIT if parts == 1 else None))
    assert answer.status == 201


def _as_json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def _nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


_BAD_BODIES: dict[str, bytes] = {
    "empty": b"",
    "space": b"  ",
    "null": b"null",
    "list": b"[]",
    "text": b'"new"',
    "number": b"1",
    "cut": b'{"id": ',
    "two documents": b"{} {}",
    "comment": b"{} // x",
    "trailing comma": b'{"id": "new",}',
    "single quotes": b"{'id': 'new'}",
    "key twice": b'{"id": "new", "id": "newer"}',
    "key twice inside": b'{"id": "new", "x": {"a": 1, "a": 2}}',
    "surrogate key twice": b'{"\\ud800": 1, "\\ud800": 2}',
    "NaN": b'{"id": NaN}',
    "Infinity": b'{"id": Infinity}',
    "-Infinity": b'{"x": [-Infinity]}',
    "too large a number": b'{"x": 1e999}',
    "too small a number": b'{"x": -1e999}',
    "ten thousand digits": b'{"x": ' + b"9" * 10_000 + b"}",
    "minus ten thousand digits": b'{"x": -' + b"9" * 10_000 + b"}",
    "ten thousand digits behind the point": b'{"x": ' + b"9" * 10_000 + b".5}",
    "deep objects": _nested(100),
    "very deep objects": _nested(100_000),
    "very deep lists": b"[" * 500_000,
    "deep and cut": b'{"a":' * 100_000,
    "surrogate": b'{"\\ud800": "\\ud800"}',
    "encoded surrogate": b'{"x": "\xed\xa0\x80"}',
    "not UTF-8": b'{"x": "\xff"}',
    "overlong": b'{"x": "\xc0\x80"}',
    "NUL": b'{"x": "\\u0000"}',
    "raw NUL": b'{"x": "\0"}',
    "raw newline": b'{"x": "\n"}',
    "BOM": b"\xef\xbb\xbf{}",
    "UTF-16": '{"id": "new"}'.encode("utf-16"),
    "UTF-16 without BOM": '{"id": "new"}'.encode("utf-16-le"),
    "UTF-32": '{"id": "new"}'.encode("utf-32"),
    "gzip": gzip.compress(b'{"id": "new"}'),
    "unknown field": b'{"constructor": {"prototype": {}}}',
    "snake case": b'{"workflow_id": "bronze", "trigger_type": "manual", "depends_on_workflow_id": "gold"}',
}
# Starting without a body is starting without parameters.
_MAY_BE_EMPTY = {("execute", "empty"), ("execute", "null")}


def _body_asks(app: FastAPI, body: bytes, name: str) -> list[Ask]:
    return [
        replace(_ask_for(path, method, operation), chunks=(body,))
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation and (operation["operationId"], name) not in _MAY_BE_EMPTY
    ]


def test_a_bad_body_is_refused_by_every_route(app: FastAPI, stored: Callable[[], Rows]) -> None:
    """With one sentence, and nothing is stored."""
    before = stored()
    for name, body in _BAD_BODIES.items():
        for answer in ask(app, *_body_asks(app, body, name)):
            assert answer.status == 400, (name, answer)
            assert answer.is_error_in_our_shape
    assert stored() == before


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"content-type", b""),),
        ((b"content-type", b"text/plain"),),
        ((b"content-type", b"application/x-www-form-urlencoded"),),
        ((b"content-type", b"multipart/form-data; boundary=x"),),
        ((b"content-type", b"text/plain; application/json"),),
        ((b"content-type", b"application/jsonx"),),
        ((b"content-type", b"application/xml"),),
        (JSON, (b"content-encoding", b"gzip")),
        (JSON, (b"content-encoding", b"br")),
        (JSON, (b"content-encoding", b"identity, gzip")),
    ],
)
def test_a_good_body_is_taken_only_as_what_it_is(
    app: FastAPI, headers: tuple[Header, ...], stored: Callable[[], Rows]
) -> None:
    """A page may send a form or plain text anywhere without asking; JSON it may not."""
    before = stored()
    asks = [replace(each, headers=headers) for each in _guarded_asks(app) if JSON in each.headers]
    # An empty object is a body too.
    assert len(asks) == len(_BODIES)
    for answer in ask(app, *asks):
        assert answer.status == 400, answer
        assert answer.is_error_in_our_shape
    assert stored() == before


# None of them is an id, a name, a schedule, a zone or a deployment.
_HOSTILE = ("\0", "a\0b", "\ud800", "a\nb", "\u202ea", "\x7f", "a" * 201, "")
# None of them is an id.
_NO_IDS = (*_HOSTILE, " a", "a ", "..", ".", "a/b", "a\\b")
_TEXT_FIELDS: tuple[tuple[str, dict[str, Any], str, tuple[str, ...]], ...] = (
    ("/api/workflows", {}, "id", _NO_IDS),
    ("/api/workflows", {"id": "new"}, "name", _HOSTILE),
    ("/api/workflows", {"id": "new"}, "tags", _HOSTILE),
    ("/api/workflows", {"id": "new"}, "run", _HOSTILE),
    ("/api/workflows", {"id": "new"}, "description", ("\0", "\ud800", "a" * 10_001)),
    (
        "/api/workflows/bronze/triggers",
        {"triggerType": "manual"},
        "triggerName",
        tuple(text for text in _HOSTILE if text),
    ),
    ("/api/workflows/bronze/triggers", {"triggerType": "event"}, "eventType", _NO_IDS),
    ("/api/workflows/bronze/triggers", {"triggerType": "dependency"}, "dependsOnWorkflowId", _NO_IDS),
    ("/api/workflows/bronze/triggers", {"triggerType": "scheduled"}, "cronExpression", _HOSTILE),
    ("/api/workflows/bronze/triggers", {"triggerType": "scheduled", "cronExpression": "@daily"}, "timezone", _HOSTILE),
    ("/api/workflows/bronze/execute", {}, "executionId", _NO_IDS),
    ("/api/workflows/bronze/execute", {}, "triggerId", _NO_IDS),
    ("/api/workflows/bronze/execute", {}, "causedByExecutionId", _NO_IDS),
    ("/api/events", {"key": "k"}, "eventType", _NO_IDS),
    ("/api/events", {"eventType": "file.arrived"}, "key", _HOSTILE),
    ("/api/executions/execution-1/complete", {"status": "completed"}, "workflowId", _NO_IDS),
)


def _field(name: str, text: str) -> Any:
    return {"tags": [text], "run": {"prefect": text}}.get(name, text)


@pytest.mark.parametrize(
    ("path", "fields", "name", "texts"), _TEXT_FIELDS, ids=[f"{path} {name}" for path, _, name, _ in _TEXT_FIELDS]
)
def test_hostile_text_is_refused_in_the_words_of_the_body(
    app: FastAPI, path: str, fields: dict[str, Any], name: str, texts: tuple[str, ...], stored: Callable[[], Rows]
) -> None:
    """Nothing is stored, and the sentence names the field as the client does, not as Python does."""
    before = stored()
    bodies = [json.dumps({**fields, name: _field(name, text)}).encode() for text in texts]
    answers = ask(app, *(Ask(method="POST", path=path, headers=(JSON,), chunks=(body,)) for body in bodies))
    for text, answer in zip(texts, answers, strict=True):
        assert answer.status == 400, (text, answer)
        assert answer.is_error_in_our_shape
        assert not re.search(
            r"\b[a-z]+_(id|type|name|expression|by)\b", answer.document["error"].partition(", not ")[0]
        )
    assert stored() == before


@pytest.mark.parametrize("value", [{"a": "\0"}, {"\0": 1}, {"a": ["\ud800"]}, {"\ud800": 1}, "nested"])
@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("/api/workflows/bronze/triggers", {"triggerType": "event", "eventType": "x"}, "eventConfig"),
        ("/api/workflows/bronze/execute", {}, "parameters"),
        ("/api/events", {"eventType": "x", "key": "k"}, "payload"),
    ],
)
def test_json_that_no_database_holds_is_refused(
    app: FastAPI, path: str, fields: dict[str, Any], name: str, value: Any, stored: Callable[[], Rows]
) -> None:
    """At any depth, as a key and as a value."""
    before = stored()
    if value == "nested":
        value = json.loads(_nested(65))
    body = json.dumps({**fields, name: value}).encode()
    (answer,) = ask(app, Ask(method="POST", path=path, headers=(JSON,), chunks=(body,)))
    assert answer.status == 400
    assert answer.document["error"].startswith(f"{name} must ")
    assert stored() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_hostile_text_in_a_path_or_a_query_is_no_fault_of_the_server(
    kind: str, request: pytest.FixtureRequest, clock: FixedClock
) -> None:
    """On neither database: there is no such thing, and nothing meets such a filter."""
    url = request.getfixturevalue("sqlite_url" if kind == "sqlite" else "postgres_url")
    with TriggerEngine(url, clock=clock) as engine:
        app = create_app(_filled(engine))
        before = _rows(engine)
        for text, encoded in (("\0", b"%00"), ("a\0b", b"a%00b"), ("\udcff", b"%ff"), ("\ud800", b"%ed%a0%80")):
            asks = [replace(each, path=_with_text(each.path, text)) for each in _guarded_asks(app)]
            asks = [each for each in asks if text in each.path]
            asks = [replace(each, raw_path=b"/") for each in asks]
            answers = ask(app, *asks)
            assert {answer.status for answer in answers} <= {400, 404}, (text, answers)
            assert all(answer.is_error_in_our_shape for answer in answers)
            for name in (
                b"workflowId",
                b"triggerId",
                b"rootExecutionId",
                b"status",
                b"triggerType",
                b"limit",
                b"cursor",
            ):
                (answer,) = ask(app, Ask(path="/api/executions", query=name + b"=" + encoded))
                assert answer.status in {200, 400}, (name, answer)
                assert answer.status == 400 or answer.document["executions"] == []
        assert _rows(engine) == before


def _with_text(path: str, text: str) -> str:
    for known in ("bronze", "nightly", "execution-1"):
        path = path.replace(known, text)
    return path


# A real server on a socket


@pytest.fixture
def port(engine: TriggerEngine) -> Iterator[int]:
    """The port of the server that ``serve`` runs, over the engine of this test."""
    with ApiServer(engine, ApiOptions(host="127.0.0.1", port=0), tuple) as server:
        yield int(server.url.rpartition(":")[2])


def _sent(port: int, raw: bytes, *, is_cut: bool = False) -> bytes:
    """What a server answers to bytes on a connection, until it closes it; ``is_cut``: nothing follows them."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(raw)
        if is_cut:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def _statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


_RAW_TARGETS = (
    b"/api/workflows",
    b"//api/workflows",
    b"/api//workflows",
    b"http://127.0.0.1/api/workflows",
    b"http://127.0.0.1/health/../api/workflows",
    b"/health/../api/workflows",
    b"/health/%2e%2e/api/workflows",
    b"/health%2f..%2fapi%2fworkflows",
    b"/%61%70%69/%77orkflows",
    b"/api%2Fworkflows",
    b"/api/workflows/../../health",
    b"/api/workflows;/health",
    b"/api/workflows#/health",
    b"/api/workflows?/health",
    b"/api/workflows%00",
    b"/API/WORKFLOWS",
    b"/metrics",
    b"/openapi.json",
    b"/api/events",
    b"/" + b"a" * 60_000,
    b"*",
    b"",
    b"api/workflows",
    b"/api/\xff",
)
_RAW_METHODS = (b"GET", b"POST", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"get", b"FOO", b"")
_RAW_HEADERS = (
    b"Host: 127.0.0.1\r\n",
    b"Host: 127.0.0.1\r\nHost: evil.com\r\n",
    b"",
    b"Host: 127.0.0.1\r\nX-Original-URL: /health\r\nX-HTTP-Method-Override: GET\r\n",
    b"Host: 127.0.0.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    b"Host: 127.0.0.1\r\nAuthorization: Bearer\r\n x\r\n",
)


def test_no_bytes_on_a_socket_lead_around_the_guard(
    engine: TriggerEngine, port: int, stored: Callable[[], Rows]
) -> None:
    """Whatever the server makes of them: the answer has no content, and nothing changes."""
    engine.create_token(["read"])
    before = stored()
    lines = [
        (method + b" " + target, headers)
        for method in _RAW_METHODS
        for target in _RAW_TARGETS
        for headers in _RAW_HEADERS
    ]
    for line, headers in lines if PROFILE == "long" else random.Random(20).sample(lines, 300):
        answer = _sent(port, line + b" HTTP/1.1\r\nConnection: close\r\n" + headers + b"\r\n")
        assert len(_statuses(answer)) == 1, (line, headers, answer)
        assert 400 <= _statuses(answer)[0] < 500, (line, headers, answer)
    assert stored() == before


def test_a_socket_opens_to_a_token_and_says_nothing_of_it(
    engine: TriggerEngine, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The server trims the space around a header, as HTTP has it; no record of any logger holds the token."""
    caplog.set_level(logging.DEBUG)
    text = engine.create_token(["read"]).text
    request = b"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer %s%s\r\n\r\n"
    answers = [
        _sent(port, request % (target, text.encode(), rest))
        for target, rest in ((b"/api/workflows", b""), (b"/api/workflows", b"  "), (b"/nothing", b""), (b"/\xff", b""))
    ]
    assert [_statuses(answer) for answer in answers][:3] == [[200], [200], [404]]
    assert text.split("_")[2] not in _messages(caplog) + b"".join(answers).decode("latin-1")


def test_a_body_on_a_socket_is_limited(engine: TriggerEngine, port: int, stored: Callable[[], Rows]) -> None:
    """In chunks without a length, announced, and with a length that lies."""
    before = stored()
    head = b"POST /api/workflows HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    announced = _sent(port, head + b"Content-Length: 1048577\r\n\r\n")
    in_chunks = _sent(port, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 16 + b"1\r\n \r\n")
    longer = _sent(port, head + b"Content-Length: 10\r\n\r\n" + b'{"id": "new"}')
    cut = _sent(port, head + b"Content-Length: 100\r\n\r\n" + b'{"id": "new"}', is_cut=True)
    assert [_statuses(answer) for answer in (announced, in_chunks, longer, cut)] == [[413], [413], [400], []]
    assert stored() == before
