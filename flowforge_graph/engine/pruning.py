"""History goes only by request, whole cascades at a time, and leaves tombstones (rule 23)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.feed import Feed
from flowforge_graph.facts.catalogue import HistoryPruned
from flowforge_graph.model import PruneResult, as_instant
from flowforge_graph.storage import to_instant, to_seconds

CASCADES_PER_TRANSACTION: Final = 100


class Pruning:
    """Use case of an operator who wants the space back."""

    def __init__(self, context: Context, feed: Feed) -> None:
        self._context = context
        self._feed = feed

    def prune(self, before: datetime) -> PruneResult:
        """Remove every cascade in which each execution ended before ``before``."""
        limit = to_seconds(as_instant(before, field="before"))
        total = PruneResult(cascades=0, executions=0, verdicts=0)
        while True:
            pruned = self._context.store.database.run(lambda connection: self._prune_some(connection, limit))
            total = PruneResult(
                cascades=total.cascades + pruned.cascades,
                executions=total.executions + pruned.executions,
                verdicts=total.verdicts + pruned.verdicts,
            )
            if pruned.cascades < CASCADES_PER_TRANSACTION:
                break
        self._feed.trim()
        self._context.facts.tell(
            HistoryPruned(
                before=to_instant(limit),
                cascades=total.cascades,
                executions=total.executions,
                verdicts=total.verdicts,
            )
        )
        return total

    def _prune_some(self, connection: Connection, before: int) -> PruneResult:
        store = self._context.store
        candidates = store.executions.ended_roots(connection, before=before, limit=CASCADES_PER_TRANSACTION)
        # Locked roots can gain no execution: a start in their cascade would count itself there first.
        store.executions.lock(connection, candidates)
        roots = store.executions.ended_roots(
            connection, before=before, limit=CASCADES_PER_TRANSACTION, among=candidates
        )
        executions = store.executions.of_roots(connection, roots)
        store.tombstones.insert(connection, executions, pruned_at=to_seconds(self._context.now()))
        ids = [execution.id for execution in executions]
        verdicts = store.verdicts.delete(connection, ids)
        store.external_ends.delete(connection, ids)
        store.executions.delete_cascades(connection, roots)
        return PruneResult(cascades=len(roots), executions=len(executions), verdicts=verdicts)
