"""Counts that tell how an installation is doing, one query each."""

from __future__ import annotations

from sqlalchemy import ColumnExpressionArgument, Connection, case, func, select, text

from flowforge_graph.model.executions import DEAD_LETTER_REASONS
from flowforge_graph.storage.executions import AT_ONCE
from flowforge_graph.storage.tables import DUE_PENDING, LIVE_CLAIM, AnyRow, Tables


class HealthRows:
    """Queries on ``executions`` that count.

    What is due and what is claimed is found by its partial index; what runs and the dead letters cost a look at every
    execution that is stored, which is why history is pruned.
    """

    def __init__(self, tables: Tables) -> None:
        self._columns = columns = tables.executions.c
        # What may start at once has no instant of its own: it has waited since it was created.
        self.due_since = case((columns.available_at == AT_ONCE, columns.created_at), else_=columns.available_at)

    def pending_due(self, connection: Connection, *, now: int) -> tuple[int, int | None]:
        """How many executions may start now and are unclaimed, and since when the oldest of them may."""
        query = select(func.count(), func.min(self.due_since)).where(*self.is_due(now))
        count, oldest = connection.execute(query).one()
        return count, oldest

    def is_due(self, now: int) -> tuple[ColumnExpressionArgument[bool], ...]:
        """Pending, unclaimed and available at that instant."""
        return text(DUE_PENDING), self._columns.available_at <= now

    def running(self, connection: Connection) -> int:
        """How many executions run."""
        return self._count(connection, self._columns.status == "running")

    def live_claims(self, connection: Connection) -> int:
        """How many claims there are on executions that have not ended."""
        return self._count(connection, text(LIVE_CLAIM))

    def dead_letters(self, connection: Connection, *, since: int) -> int:
        """How many executions ended as dead letters since then."""
        return self._count(connection, *self.is_dead(since))

    def is_dead(self, since: int) -> tuple[ColumnExpressionArgument[bool], ...]:
        """Failed because they could not be dispatched or their holder was lost, since that instant."""
        columns = self._columns
        return (
            columns.status == "failed",
            columns.reason.in_(sorted(DEAD_LETTER_REASONS)),
            columns.ended_at >= since,
        )

    def _count(self, connection: Connection, *conditions: ColumnExpressionArgument[bool]) -> int:
        row: AnyRow = connection.execute(
            select(func.count()).select_from(self._columns.id.table).where(*conditions)
        ).one()
        count: int = row[0]
        return count
