"""What SQLite needs to be durable, and fair between threads and processes that write.

Every write is ``BEGIN IMMEDIATE`` before any read. SQLite's own wait sleeps up to 100 ms between looks, so that a
process that writes without pause starves its neighbours; ours looks each millisecond and yields.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from types import ModuleType
from typing import Any, Final

from sqlalchemy import Connection, Engine, Pool, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import JournalKept, WalUnsafe

BUSY_TIMEOUT_MS: Final = 10_000
_POLL_SECONDS: Final = 0.001
_MAX_POLLS: Final = 10_000
_YIELD_SECONDS: Final = 0.002
_CONTINUOUS_SECONDS: Final = 0.020

# The write-ahead log of earlier versions can lose committed rows when it is reset (fixed on three lines).
_WAL_FIXES: Final = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


def open_engine(url: URL, *, only_looks: bool = False) -> Engine:
    """An engine for a SQLite file (or a private in-memory database), with durable settings.

    ``only_looks``: its connections refuse every change, and leave the file's journal mode as they find it.
    """
    module = _driver()
    if _is_memory(url):
        engine = create_engine(url, module=module, poolclass=StaticPool, connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare_memory)
        event.listen(engine, "handle_error", _keep_memory)
        return engine
    engine = create_engine(url, module=module, pool_size=16, max_overflow=16)
    if only_looks:
        event.listen(engine, "connect", _prepare_to_look)
        return engine
    has_safe_wal = wal_is_safe(module.sqlite_version_info)
    event.listen(engine, "connect", _prepare_wal if has_safe_wal else _prepare_rollback_journal)
    if not has_safe_wal:
        _say_once_that_the_wal_is_unsafe(module.sqlite_version)
    return engine


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the WAL-reset fix: 3.51.3, 3.50.7, 3.44.6 and later of each line."""
    newest = _WAL_FIXES[0]
    return version >= newest or any(version[:2] == fix[:2] and version >= fix for fix in _WAL_FIXES)


@cache
def _driver() -> ModuleType:
    """The ``sqlite3`` of the extra ``[sqlite]`` where it is installed, else the one of the standard library.

    POSIX locks belong to a process, so two copies of SQLite in one process undo each other's locks on a file, and
    committed rows are lost. Where Python's own is loaded already, its loader may use it on our file: it is ours too.
    """
    if "_sqlite3" not in sys.modules:
        with suppress(ImportError):
            from pysqlite3 import dbapi2

            driver: ModuleType = dbapi2
            return driver
    import sqlite3

    return sqlite3


_already_said: set[str] = set()


def _say_once_that_the_wal_is_unsafe(version: str) -> None:
    if version not in _already_said:
        _already_said.add(version)
        log(WalUnsafe(version=version))


def _is_memory(url: URL) -> bool:
    return url.database in {None, "", ":memory:"} or url.query.get("mode") == "memory"


