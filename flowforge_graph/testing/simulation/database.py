"""The one in-memory database of a simulation, emptied between seeds, and the points at which it is interrupted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import make_url

from flowforge_graph.facts import Facts
from flowforge_graph.storage import Database
from flowforge_graph.storage.sqlite import open_engine
from flowforge_graph.storage.tables import tables_for
from flowforge_graph.testing.simulation.rows import StoredRows, read_rows

_KINDS: Final = {"BEGIN": "begin", "COMMIT": "commit", "INSERT": "write", "UPDATE": "write", "DELETE": "write"}


class Crash(BaseException):
    """The process of a node dies here. No ``except Exception`` of the engine may hold it up.

    What is committed stays, as on a disk; the open transaction is rolled back by the engine's own way out.
    """


class SimulatedDatabase:
    """A SQLite in memory that several engines share, each transaction after the other.

    Attributes:
        engine: the SQLAlchemy Engine to open a :class:`~flowforge_graph.TriggerEngine` on. The schema is there.
        raw: the DBAPI connection that all engines share.
        reach: called with the name of each point that a transaction comes to: ``before begin``, ``before write``,
            ``before commit`` and ``after commit``. It may raise ``Crash``.
    """

    def __init__(self) -> None:
        self.engine = open_engine(make_url("sqlite://"))
        Database(self.engine, schema=None, table_prefix="", monotonic=float, facts=Facts())
        # Borrowed once: giving it back to the pool would roll back what an engine has not committed.
        self.raw: Any = self.engine.raw_connection().dbapi_connection
        self.reach: Callable[[str], None] = _pass_by
        event.listen(self.engine, "before_cursor_execute", self._before)
        event.listen(self.engine, "after_cursor_execute", self._after)

    @property
    def is_in_transaction(self) -> bool:
        """Whether something is written that is not committed."""
        return bool(self.raw.in_transaction)

    def rows(self) -> StoredRows:
        """Everything that is stored now."""
        return read_rows(self.raw)

    def empty(self) -> None:
        """Remove every row and keep the schema: the next engine begins a new life of the database."""
        self.raw.rollback()
        for table in tables_for().to_empty():
            self.raw.execute(f"DELETE FROM {table.name}")

    def close(self) -> None:
        """Close the one connection, and with it let all rows go."""
        self.engine.dispose()

    def _before(self, _: object, __: object, statement: str, *___: object) -> None:
        kind = _KINDS.get(statement[:6].split(" ", 1)[0])
        if kind is not None:
            self.reach(f"before {kind}")

    def _after(self, _: object, __: object, statement: str, *___: object) -> None:
        if statement == "COMMIT":
            self.reach("after commit")


def _pass_by(_: str) -> None:
    """Nobody waits at any point."""
