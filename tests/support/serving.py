"""Real servers: ``flowforge-graph serve`` as a process of its own, and what tests say to it over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flowforge_graph.cli.options import DATABASE_VARIABLE

ROOT = Path(__file__).parents[2]
# Nothing takes so long; whatever does hangs.
HANG_SECONDS = 120.0
_MAIN = "\nimport sys\nfrom flowforge_graph.cli import main\nsys.exit(main())\n"
_URL = re.compile(r"API on (http://[^\s;,]+)[;,]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        """The body as one JSON document."""
        return json.loads(self.body)


class Client:
    """One connection to a server, which is kept."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        where = urlsplit(url)
        self.connection = HTTPConnection(where.hostname or "", where.port, timeout=HANG_SECONDS)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request, with a JSON body where one is given."""
        sent = None if body is None else json.dumps(body)
        kinds = {} if body is None else {"Content-Type": "application/json"}
        self.connection.request(method, path, sent, {**self._headers, **kinds, **headers})
        response = self.connection.getresponse()
        return Answer(status=response.status, body=response.read(), headers=response.headers)


class Serving:
    """A running ``serve``. ``lines`` is what it has said, on stdout and stderr."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        """All its lines, so far."""
        return "".join(self.lines)

    @property
    def url(self) -> str:
        """Where the API listens, once it says so."""
        line = self.line_with("API on ")
        found = _URL.search(line)
        assert found is not None, line
        return found[1]

    def client(self, *, token: str | None = None) -> Client:
        """A connection of its own."""
        return Client(self.url, token=token)

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Answer:
        """One request on a connection of its own."""
        with self.client(token=token) as client:
            return client.ask(method, path, body)

    def line_with(self, words: str) -> str:
        """The first line with these words, once there is one."""
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            has_ended = not self._reader.is_alive()
            if found := next((line for line in self.lines if words in line), None):
                return found
            if has_ended or time.monotonic() > deadline:
                raise AssertionError(f"it never said {words!r}:\n{self.said}")
            time.sleep(0.01)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, unless it has ended, and answer its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Its exit code, once it has ended and said all."""
        code = self.process.wait(HANG_SECONDS)
        self._reader.join(HANG_SECONDS)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)


@contextmanager
def serving(database: str, *words: str, folder: Path, prelude: str = "", **variables: str) -> Iterator[Serving]:
    """``serve`` on any free port, in a folder; ``prelude`` is Python that its process runs first."""
    program = ["-c", prelude + _MAIN] if prelude else ["-m", "flowforge_graph"]
    command = [sys.executable, *program, "serve", "--port", "0", "--database", database, *words]
    kept = {name: value for name, value in os.environ.items() if name != DATABASE_VARIABLE}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    served = Serving(process)
    try:
        yield served
    finally:
        if process.poll() is None:
            process.kill()
        served.wait()
        assert process.stdout is not None
        process.stdout.close()
