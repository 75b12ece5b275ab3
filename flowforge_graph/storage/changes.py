"""The revision row and the change log: how every process learns of every graph change, in one dense order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, delete, insert, select, update

from flowforge_graph.errors import DatabaseError
from flowforge_graph.storage.batches import in_batches
from flowforge_graph.storage.tables import Tables

# So many log rows are kept for processes that look late; who looks later than that loads the whole graph.
KEPT_CHANGES: Final = 10_000
_MAX_LOOKS: Final = 100

Seen = TypeVar("Seen")


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """The last committed change. Another ``epoch`` means another database; up to ``compacted_to`` the log is gone."""

    epoch: str
    revision: int
    compacted_to: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One row of the log. ``payload`` is what the graph needs to apply it without a query."""

    kind: str
    subject_id: str
    payload: Any = None
    revision: int = 0


class ChangeRows:
    """Queries on ``graph_revision`` and ``graph_changes``."""

    def __init__(self, tables: Tables) -> None:
        self._revision = tables.revision
        self._changes = tables.changes
        self._read = select(self._revision)

    def create(self, connection: Connection, *, epoch: str) -> str:
        """Write the one revision row where it is not there yet, and answer the epoch that is stored."""
        if not self.exists(connection):
            connection.execute(insert(self._revision).values(id=1, epoch=epoch, revision=0, compacted_to=0))
        return self.read(connection).epoch

    def exists(self, connection: Connection) -> bool:
        """Whether the revision row was written."""
        return connection.execute(self._read).first() is not None

    def read(self, connection: Connection) -> Revision:
        """The revision row as committed."""
        return _revision_of(connection.execute(self._read).one())

    def while_unchanged(self, connection: Connection, look: Callable[[], Seen]) -> tuple[Revision, Seen]:
        """What ``look`` reads, in any number of statements, as of one revision: again where a change came between."""
        for _ in range(_MAX_LOOKS):
            before = self.read(connection)
            seen = look()
            if self.read(connection) == before:
                return before, seen
        raise DatabaseError("the graph changes faster than it can be read: try again")

    def lock(self, connection: Connection) -> Revision:
        """The revision row, locked until the end of the transaction: graph changes happen one after another.

        The log must be read in a *later* statement: in one statement PostgreSQL would answer the log as it was
        before the wait for the lock, and cycles would be stored.
        """
        return _revision_of(connection.execute(self._read.with_for_update()).one())

    def since(self, connection: Connection, *, after: int, up_to: int) -> list[Change]:
        """The committed changes with ``after < revision <= up_to``, in order."""
        columns = self._changes.c
        query = (
            select(self._changes).where(columns.revision > after, columns.revision <= up_to).order_by(columns.revision)
        )
        return [
            Change(kind=row.kind, subject_id=row.subject_id, payload=row.payload, revision=row.revision)
            for row in connection.execute(query)
        ]

    def append(self, connection: Connection, locked: Revision, changes: Sequence[Change]) -> Revision:
        """Write ``changes`` behind the locked revision and return the new one. A huge batch is a compaction."""
        if len(changes) > KEPT_CHANGES:
            return self._skip(connection, locked)
        for batch in in_batches(self._rows(locked, changes), 1_000):
            connection.execute(insert(self._changes), batch)
        newest = locked.revision + len(changes)
        compacted_to = locked.compacted_to
        if newest - compacted_to > 2 * KEPT_CHANGES:
            compacted_to = newest - KEPT_CHANGES
        return self._move(connection, locked, revision=newest, compacted_to=compacted_to)

    @staticmethod
    def _rows(locked: Revision, changes: Iterable[Change]) -> list[dict[str, Any]]:
        return [
            {"revision": number, "kind": change.kind, "subject_id": change.subject_id, "payload": change.payload}
            for number, change in enumerate(changes, locked.revision + 1)
        ]

    def _skip(self, connection: Connection, locked: Revision) -> Revision:
        newest = locked.revision + 1
        return self._move(connection, locked, revision=newest, compacted_to=newest)

    def _move(self, connection: Connection, locked: Revision, *, revision: int, compacted_to: int) -> Revision:
        if compacted_to != locked.compacted_to:
            connection.execute(delete(self._changes).where(self._changes.c.revision <= compacted_to))
        connection.execute(update(self._revision).values(revision=revision, compacted_to=compacted_to))
        return Revision(epoch=locked.epoch, revision=revision, compacted_to=compacted_to)


def _revision_of(row: Any) -> Revision:
    return Revision(epoch=row.epoch, revision=row.revision, compacted_to=row.compacted_to)
