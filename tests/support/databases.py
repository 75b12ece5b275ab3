"""Databases for tests: files for SQLite, and one real PostgreSQL for all workers of a test run."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

_FOLDER = "FLOWFORGE_TEST_SERVERS"
_OWNER = "FLOWFORGE_TEST_OWNER"

# Safe for every test but one that cuts the power: the server itself is never killed while a test looks.
FAST_SETTINGS = ("fsync=off", "full_page_writes=off", "shared_buffers=64MB", "jit=off")
DURABLE_SETTINGS = ("shared_buffers=64MB",)


def open_server_room() -> None:
    """Make the folder that all workers of this test run find through the environment; the caller owns the servers."""
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="ffg-")
    os.environ[_OWNER] = str(os.getpid())
    Path(os.environ[_FOLDER]).chmod(0o755)


def close_server_room() -> None:
    """End every server that was started in the room, by its own process id, and wait until it is gone."""
    room = Path(os.environ.pop(_FOLDER))
    for keeper in room.glob("*/keeper.pid"):
        os.kill(int(keeper.read_text()), signal.SIGTERM)
        while keeper.parent.exists():
            time.sleep(0.01)
    shutil.rmtree(room)


class PostgresServer:
    """One server of the room, started by whoever asks first."""

    def __init__(self, name: str, settings: Sequence[str]) -> None:
        self.folder = Path(os.environ[_FOLDER]) / name
        self._free: list[str] = []
        with _locked(self.folder.with_suffix(".lock")):
            if not self.folder.exists():
                self._start(settings)

    def _start(self, settings: Sequence[str]) -> None:
        self.folder.mkdir(mode=0o755)
        program = Path(__file__).with_name("postgres_process.py")
        command = [sys.executable, str(program), str(self.folder), os.environ[_OWNER], *settings]
        started = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if started.returncode:
            raise RuntimeError(started.stderr)

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The URL of an empty database that nobody else has.

        It is emptied and used again (a twentieth of the time of a new one), unless somebody is still connected then.
        """
        name = self._free.pop() if self._free else self._create()
        yield f"postgresql+psycopg://postgres@/{name}?host={self.folder}"
        if self._is_left_alone(name):
            self._empty(name)
            self._free.append(name)
        else:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def _create(self) -> str:
        name = f"t{uuid.uuid4().hex[:16]}"
        self.run(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def _is_left_alone(self, name: str) -> bool:
        return not self.run(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")

    def _empty(self, name: str) -> None:
        self.run(f"ALTER DATABASE {name} RESET ALL")
        ours = "nspname !~ '^pg_' AND nspname <> 'information_schema'"
        for (schema,) in self.run(f"SELECT quote_ident(nspname) FROM pg_namespace WHERE {ours}", database=name):
            self.run(f"DROP SCHEMA {schema} CASCADE", database=name)
        self.run("CREATE SCHEMA public", database=name)

    def crash_and_recover(self) -> None:
        """Let the server crash under whatever it does, start it again, and wait until it accepts connections.

        Only for a server that no other test shares.
        """
        restarts = self.folder / "restarts"
        before = restarts.stat().st_size if restarts.exists() else 0
        os.kill(int((self.folder / "keeper.pid").read_text()), signal.SIGUSR1)
        while not restarts.exists() or restarts.stat().st_size == before:
            if not self.folder.exists():
                raise RuntimeError("the server did not come back")
            time.sleep(0.01)

    def run(self, statement: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the owner of everything, and answer its rows."""
        with psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True) as connection:
            answer = connection.execute(statement)
            return answer.fetchall() if answer.description else []


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
