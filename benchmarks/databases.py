"""The databases of a run: files for SQLite, a private durable PostgreSQL, and both filled with many triggers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from benchmarks.graphs import dense
from flowforge_graph import TriggerEngine

KINDS = ("SQLite", "PostgreSQL")
_WORKFLOW = ("id", "name", "tags", "created_at", "updated_at")
_DEPENDENCY = (
    "id",
    "workflow_id",
    "trigger_type",
    "enabled",
    "depends_on_workflow_id",
    "dependency_condition",
    "delay_minutes",
    "created_at",
    "updated_at",
)


class Databases:
    """Fresh databases with our schema. Nothing about durability is changed: each commit waits for the disk."""

    def __init__(self, folder: Path, *, server: Any = None) -> None:
        self._folder = folder
        self._given_server = server
        self._opened = ExitStack()
        self._files = 0
        self._stored: dict[tuple[str, int], str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()

    def fresh(self, kind: str) -> str:
        """The URL of a new database of this kind."""
        if kind == "SQLite":
            self._files += 1
            return f"sqlite:///{self._folder / f'bench-{self._files}.db'}"
        url: str = self._opened.enter_context(self._server.fresh_database())
        return url

    def stored(self, kind: str, triggers: int) -> str:
        """The URL of a database of this kind with so many triggers, filled once a run. Whoever comes may add to it."""
        if (kind, triggers) not in self._stored:
            self._stored[kind, triggers] = self.filled(kind, dense(triggers, per_workflow=5))
        return self._stored[kind, triggers]

    def filled(self, kind: str, pairs: Sequence[tuple[str, str]], *, also: Iterable[str] = ()) -> str:
        """The URL of a new database with these dependency triggers and their workflows."""
        url = self.fresh(kind)
        TriggerEngine(url).close()
        ids = dict.fromkeys([workflow_id for pair in pairs for workflow_id in pair] + list(also))
        write_rows(url, "workflows", _WORKFLOW, ((i, i, "[]", 1, 1) for i in ids))
        write_rows(url, "workflow_triggers", _DEPENDENCY, _dependency_rows(pairs))
        with connected(url) as raw:
            raw.exec_driver_sql("ANALYZE")
        return url

    @cached_property
    def _server(self) -> Any:
        if self._given_server is not None:
            return self._given_server
        # The tests know how to run a PostgreSQL from PyPI, as root too.
        from tests.support.databases import DURABLE_SETTINGS, PostgresServer, close_server_room, open_server_room

        open_server_room()
        self._opened.callback(close_server_room)
        return PostgresServer("bench", DURABLE_SETTINGS)


def raw_engine(url: str) -> Engine:
    """The bare SQLAlchemy engine, with the driver and the durable settings of ours, in autocommit."""
    from flowforge_graph.storage.sqlite import open_engine

    engine = open_engine(make_url(url)) if url.startswith("sqlite") else create_engine(url)
    return engine.execution_options(isolation_level="AUTOCOMMIT" if url.startswith("sqlite") else "READ COMMITTED")


def connected(url: str) -> Any:
    """A bare connection in autocommit."""
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()


def write_rows(url: str, table: str, columns: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    """Write rows as the driver writes them fastest: no rule is checked."""
    names = ", ".join(columns)
    with connected(url) as connection:
        driver = connection.connection.dbapi_connection
        if url.startswith("sqlite"):
            driver.execute("BEGIN")
            marks = ", ".join("?" * len(columns))
            driver.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
            driver.execute("COMMIT")
            return
        with driver.cursor().copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)") as copy:
            for part in _as_csv(rows):
                copy.write(part)


def _as_csv(rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow(row)
        if text.tell() > 1 << 20:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _dependency_rows(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[object, ...]]:
    for number, (upstream, downstream) in enumerate(pairs):
        yield (f"t{number}", downstream, "dependency", 1, upstream, "on_success", 0, 1, 1)
