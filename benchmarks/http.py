"""A client of HTTP that costs next to nothing: raw sockets that are kept, and one thread for all of them."""

from __future__ import annotations

import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_ROOT = Path(__file__).parents[1]
_RECEIVED_AT_ONCE = 1 << 16


@contextmanager
def served(*words: str) -> Iterator[str]:
    """The URL of a server in a process of its own (:mod:`benchmarks.api_process`)."""
    command = [sys.executable, "-m", "benchmarks.api_process", *words]
    with subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


class Connection:
    """One connection, which is kept. One request at a time."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self.socket = socket.create_connection((where.hostname, where.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> bytes:
        """The body of the answer. Raises AssertionError where it is a refusal."""
        self.socket.sendall(request)
        while (body := self.received()) is None:
            pass
        return body

    def received(self) -> bytes | None:
        """Take in what has come; the body, once all of it is there."""
        part = self.socket.recv(_RECEIVED_AT_ONCE)
        assert part, "the server hung up"
        self._received += part
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _length_of(head):
            return None
        assert head.startswith(b"HTTP/1.1 2"), self._received
        self._received = b""
        return body


def _length_of(head: bytes) -> int:
    _, _, after = head.lower().partition(b"content-length: ")
    return int(after.partition(b"\r\n")[0])


def request(method: str, path: str, body: object = None) -> bytes:
    """A request as it goes over the wire."""
    sent = b"" if body is None else json.dumps(body).encode()
    kinds = f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n" if sent else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{kinds}\r\n".encode() + sent


def in_turn(url: str, requests: Sequence[bytes]) -> tuple[list[Any], float]:
    """What is answered to one request after another, and how many seconds that took once there was a connection."""
    # A connection of its own each time: a server hangs up on one that rests.
    with Connection(url) as connection:
        began = time.perf_counter()
        bodies = [connection.ask(each) for each in requests]
        return [json.loads(body) for body in bodies], time.perf_counter() - began


def together(url: str, requests: Sequence[bytes], *, connections: int) -> list[float]:
    """How many seconds each request took, where so many are always under way."""
    seconds: list[float] = []
    waiting = iter(requests)
    with ExitStack() as opened, selectors.DefaultSelector() as selector:
        for each in [opened.enter_context(Connection(url)) for _ in range(connections)]:
            _send_next(selector, each, waiting)
        while selector.get_map():
            for key, _ in selector.select():
                connection, began = key.data
                if connection.received() is not None:
                    seconds.append(time.perf_counter() - began)
                    selector.unregister(connection.socket)
                    _send_next(selector, connection, waiting)
    return seconds


def _send_next(selector: selectors.BaseSelector, connection: Connection, waiting: Iterator[bytes]) -> None:
    if (following := next(waiting, None)) is not None:
        selector.register(connection.socket, selectors.EVENT_READ, (connection, time.perf_counter()))
        connection.socket.sendall(following)
