"""A real Prefect server: ``prefect server start`` as a process of its own, on SQLite or on a given PostgreSQL."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

# The Python whose Prefect serves: another version beside this one's clients, in an environment that fits it.
PYTHON = os.environ.get("FLOWFORGE_TEST_PREFECT_PYTHON", sys.executable)
# It takes 10 s on an idle machine; whatever takes this long hangs.
_HANG_SECONDS = 180.0


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def prefect_environment(home: Path, *, api_url: str | None = None, **settings: str) -> dict[str, str]:
    """The environment of a Prefect process: nothing of this machine's own Prefect, nothing sent anywhere."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    named = {} if api_url is None else {"PREFECT_API_URL": api_url}
    return {
        **own,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        **named,
        **settings,
    }


class PrefectProcess:
    """A Prefect server that can be killed and started again on the same port and database."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.port = free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.log = home / "server.log"

    @property
    def api_url(self) -> str:
        """What ``PREFECT_API_URL`` would say."""
        return f"http://127.0.0.1:{self.port}/api"

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of a process that talks to this server."""
        return prefect_environment(self.home, api_url=self.api_url, **settings)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None, "it runs already"
        self.home.mkdir(parents=True, exist_ok=True)
        command = [PYTHON, "-m", "prefect", "server", "start", "--no-ui"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                env=prefect_environment(self.home, **self._settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def kill(self) -> None:
        """SIGKILL, to it and all it started; it is gone when this returns."""
        process, self._process = self._process, None
        if process is not None:
            # One that ended by itself is to be explained by what it said, not by its absence.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _HANG_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(f"the Prefect server ended by itself:\n{self.log.read_text()[-5_000:]}")
            try:
                with urlopen(f"{self.api_url}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(0.1)
        self.kill()
        raise AssertionError(f"the Prefect server did not answer within {_HANG_SECONDS} s")


@contextmanager
def running_prefect(home: Path, **settings: str) -> Iterator[PrefectProcess]:
    """A Prefect server while the block runs, with further ``PREFECT_…`` settings."""
    server = PrefectProcess(home, **settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
