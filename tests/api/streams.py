"""Streams of server-sent events, read from a real server as a browser would read them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from tests.support.serving import HANG_SECONDS, Client

COMMENT = "comment"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """One event as it came: its name, its id, and what its data says. A comment has the name ``comment``."""

    name: str
    id: int | None = None
    data: Any = None

    @property
    def row(self) -> tuple[Any, ...]:
        """What the table of the feed says of it."""
        data = self.data
        return (data["position"], data["kind"], data["change"], data["id"], data["workflowId"])


class Stream:
    """One follower of ``GET /api/events``."""

    def __init__(self, url: str, *, last_event_id: int | str | None = None, token: str | None = None) -> None:
        self._client = Client(url, token=token)
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
        self._client.connection.request("GET", "/api/events", headers=headers)
        self.response: HTTPResponse = self._client.connection.getresponse()
        assert self.response.status == 200, self.response.read()

    def __iter__(self) -> Iterator[Sent]:
        """Everything that comes, comments too, until the server ends the stream."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode():
            if line == "\n":
                if fields:
                    yield _sent(fields)
                fields = {}
            elif line.startswith(":"):
                fields["event"] = COMMENT
            else:
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value

    def next(self) -> Sent:
        """What comes next but comments."""
        return next(sent for sent in self if sent.name != COMMENT)

    def until(self, position: int) -> list[Sent]:
        """All events up to one position."""
        events: list[Sent] = []
        while not events or events[-1].id != position:
            events.append(self.next())
        return events

    def rest(self) -> list[Sent]:
        """All that comes until the server ends the stream."""
        return list(self)

    def close(self) -> None:
        """Hang up."""
        self.response.close()
        self._client.connection.close()


@contextmanager
def following(url: str, **keywords: Any) -> Iterator[Stream]:
    """A stream whose ``ready`` (or ``reset``) has come to nobody yet."""
    stream = Stream(url, **keywords)
    try:
        yield stream
    finally:
        stream.close()


def deaf_follower(url: str) -> socket.socket:
    """A follower that asks, and never reads; what its system takes for it is little."""
    where = urlsplit(url)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.settimeout(HANG_SECONDS)
    deaf.connect((where.hostname, where.port))
    deaf.sendall(f"GET /api/events HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
    return deaf


def _sent(fields: dict[str, str]) -> Sent:
    if fields.get("event") == COMMENT:
        return Sent(name=COMMENT)
    return Sent(name=fields["event"], id=int(fields["id"]), data=json.loads(fields["data"]))