def _prepare_memory(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")


def _prepare_to_look(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA query_only = ON")


def _keep_memory(context: Any) -> None:
    # SQLAlchemy closes a connection that meets an interrupt (Ctrl-C), and with this one all rows would be gone.
    context.is_disconnect = False


def _prepare_wal(connection: Any, _record: object) -> None:
    _prepare(connection, "WAL")


def _prepare_rollback_journal(connection: Any, _record: object) -> None:
    _prepare(connection, "DELETE")


def _prepare(connection: Any, journal: str) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    # A read-only file keeps the mode it has; the first write will then say what is wrong.
    if connection.execute("PRAGMA journal_mode").fetchone()[0].upper() != journal:
        _change_journal(connection, journal)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _change_journal(connection: Any, journal: str) -> None:
    """Change the mode of the file, unless another connection uses it now: then it stays, rather than nobody working."""
    try:
        connection.execute(f"PRAGMA journal_mode = {journal}")
    except Exception as error:
        if "locked" not in str(error):
            raise
        log(JournalKept(journal=journal))


# Engines that share one in-memory connection must also share the lock that keeps their transactions apart.
_locks: weakref.WeakKeyDictionary[Pool, threading.RLock] = weakref.WeakKeyDictionary()
_locks_guard = threading.Lock()


class LockHeld(Exception):
    """Another thread of this process writes."""


class Writer:
    """Gives out SQLite's one write lock: to one thread of this process at a time, and in turn with other processes."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float]) -> None:
        with _locks_guard:
            self._turn = _locks.setdefault(engine.pool, threading.RLock())
        self._shares_one_connection = isinstance(engine.pool, StaticPool)
        self._monotonic = monotonic
        self._writing_since = 0.0
        self._released_at = 0.0

    def reading(self) -> AbstractContextManager[object]:
        """A turn for reading, needed only where all threads share one in-memory connection."""
        return self._turn if self._shares_one_connection else nullcontext()

    @contextmanager
    def transaction_if_free(self, engine: Engine, *, patience_ms: int) -> Iterator[Connection]:
        """As ``transaction``, but no lock is waited for longer than that; raise LockHeld where the turn is not had."""
        if not self._turn.acquire(timeout=patience_ms / 1_000):
            raise LockHeld
        try:
            with self.transaction(engine, patience_ms=patience_ms) as connection:
                yield connection
        finally:
            self._turn.release()

    @contextmanager
    def transaction(self, engine: Engine, *, patience_ms: int | None = None) -> Iterator[Connection]:
        """``BEGIN IMMEDIATE`` … ``COMMIT``, rolled back by an exception."""
        with self._turn:
            self._yield_to_other_processes()
            with engine.connect() as connection, _restored_patience(connection, patience_ms):
                _begin_immediate(connection, patience_ms)
                try:
                    yield connection
                    connection.exec_driver_sql("COMMIT")
                except BaseException as error:
                    _roll_back(connection)
                    if met_a_read_only_file(error) and not self._shares_one_connection:
                        _replace_connections(connection)
                    raise
                finally:
                    self._released_at = self._monotonic()

    def _yield_to_other_processes(self) -> None:
        now = self._monotonic()
        if now - self._released_at > _YIELD_SECONDS:
            self._writing_since = now
        elif now - self._writing_since > _CONTINUOUS_SECONDS:
            time.sleep(_YIELD_SECONDS)
            self._writing_since = now + _YIELD_SECONDS


def _begin_immediate(connection: Connection, patience_ms: int | None) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        for _ in range(_MAX_POLLS if patience_ms is None else patience_ms):
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except OperationalError as error:
                if "locked" not in str(error.orig):
                    raise
            time.sleep(_POLL_SECONDS)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        if not connection.invalidated:
            raw.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS if patience_ms is None else patience_ms}")


@contextmanager
def _restored_patience(connection: Connection, patience_ms: int | None) -> Iterator[None]:
    """A connection that was impatient goes back to the pool as patient as the others."""
    try:
        yield
    finally:
        if patience_ms is not None and not connection.invalidated:
            raw: Any = connection.connection.dbapi_connection
            raw.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _roll_back(connection: Connection) -> None:
    if connection.invalidated:
        # SQLAlchemy closes it where an interrupt (Ctrl-C) meets a statement. To ask for it would hide the interrupt.
        return
    raw: Any = connection.connection.dbapi_connection
    # A full disk or a failed COMMIT may have rolled back already.
    if raw.in_transaction:
        raw.execute("ROLLBACK")


def met_a_lock(error: BaseException) -> bool:
    """Whether another process held the lock that a statement needed."""
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def met_a_read_only_file(error: BaseException) -> bool:
    """Whether a connection could not write because the file was read-only when it was opened, or still is."""
    return isinstance(error, OperationalError) and "readonly" in str(error.orig)


def _replace_connections(connection: Connection) -> None:
    """Open all connections anew: one that was opened while the file was read-only stays so for ever."""
    connection.invalidate()
    connection.engine.dispose()
