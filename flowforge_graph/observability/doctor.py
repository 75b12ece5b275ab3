"""The doctor: one look at a database, one finding a check, and nothing is changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from flowforge_graph.engine.clock import SystemClock
from flowforge_graph.engine.protocols import Clock
from flowforge_graph.errors import DatabaseError
from flowforge_graph.observability import database_checks, definition_checks, waiting_checks
from flowforge_graph.observability.findings import Finding, problem
from flowforge_graph.observability.look import Limits, Look
from flowforge_graph.storage.inspection import Inspection

Check = Callable[[Look], Finding]

# By the name that its line has, in the order of the lines. A problem of the first ones leaves nothing to look at.
_FIRST: Final[Mapping[str, Check]] = {"database": database_checks.database, "schema": database_checks.schema}
_OF_SQLITE: Final[Mapping[str, Check]] = {
    "sqlite": database_checks.sqlite,
    "integrity": database_checks.integrity,
    "disk": database_checks.disk,
}
_OF_POSTGRESQL: Final[Mapping[str, Check]] = {"postgresql": database_checks.postgresql}
_OF_BOTH: Final[Mapping[str, Check]] = {
    "clock": database_checks.clocks,
    "rows": definition_checks.rows,
    "graph": definition_checks.graph,
    "triggers": definition_checks.triggers,
    "executors": definition_checks.executors,
    "schedules": waiting_checks.schedules,
    "pending": waiting_checks.pending,
    "leases": waiting_checks.leases,
    "dead letters": waiting_checks.dead_letters,
}
CHECKS: Final = (*_FIRST, *_OF_SQLITE, *_OF_POSTGRESQL, *_OF_BOTH)


def examine(
    database: str,
    *,
    clock: Clock | None = None,
    limits: Limits | None = None,
    wait: Callable[[float], object] | None = None,
    schema: str | None = None,
    table_prefix: str = "",
) -> Iterator[Finding]:
    """Look at a database: one finding a check, in order. Nothing is changed, not even the schema.

    Where the database cannot be reached or used at all, that is the only finding. What a single check cannot ask is
    its finding, and the others go on.

    Args:
        database: a SQLAlchemy URL (SQLite or PostgreSQL).
        clock: the time here, the system's by default.
        limits: from where on a check finds something.
        wait: lets some seconds pass, for the watch over claims.
        schema, table_prefix: as of the engine.

    Cost: reads every definition and the change log, and on SQLite the whole file; where executions are claimed it
    takes up to ``limits.watch_seconds``.
    """
    clock = clock or SystemClock()
    try:
        ask = Inspection(database, schema=schema, table_prefix=table_prefix, monotonic=clock.monotonic)
    except DatabaseError as error:
        yield problem("database", str(error))
        return
    look = Look(ask=ask, clock=clock, limits=limits or Limits(), wait=wait or threading.Event().wait)
    try:
        yield from _findings(look)
    finally:
        ask.close()


def has_our_tables(database: str) -> bool:
    """Whether the engine's tables were made in this database (of any version); nothing is made or changed.

    Args:
        database: a SQLAlchemy URL.

    Raises DatabaseError where the database cannot be asked.
    """
    ask = Inspection(database, schema=None, table_prefix="", monotonic=float)
    try:
        return ask.schema_version() is not None
    finally:
        ask.close()


def _findings(look: Look) -> Iterator[Finding]:
    for name, check in _FIRST.items():
        first = _guarded(name, check, look, advice="start it, or correct the URL")
        yield first
        if first.state == "problem":
            return
    own = _OF_SQLITE if look.ask.database.is_sqlite else _OF_POSTGRESQL
    for name, check in {**own, **_OF_BOTH}.items():
        yield _guarded(name, check, look, advice="this could not be checked; see the other lines")


def _guarded(name: str, check: Check, look: Look, *, advice: str) -> Finding:
    try:
        return check(look)
    except DatabaseError as error:
        return problem(name, f"{error}: {advice}")
