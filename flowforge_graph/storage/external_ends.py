"""Rows of the ends of other engines' runs, and of how far whoever follows such an engine has come."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, func, insert, select, update

from flowforge_graph.model import RecordedEnd
from flowforge_graph.storage.batches import in_batches
from flowforge_graph.storage.instants import to_instant, to_seconds
from flowforge_graph.storage.tables import AnyRow, Tables

# Which run has which execution is decided by one process at a time.
_NAMING_LOCK = 0x666C6F78


class ExternalEndRows:
    """Queries on ``external_ends``: one execution for each (external id, run count), and the other way round."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.external_ends
        self._columns = tables.external_ends.c

    def lock(self, connection: Connection) -> None:
        """Until the end of the transaction nobody else names executions of runs. SQLite has one writer anyway."""
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_NAMING_LOCK)))

    def of(self, connection: Connection, external_ids: Collection[str]) -> list[RecordedEnd]:
        """The recorded ends of these runs, each run's in the order of their run counts."""
        found: list[RecordedEnd] = []
        for batch in in_batches(sorted(external_ids)):
            query = (
                select(self._table)
                .where(self._columns.external_id.in_(batch))
                .order_by(self._columns.external_id, self._columns.run_count)
            )
            found += map(_end_of, connection.execute(query))
        return found

    def of_executions(self, connection: Connection, execution_ids: Collection[str]) -> list[RecordedEnd]:
        """The recorded ends of the runs that these executions were."""
        found: list[RecordedEnd] = []
        for batch in in_batches(sorted(execution_ids)):
            found += map(_end_of, connection.execute(select(self._table).where(self._columns.execution_id.in_(batch))))
        return found

    def insert(self, connection: Connection, ends: Iterable[RecordedEnd]) -> None:
        """Store new ends; a second one of a run or of an execution breaks a UNIQUE key, and with it the transaction."""
        rows = [{**end.__dict__, "recorded_at": to_seconds(end.recorded_at)} for end in ends]
        for batch in in_batches(rows, 1_000):
            connection.execute(insert(self._table), batch)

    def note_conflicts(self, connection: Connection, ends: Iterable[RecordedEnd]) -> None:
        """Store the other status that these ends have heard of."""
        for end in ends:
            connection.execute(
                update(self._table)
                .where(self._columns.external_id == end.external_id, self._columns.run_count == end.run_count)
                .values(conflicting_status=end.conflicting_status)
            )

    def delete(self, connection: Connection, execution_ids: Collection[str]) -> None:
        """Forget the runs of executions that are pruned: their tombstones answer from now on."""
        for batch in in_batches(sorted(execution_ids)):
            connection.execute(delete(self._table).where(self._columns.execution_id.in_(batch)))


class CursorRows:
    """Queries on ``cursors``: instants in Unix seconds that only move forwards."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.cursors
        self._columns = tables.cursors.c

    def get(self, connection: Connection, name: str) -> int | None:
        """Where this cursor stands; None before it was set."""
        position: int | None = connection.execute(
            select(self._columns.position).where(self._columns.name == name)
        ).scalar()
        return position

    def advance(self, connection: Connection, name: str, position: int) -> None:
        """Move a cursor forwards; one that is there or further already stays."""
        stands = self.get(connection, name)
        if stands is None:
            connection.execute(insert(self._table).values(name=name, position=position))
        else:
            behind = (self._columns.name == name, self._columns.position < position)
            connection.execute(update(self._table).where(*behind).values(position=position))


def _end_of(row: AnyRow) -> RecordedEnd:
    return RecordedEnd.trusted(**{**row._mapping, "recorded_at": to_instant(row.recorded_at)})
