"""SQLAlchemy Core on SQLite and PostgreSQL: the only room that holds SQL. It knows values, never decisions."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from flowforge_graph.facts import Facts
from flowforge_graph.model.ids import new_id
from flowforge_graph.storage.batches import in_batches
from flowforge_graph.storage.changes import Change, ChangeRows, Revision
from flowforge_graph.storage.database import Database
from flowforge_graph.storage.executions import AT_ONCE, LIVE_STATUSES, ExecutionRows, LiveClaim, LockedExecution
from flowforge_graph.storage.external_ends import CursorRows, ExternalEndRows
from flowforge_graph.storage.feed import ROWS_AT_ONCE, FeedExtent, FeedRows
from flowforge_graph.storage.health import HealthRows
from flowforge_graph.storage.history import ScheduleDropRows, TombstoneRows, VerdictRows
from flowforge_graph.storage.instants import to_instant, to_seconds
from flowforge_graph.storage.tokens import TokenRows
from flowforge_graph.storage.triggers import TriggerRows
from flowforge_graph.storage.workflows import WorkflowRows

__all__ = [
    "AT_ONCE",
    "LIVE_STATUSES",
    "ROWS_AT_ONCE",
    "Change",
    "Database",
    "FeedExtent",
    "LiveClaim",
    "LockedExecution",
    "Revision",
    "Store",
    "in_batches",
    "to_instant",
    "to_seconds",
]


class Store:
    """A database with its schema in place, and the queries on each family of tables."""

    def __init__(
        self,
        target: str | URL | Engine,
        *,
        schema: str | None,
        table_prefix: str,
        monotonic: Callable[[], float],
        facts: Facts,
    ) -> None:
        self.facts = facts
        self.database = Database(target, schema=schema, table_prefix=table_prefix, monotonic=monotonic, facts=facts)
        tables = self.database.tables
        self.workflows = WorkflowRows(tables)
        self.triggers = TriggerRows(tables)
        self.executions = ExecutionRows(tables, is_sqlite=self.database.is_sqlite)
        self.verdicts = VerdictRows(tables)
        self.schedule_drops = ScheduleDropRows(tables)
        self.tombstones = TombstoneRows(tables)
        self.changes = ChangeRows(tables)
        self.tokens = TokenRows(tables)
        self.feed = FeedRows(tables, is_sqlite=self.database.is_sqlite)
        self.external_ends = ExternalEndRows(tables)
        self.cursors = CursorRows(tables)
        self.health = HealthRows(tables)
        self.epoch = self._stored_epoch()

    def _stored_epoch(self) -> str:
        """What tells this database from every other one, by whatever URL it is opened; written at the first opening."""
        with self.database.read() as connection:
            if self.changes.exists(connection):
                return self.changes.read(connection).epoch
        return self.database.run(lambda connection: self.changes.create(connection, epoch=new_id()))
