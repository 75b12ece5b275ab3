"""How the installation is doing, by counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flowforge_graph.engine.context import Context
from flowforge_graph.model import Health
from flowforge_graph.storage import to_seconds

DEAD_LETTERS_WITHIN: Final = timedelta(days=1)


class HealthChecks:
    """Use case of whoever watches."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def schema_is_current(self) -> bool:
        """Whether the database is still at the version that this package knows."""
        return self._context.store.database.is_current()

    def health(self) -> Health:
        """Count, one query each."""
        rows, instant = self._context.store.health, self._context.now()
        now = to_seconds(instant)
        with self._context.store.database.read() as connection:
            pending_due, oldest = rows.pending_due(connection, now=now)
            return Health(
                pending_due=pending_due,
                # An execution that another machine's faster clock created has waited for nothing yet.
                oldest_due_age_seconds=0 if oldest is None else max(0, now - oldest),
                running=rows.running(connection),
                live_claims=rows.live_claims(connection),
                dead_letters=rows.dead_letters(connection, since=to_seconds(instant - DEAD_LETTERS_WITHIN)),
            )
