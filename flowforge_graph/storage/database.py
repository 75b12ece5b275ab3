"""One database, opened by us or by the host: transactions, and every fault as one sentence.

All writing goes through :meth:`Database.write`, all reading through :meth:`Database.read`. What differs between SQLite
and PostgreSQL in a transaction is in :mod:`flowforge_graph.storage.sqlite` and here, nowhere else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from flowforge_graph.errors import DatabaseError, DatabaseUnreachable, shown
from flowforge_graph.facts import Facts, catalogue
from flowforge_graph.storage import migrations, sqlite
from flowforge_graph.storage.tables import Tables, tables_for

Result = TypeVar("Result")

# A transaction that another one made impossible is decided anew; more often than this something else is wrong.
MAX_RETRIES: Final = 20
_BACKENDS: Final = frozenset({"sqlite", "postgresql"})
_SERIALIZATION_FAILURES: Final = frozenset({"40001", "40P01"})
_LOCKS_NOT_HAD: Final = _SERIALIZATION_FAILURES | {"55P03"}


class Database:
    """The storage of one engine.

    ``target`` is a SQLAlchemy URL or an Engine of the host's. ``schema`` and ``table_prefix`` keep our tables apart
    from the host's. ``monotonic`` is the engine's clock, used only to share SQLite's one write lock fairly. ``facts``
    that a transaction tells are told when it is committed. ``only_looks``: nothing is changed, not even the schema.
    Raises DatabaseError where the database cannot be opened.
    """

    def __init__(
        self,
        target: str | URL | Engine,
        *,
        schema: str | None,
        table_prefix: str,
        monotonic: Callable[[], float],
        facts: Facts,
        only_looks: bool = False,
    ) -> None:
        _refuse_strange_prefix(table_prefix)
        self._owns_engine = not isinstance(target, Engine)
        self._is_closed = False
        host_engine = target if isinstance(target, Engine) else _open(target, only_looks=only_looks)
        self.is_sqlite = host_engine.dialect.name == "sqlite"
        _refuse_unknown_dialect(host_engine)
        if self.is_sqlite and schema:
            raise DatabaseError("SQLite has no schemas: use table_prefix instead of schema")
        isolation = "AUTOCOMMIT" if self.is_sqlite else "READ COMMITTED"
        only = {"postgresql_readonly": True} if only_looks else {}
        self.engine = host_engine.execution_options(isolation_level=isolation, **only)
        self.url = host_engine.url
        self.tables: Tables = tables_for(schema, table_prefix)
        self._prefix = table_prefix
        self._facts = facts
        self._writer = sqlite.Writer(host_engine, monotonic) if self.is_sqlite else None
        if only_looks:
            return
        try:
            self._make_schema()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading committed rows."""
        with self._spoken(), self._reading(), self._connected() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One write transaction: committed at the end of the block, rolled back by an exception."""
        with self._spoken(), self._writing() as connection:
            yield connection

    def run(self, work: Callable[[Connection], Result], *, repeatable: bool = True) -> Result:
        """Run ``work`` in a write transaction, again from its start where a concurrent one made it impossible.

        ``work`` must decide everything from what it reads. ``repeatable`` says that a keyed row tells whether an
        earlier try was committed, so that a connection lost during the commit is no reason to give up; then a server
        that starts again is waited for, some six seconds.
        """
        for tries in range(MAX_RETRIES):
            try:
                with self._facts.after_commit(), self._writing() as connection:
                    return work(connection)
            except DBAPIError as error:
                may_be_over = tries == 0 and sqlite.met_a_read_only_file(error)
                worth_a_retry = may_be_over or _is_worth_a_retry(error, repeatable=repeatable)
                if tries == MAX_RETRIES - 1 or not worth_a_retry:
                    raise self._fault(error) from error
                self._facts.tell(catalogue.DatabaseRetried(tries=tries + 1, error=_sentence_of(error)))
            except SQLAlchemyError as error:
                raise self._fault(error) from error
            # Sleeping reads no clock. The wait grows, so that a restarting server is not hammered.
            time.sleep(min(0.001 * 2**tries, 0.5))
        raise AssertionError("unreachable")

    def run_if_free(self, work: Callable[[Connection], object], *, patience_ms: int) -> bool:
        """Run ``work`` once in a write transaction, unless a lock is held for longer than that; whether it ran.

        For what may as well be written later. Raises DatabaseError for any other fault.
        """
        try:
            with self._facts.after_commit(), self._writing_if_free(patience_ms) as connection:
                work(connection)
        except sqlite.LockHeld:
            return False
        except SQLAlchemyError as error:
            if sqlite.met_a_lock(error) or _sqlstate_of(error) in _LOCKS_NOT_HAD:
                return False
            raise self._fault(error) from error
        return True

    def close(self) -> None:
        """Nothing can be asked of it any more; connections are closed where the engine is ours."""
        self._is_closed = True
        if self._owns_engine:
            self.engine.dispose()

    def _refuse_closed(self) -> None:
        """SQLAlchemy would open it anew; one in memory would be another, empty one."""
        if self._is_closed:
            raise DatabaseError(f"this engine on {self.name} is closed: open another one")

    def _writing(self) -> AbstractContextManager[Connection]:
        self._refuse_closed()
        return self._writer.transaction(self.engine) if self._writer else self.engine.begin()

    @contextmanager
    def _writing_if_free(self, patience_ms: int) -> Iterator[Connection]:
        self._refuse_closed()
        if self._writer:
            with self._writer.transaction_if_free(self.engine, patience_ms=patience_ms) as connection:
                yield connection
            return
        with self.engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {patience_ms}")
            yield connection

    def _connected(self) -> Connection:
        self._refuse_closed()
        try:
            return self.engine.connect()
        except ValueError as error:
            # Only now does a driver find that no host or file can have this name.
            raise _unusable(self.name) from error

    def _reading(self) -> AbstractContextManager[object]:
        return self._writer.reading() if self._writer else nullcontext()

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise self._fault(error) from error

    def _fault(self, error: SQLAlchemyError) -> DatabaseError:
        sentence = f"the database {self.name} answered: {_sentence_of(error)}"
        if isinstance(error, DBAPIError) and (error.connection_invalidated or _met_no_server(error)):
            self._facts.tell(catalogue.DatabaseUnreachable(error=sentence))
            return DatabaseUnreachable(sentence)
        return DatabaseError(sentence)

    def is_current(self) -> bool:
        """Whether the schema is at the version that this package knows."""
        with self.read() as connection:
            return migrations.current_version(connection, self.tables) == migrations.HEAD

    def _make_schema(self) -> None:
        if self.is_current():
            return
        with self.write() as connection:
            migrations.upgrade(connection, self.tables, prefix=self._prefix)


def _sentence_of(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]


def _refuse_strange_prefix(prefix: object) -> None:
    if not isinstance(prefix, str) or not re.fullmatch(r"([A-Za-z_][A-Za-z0-9_]{0,30})?", prefix):
        raise DatabaseError(f"table_prefix must be at most 31 letters, digits and underscores, not {shown(prefix)}")


def _open(target: str | URL, *, only_looks: bool) -> Engine:
    try:
        url = make_url(target)
        if url.get_backend_name() not in _BACKENDS:
            raise DatabaseError(f"the database must be SQLite or PostgreSQL, not {url.get_backend_name()}")
        if url.get_backend_name() == "sqlite":
            return sqlite.open_engine(url, only_looks=only_looks)
        # A connection that the server closed while it rested in the pool is replaced before use.
        return create_engine(url, pool_pre_ping=True, pool_size=16, max_overflow=16)
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise _unusable(target) from error
    except ImportError as error:
        raise DatabaseError(
            f"the driver of this database is missing ({error}): pip install 'flowforge-graph[postgres]'"
        ) from error


def _unusable(target: str | URL) -> DatabaseError:
    return DatabaseError(
        f"the database URL {_without_password(target)} cannot be used: write one like sqlite:///flowforge.db"
    )


def _without_password(target: str | URL) -> str:
    return shown(re.sub(r":[^:@/]*@", ":***@", str(target)))


def _refuse_unknown_dialect(engine: Engine) -> None:
    if engine.dialect.name not in _BACKENDS:
        raise DatabaseError(f"the database must be SQLite or PostgreSQL, not {engine.dialect.name}")


def _sqlstate_of(error: SQLAlchemyError) -> str | None:
    """PostgreSQL's code of a fault."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def _is_worth_a_retry(error: DBAPIError, *, repeatable: bool) -> bool:
    """Whether the transaction lost against another one, which a new decision on fresh rows will see."""
    if _sqlstate_of(error) in _SERIALIZATION_FAILURES or isinstance(error, IntegrityError):
        return True
    return repeatable and (error.connection_invalidated or _met_no_server(error))


def _met_no_server(error: DBAPIError) -> bool:
    """Whether PostgreSQL could not be reached: there was no connection yet for a statement to go to."""
    return isinstance(error, OperationalError) and error.statement is None and hasattr(error.orig, "sqlstate")
