"""Rows of verdicts, of dropped fire times, and of tombstones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select

from flowforge_graph.model import Execution, ScheduleDrop, Verdict
from flowforge_graph.storage.batches import in_batches
from flowforge_graph.storage.instants import to_instant, to_seconds
from flowforge_graph.storage.tables import Tables

_VERDICT_PLAIN = tuple(name for name in Verdict.model_fields if name != "run_after")


class VerdictRows:
    """Queries on ``verdicts``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.verdicts
        self._columns = tables.verdicts.c

    def insert(self, connection: Connection, verdicts_by_completion: Iterable[Sequence[Verdict]]) -> None:
        """Store the verdicts on each completion, in their order."""
        rows = [
            {**verdict.__dict__, "run_after": to_seconds(verdict.run_after), "position": position}
            for verdicts in verdicts_by_completion
            for position, verdict in enumerate(verdicts)
        ]
        for batch in in_batches(rows, 1_000):
            connection.execute(insert(self._table), batch)

    def on(self, connection: Connection, execution_ids: Collection[str]) -> dict[str, tuple[Verdict, ...]]:
        """The stored verdicts on these completions, by execution id."""
        found: dict[str, list[Verdict]] = {}
        for batch in in_batches(sorted(execution_ids)):
            query = (
                select(self._table)
                .where(self._columns.upstream_execution_id.in_(batch))
                .order_by(self._columns.upstream_execution_id, self._columns.position)
            )
            for row in connection.execute(query):
                plain = {name: row._mapping[name] for name in _VERDICT_PLAIN}
                verdict = Verdict.trusted(**plain, run_after=to_instant(row.run_after))
                found.setdefault(row.upstream_execution_id, []).append(verdict)
        return {execution_id: tuple(verdicts) for execution_id, verdicts in found.items()}

    def delete(self, connection: Connection, execution_ids: Collection[str]) -> int:
        """Remove the verdicts on these completions and answer how many went."""
        count = 0
        for batch in in_batches(sorted(execution_ids)):
            query = delete(self._table).where(self._columns.upstream_execution_id.in_(batch))
            count += connection.execute(query).rowcount
        return count


class ScheduleDropRows:
    """Queries on ``schedule_drops``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.schedule_drops
        self._columns = tables.schedule_drops.c

    def insert(self, connection: Connection, drops: Iterable[ScheduleDrop]) -> None:
        """Record dropped fire times, a range a row."""
        rows = [
            {
                "trigger_id": drop.trigger_id,
                "workflow_id": drop.workflow_id,
                "first_fire_time": to_seconds(drop.first),
                "last_fire_time": to_seconds(drop.last),
                "count": drop.count,
                "reason": drop.reason,
                "recorded_at": to_seconds(drop.recorded_at),
            }
            for drop in drops
        ]
        if rows:
            connection.execute(insert(self._table), rows)

    def of_trigger(self, connection: Connection, trigger_id: str, *, limit: int) -> list[ScheduleDrop]:
        """The newest drops of a trigger, newest first."""
        query = (
            select(self._table)
            .where(self._columns.trigger_id == trigger_id)
            .order_by(self._columns.seq.desc())
            .limit(limit)
        )
        return [
            ScheduleDrop(
                trigger_id=row.trigger_id,
                workflow_id=row.workflow_id,
                first=to_instant(row.first_fire_time),
                last=to_instant(row.last_fire_time),
                count=row._mapping["count"],
                reason=row.reason,
                recorded_at=to_instant(row.recorded_at),
            )
            for row in connection.execute(query)
        ]


class TombstoneRows:
    """Queries on ``tombstones``: what a late duplicate of a pruned execution still finds.

    One cause has one execution id, so that the id alone tells whether the cause was served.
    """

    def __init__(self, tables: Tables) -> None:
        self._table = tables.tombstones
        self._columns = tables.tombstones.c

    def insert(self, connection: Connection, executions: Iterable[Execution], *, pruned_at: int) -> None:
        """Leave a tombstone for each pruned execution."""
        rows = [
            {
                "execution_id": execution.id,
                "workflow_id": execution.workflow_id,
                "status": execution.status,
                "pruned_at": pruned_at,
            }
            for execution in executions
        ]
        for batch in in_batches(rows, 1_000):
            connection.execute(insert(self._table), batch)

    def of(self, connection: Connection, execution_ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """(workflow id, status) of those of these executions that were pruned, by id."""
        found: dict[str, tuple[str, str]] = {}
        columns = self._columns
        for batch in in_batches(sorted(execution_ids)):
            query = select(columns.execution_id, columns.workflow_id, columns.status).where(
                columns.execution_id.in_(batch)
            )
            found.update((row.execution_id, (row.workflow_id, row.status)) for row in connection.execute(query))
        return found
