"""One POST by the standard library: whole within its time, no redirect followed, no body read without an end."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Final, TypeVar

Result = TypeVar("Result")

LARGEST_BODY: Final = 16 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server answered, whatever the status. ``body`` is cut after LARGEST_BODY bytes."""

    status_code: int
    phrase: str
    body: bytes
    retry_after: str | None
    location: str | None


def post(url: str, body: bytes, headers: dict[str, str], *, timeout_seconds: float) -> Answer:
    """Send ``body`` and read the answer, all within the timeout. Raises OSError and HTTPException.

    A socket's timeout begins anew with each byte that drips in, and a name may be looked up for longer than any
    timeout: so what is read counts against one deadline, and all of it happens in a thread that nobody waits for
    any longer than that.
    """
    deadline = time.monotonic() + timeout_seconds
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    return _within(timeout_seconds, lambda: _answer_to(request, deadline))


def _within(seconds: float, call: Callable[[], Result]) -> Result:
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, name="flowforge-graph notify", daemon=True).start()
    return future.result(timeout=seconds)


def _answer_to(request: urllib.request.Request, deadline: float) -> Answer:
    # No handler of redirects, of other schemes or of errors: each status is an answer, and the token stays here.
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), _Http(deadline), _Https(deadline)):
        opener.add_handler(handler)
    with opener.open(request, timeout=_left(deadline)) as response:
        body = response.read(LARGEST_BODY + 1)
        if response.length and len(body) <= LARGEST_BODY:
            raise http.client.IncompleteRead(body, response.length)
        return Answer(
            status_code=response.status,
            phrase=response.reason,
            body=body[:LARGEST_BODY],
            retry_after=response.headers["Retry-After"],
            location=response.headers["Location"],
        )


def _left(deadline: float) -> float:
    """Seconds up to the deadline. Raises TimeoutError where it is over."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting(HTTPConnection, self._deadline), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_connecting(HTTPSConnection, self._deadline), req)


def _connecting(kind: type[HTTPConnection], deadline: float) -> Any:
    """What makes connections whose answers are read up to the deadline."""

    def connect(host: str, **options: Any) -> HTTPConnection:
        connection = kind(host, **options)
        setattr(connection, "response_class", partial(_Response, deadline=deadline))  # noqa: B010 - typed as a class
        return connection

    return connect


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, deadline: float, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        raw = _UntilDeadline(self.fp.detach(), sock, deadline)
        self.fp = io.BufferedReader(raw)


class _UntilDeadline(io.RawIOBase):
    """The bytes of a socket, as long as there is time."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._socket = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(_left(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
