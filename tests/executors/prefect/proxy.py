"""A proxy before a real Prefect server, which can cut a reply after the server has acted, and answer in its place."""

from __future__ import annotations

import math
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


class Proxy:
    """Passes everything on, but for what it was told. ``cut``: how many replies it has cut so far."""

    def __init__(self, api_url: str) -> None:
        where = urlsplit(api_url)
        self.cut = 0
        self._to = (where.hostname or "", where.port or 80)
        self._lock = threading.Lock()
        self._cuts: dict[bytes, int] = {}
        self._refusals: dict[bytes, tuple[int, float]] = {}
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy.handle(self, body)

            do_GET = do_POST = do_PATCH = do_DELETE = do  # noqa: N815 - as the standard library calls them

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def api_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/api"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def cut_replies(self, times: int, *, containing: bytes) -> None:
        """Pass the next ``times`` requests that contain this on, and cut the connection instead of replying."""
        with self._lock:
            self._cuts[containing] = times

    def refuse(self, status: int, *, containing: bytes, times: float = math.inf) -> None:
        """Answer every request that contains this, or the next few, with a status, and do not pass it on."""
        with self._lock:
            self._refusals[containing] = (status, times)

    def handle(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """One request."""
        if (status := self._refusal_of(body)) is not None:
            self._reply(request, status, {"Content-Type": "application/json"}, b'{"detail": "refused"}')
            return
        connection = HTTPConnection(*self._to, timeout=60)
        try:
            headers = {name: text for name, text in request.headers.items() if name.lower() != "host"}
            connection.request(request.command, request.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if self._is_cut(body):
            request.close_connection = True
            return
        kept = {name: text for name, text in answer.getheaders() if name.lower() not in _HOP}
        self._reply(request, answer.status, {**kept, "Date": answer.getheader("date") or ""}, data)

    def _refusal_of(self, body: bytes) -> int | None:
        with self._lock:
            words = next((words for words, (_, left) in self._refusals.items() if left and words in body), None)
            if words is None:
                return None
            status, left = self._refusals[words]
            self._refusals[words] = (status, left - 1)
            return status

    def _is_cut(self, body: bytes) -> bool:
        with self._lock:
            words = next((words for words, left in self._cuts.items() if left and words in body), None)
            if words is None:
                return False
            self._cuts[words] -= 1
            self.cut += 1
            return True

    @staticmethod
    def _reply(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        request.send_response_only(status)
        for name, text in headers.items():
            request.send_header(name, text)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
