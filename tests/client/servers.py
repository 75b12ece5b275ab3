"""Real HTTP servers on loopback that answer, refuse, hang, drip and break off as a test says."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

# Made for these tests, for 127.0.0.1 alone; nothing trusts it unless a test says so.
CERTIFICATE = Path(__file__).with_name("loopback.pem")
CERTIFICATE_VARIABLE = "SSL_CERT_FILE"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a server was asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


Answer = Callable[["Handler", threading.Event], None]


@dataclass(kw_only=True)
class Api:
    """A server: ``answers`` are given one a request, the last one to all that follow."""

    url: str = ""
    answers: list[Answer]
    requests: list[Request] = field(default_factory=list)
    closes: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self) -> Answer:
        """What the request at hand gets."""
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Handler(BaseHTTPRequestHandler):
    """Takes note of a request and lets the next answer have it."""

    api: Api

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.api.requests.append(Request(method=self.command, path=self.path, headers=dict(self.headers), body=body))
        try:
            self.api.next_answer()(self, self.api.closes)
        except OSError:
            # The client has gone away, as it should.
            self.close_connection = True

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(*answers: Answer, port: int = 0, tls: bool = False) -> Iterator[Api]:
    """A server that gives these answers, one a request."""
    api = Api(answers=list(answers))
    server = ThreadingHTTPServer(("127.0.0.1", port), type("OfThisApi", (Handler,), {"api": api}))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    api.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield api
    finally:
        api.closes.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port of loopback where nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


# Answers

STARTED = {
    "triggerId": "t1",
    "workflowId": "silver",
    "workflowName": "Silver",
    "executionId": "e1",
    "condition": "on_success",
    "delayMinutes": 5,
    "runAfter": 1_767_225_900,
}
SKIPPED = {"triggerId": "t2", "workflowId": "alert", "workflowName": "Alert", "reason": "condition_not_met"}
TOLD = {
    "message": "execution 'run-17' of 'bronze' completed: 1 triggered, 1 skipped",
    "triggeredCount": 1,
    "skippedCount": 1,
    "triggered": [STARTED],
    "skipped": [SKIPPED],
}


def reply(document: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; bytes are sent as they are. ``Retry_After=`` is the header ``Retry-After``."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def answer(handler: Handler, _: threading.Event) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(_: Handler, closes: threading.Event) -> None:
    """Say nothing until the server closes."""
    closes.wait(60)


def break_off(handler: Handler, _: threading.Event) -> None:
    """Promise more than is sent."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"message": ')


def hang_up(handler: Handler, _: threading.Event) -> None:
    """Close without a word."""
    handler.connection.shutdown(socket.SHUT_RDWR)


def drip_headers(handler: Handler, closes: threading.Event) -> None:
    """Send a header that never ends, a byte at a time."""
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Drip: ")
    while not closes.wait(0.01):
        handler.wfile.write(b"x")


def drip_body(handler: Handler, closes: threading.Event) -> None:
    """Send a body that never ends, a byte at a time."""
    handler.send_response(200)
    handler.end_headers()
    while not closes.wait(0.01):
        handler.wfile.write(b" ")


def flood(handler: Handler, closes: threading.Event) -> None:
    """Send a body without an end as fast as it is read."""
    handler.send_response(200)
    handler.end_headers()
    while not closes.is_set():
        handler.wfile.write(b" " * 2**20)
