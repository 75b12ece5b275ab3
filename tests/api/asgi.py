"""Requests as an ASGI server hands them on: any bytes, whatever a polite client would make of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request. ``chunks`` are the parts in which its body comes; no length is announced unless a header says so."""

    method: str = "GET"
    path: str = "/"
    raw_path: bytes | None = None
    query: bytes = b""
    headers: tuple[Header, ...] = ()
    chunks: tuple[bytes, ...] = (b"",)
    scheme: str = "http"
    host: str | None = "localhost:8000"

    def scope(self) -> dict[str, Any]:
        """The ASGI scope."""
        host = () if self.host is None else ((b"host", self.host.encode("latin-1")),)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": self.scheme,
            "path": self.path,
            "raw_path": self.path.encode() if self.raw_path is None else self.raw_path,
            "query_string": self.query,
            "root_path": "",
            "headers": [*host, *self.headers],
            "client": ("127.0.0.1", 40_000),
            "server": ("127.0.0.1", 8_000),
        }


@dataclass(kw_only=True)
class Answer:
    """What came back."""

    status: int = 0
    headers: list[Header] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, if it is there."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def is_error_in_our_shape(self) -> bool:
        """Whether it is ``{"error": "<one sentence>"}`` of a client's fault."""
        return 400 <= self.status < 500 and isinstance(self.document["error"], str)


def ask(app: Any, *asks: Ask) -> list[Answer]:
    """What an application answers to requests, one after the other. A stream is left after its first part."""

    async def ask_all() -> list[Answer]:
        return [await _answer_to(app, each) for each in asks]

    return asyncio.run(ask_all())


async def _answer_to(app: Any, request: Ask) -> Answer:
    answer = Answer()
    has_begun = asyncio.Event()
    chunks = list(request.chunks)

    async def receive() -> dict[str, Any]:
        if chunks:
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}
        await has_begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            answer.body += message.get("body", b"")
            has_begun.set()

    await app(request.scope(), receive, send)
    return answer


def bearer(text: str) -> Header:
    """The header of a token."""
    return b"authorization", f"Bearer {text}".encode()
