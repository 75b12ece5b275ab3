"""Rows of the feed: published once each, in an order in which nothing is missed and causes come before effects.

On SQLite one process writes at a time, so that ``seq`` is the order of commits. PostgreSQL takes ``seq`` before the
commit: a reader of ``seq`` would pass by rows that become visible later. There, whoever reads first publishes: it gives
consecutive positions, in the order of ``seq``, to all visible rows that have none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Update,
    bindparam,
    delete,
    func,
    null,
    select,
    true,
    update,
)

from flowforge_graph.model import Event
from flowforge_graph.storage.instants import to_instant
from flowforge_graph.storage.tables import AnyRow, Tables

# So many rows are published or removed in one transaction, so that no lock is held for long.
ROWS_AT_ONCE: Final = 10_000

# Of an advisory lock whose second half names the table. Nobody waits for another lock while holding it.
_FEED_LOCK: Final = 0x66656564
_FIELDS: Final = tuple(name for name in Event.model_fields if name not in {"position", "recorded_at"})
_LAST_POSITION: Final = 2**63 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedExtent:
    """The first and the last position that are kept, both 0 where none is, and whether rows wait for theirs."""

    oldest: int
    newest: int
    has_unpublished: bool


class FeedRows:
    """Queries on ``feed``."""

    def __init__(self, tables: Tables, *, is_sqlite: bool) -> None:
        self._table = tables.feed
        self._columns = columns = tables.feed.c
        self._is_sqlite = is_sqlite
        self._position = columns.seq if is_sqlite else columns.position
        self._oldest = select(func.min(self._position)).scalar_subquery()
        self._newest = select(func.max(self._position)).scalar_subquery()
        self._extent = self._built_extent()
        self._page = self._built_page()
        self._publish = self._built_publish()
        self._lock = select(func.pg_advisory_xact_lock(_FEED_LOCK, func.hashtext(self._table.fullname)))

    # Reading

    def extent(self, connection: Connection) -> FeedExtent:
        """What is kept: three looks at the ends of indexes."""
        return _extent_of(connection.execute(self._extent).one())

    def after(self, connection: Connection, position: int, *, limit: int) -> tuple[list[Event], FeedExtent]:
        """The published events after a position, in order, and what is kept, both as of one instant."""
        values = {"after": min(position, _LAST_POSITION), "most": limit}
        found = connection.execute(self._page, values).all()
        return [_event_of(row) for row in found if row.position is not None], _extent_of(found[0])

    # Publishing and trimming

    def publish(self, connection: Connection) -> int:
        """Give positions to at most ``ROWS_AT_ONCE`` rows that are visible now; answers to how many.

        Nothing is published below a position that was read: they are given under a lock, which is held until the
        commit, and looked for in a *later* statement, which sees all that its holder before has given. Whoever saw a
        change has a higher ``seq`` than that change, and is not visible before it: causes come before effects.
        """
        if self._is_sqlite:
            return 0
        connection.execute(self._lock)
        return connection.execute(self._publish, {"most": ROWS_AT_ONCE}).rowcount

    def trim(self, connection: Connection, *, kept: int) -> int:
        """Remove the oldest events beyond so many, at most ``ROWS_AT_ONCE``; answers how many went.

        The newest one always stays, so that no position is given out twice.
        """
        if not self._is_sqlite:
            connection.execute(self._lock)
        extent = self.extent(connection)
        last = min(extent.newest - kept, extent.oldest + ROWS_AT_ONCE - 1)
        return connection.execute(delete(self._table).where(self._position <= last)).rowcount

    # The statements, built once: building one costs as much as running it

    def _built_extent(self) -> Select[Any]:
        # With an order, so that PostgreSQL looks at the partial index alone, whatever its statistics say.
        waiting = select(self._columns.seq).where(self._columns.position.is_(None)).order_by(self._columns.seq).limit(1)
        unpublished = null() if self._is_sqlite else waiting.scalar_subquery()
        return select(self._oldest.label("oldest"), self._newest.label("newest"), unpublished.label("unpublished"))

    def _built_page(self) -> Select[Any]:
        extent = self._extent.subquery("extent")
        page = (
            select(self._position.label("position"), *(self._columns[name] for name in (*_FIELDS, "recorded_at")))
            .where(self._position > bindparam("after", type_=BigInteger))
            .order_by(self._position)
            .limit(bindparam("most", type_=Integer))
            .subquery("page")
        )
        return select(extent, page).select_from(extent.outerjoin(page, true())).order_by(page.c.position)

    def _built_publish(self) -> Update:
        rows = self._table.alias("waiting")
        waiting = (
            select(rows.c.seq)
            .where(rows.c.position.is_(None))
            .order_by(rows.c.seq)
            .limit(bindparam("most", type_=Integer))
        ).subquery("first")
        placed = select(waiting.c.seq, func.row_number().over(order_by=waiting.c.seq).label("place")).subquery("placed")
        return (
            update(self._table)
            .where(self._columns.seq == placed.c.seq)
            .values(position=func.coalesce(self._newest, 0) + placed.c.place)
        )


def _extent_of(row: AnyRow) -> FeedExtent:
    return FeedExtent(oldest=row.oldest or 0, newest=row.newest or 0, has_unpublished=row.unpublished is not None)


def _event_of(row: AnyRow) -> Event:
    fields = {name: row._mapping[name] for name in _FIELDS}
    return Event.trusted(position=row.position, recorded_at=to_instant(row.recorded_at), **fields)
