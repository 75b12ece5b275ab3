"""Walk 3: a tick turns due fire times into executions, schedule by schedule, each fire time once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.feed import Feed
from flowforge_graph.engine.telling import tell_of_fires
from flowforge_graph.evaluation import ScheduleEvaluation, evaluate_schedule, is_missed, spread_missed_starts
from flowforge_graph.facts.catalogue import Ticked
from flowforge_graph.model import Execution, ScheduledTrigger, TickResult
from flowforge_graph.storage import to_instant, to_seconds

# So many schedules move on in one transaction, so that a tick after downtime holds no lock for long.
SCHEDULES_PER_TRANSACTION: Final = 200


class Ticks:
    """Use case of the scheduler."""

    def __init__(self, context: Context, feed: Feed) -> None:
        self._context = context
        self._feed = feed

    def tick(self, now: datetime | None) -> TickResult:
        """Plan every due schedule up to ``now``. A schedule with more due than one tick may start goes on next time."""
        instant = self._context.now(now)
        self._feed.trim_now_and_then()
        if not self._is_any_due(instant):
            return self._told(TickResult())
        steps: list[TickResult] = []
        after_seq = 0
        while True:
            step, after_seq = self._tick_some(instant, after_seq)
            steps.append(step)
            if after_seq == 0:
                break
        started = tuple(execution_id for step in steps for execution_id in step.started_execution_ids)
        if started:
            self._context.wake.call()
        drops = tuple(drop for step in steps for drop in step.drops)
        return self._told(TickResult(started_execution_ids=started, drops=drops))

    def _told(self, result: TickResult) -> TickResult:
        self._context.facts.tell(Ticked(started=len(result.started_execution_ids)))
        return result

    def _is_any_due(self, now: datetime) -> bool:
        """A look without the write lock: most ticks find nothing, and need not keep writers waiting."""
        with self._context.store.database.read() as connection:
            next_due_at = self._context.store.triggers.next_due_at(connection)
        return next_due_at is not None and next_due_at <= to_seconds(now)

    def _tick_some(self, now: datetime, after_seq: int) -> tuple[TickResult, int]:
        """One transaction: what it did, and where the next one begins (0: there is none)."""

        def work(connection: Connection) -> tuple[TickResult, int]:
            rows = self._context.store.triggers.due(
                connection, now=to_seconds(now), after_seq=after_seq, limit=SCHEDULES_PER_TRANSACTION
            )
            evaluations = self._evaluate(connection, [trigger for _, trigger in rows if trigger is not None], now)
            moved = [evaluation for evaluation in evaluations if self._advance(connection, evaluation)]
            return self._write(connection, moved, now), rows[-1][0] if len(rows) == SCHEDULES_PER_TRANSACTION else 0

        return self._context.store.database.run(work)

    def _evaluate(
        self, connection: Connection, triggers: list[ScheduledTrigger], now: datetime
    ) -> list[ScheduleEvaluation]:
        workflows = self._context.store.workflows.get_many(connection, {trigger.workflow_id for trigger in triggers})
        return [
            evaluate_schedule(
                trigger,
                workflow_name=workflows[trigger.workflow_id].name,
                now=now,
                missed_after_seconds=self._context.settings.missed_after_seconds,
            )
            for trigger in triggers
        ]

    def _advance(self, connection: Connection, evaluation: ScheduleEvaluation) -> bool:
        return self._context.store.triggers.advance(
            connection,
            evaluation.trigger,
            planned_until=to_seconds(evaluation.planned_until),
            next_run_at=to_seconds(evaluation.next_run_at),
            last_run_at=to_seconds(evaluation.last_run_at),
        )

    def _write(self, connection: Connection, evaluations: list[ScheduleEvaluation], now: datetime) -> TickResult:
        store = self._context.store
        starts = [start for evaluation in evaluations for start in evaluation.starts]
        spread = self._spread_missed(connection, starts, now)
        # A clock set back and a schedule enabled anew plan the same fire times again; pruned ones are done as well.
        pruned = store.tombstones.of(connection, [start.id for start in spread])
        started = store.executions.insert_new(connection, [start for start in spread if start.id not in pruned])
        drops = [drop for evaluation in evaluations for drop in evaluation.drops]
        store.schedule_drops.insert(connection, drops)
        new = frozenset(started)
        tell_of_fires(self._context.facts, [start for start in spread if start.id in new], drops)
        return TickResult(started_execution_ids=tuple(started), drops=tuple(drops))

    def _spread_missed(self, connection: Connection, starts: list[Execution], now: datetime) -> list[Execution]:
        """Put missed fires off to the end of the one queue that all nodes share, at so many a second."""
        settings = self._context.settings
        if not any(is_missed(start, now=now, after_seconds=settings.missed_after_seconds) for start in starts):
            return starts
        last, count = self._context.store.executions.end_of_queue(connection) or (to_seconds(now), 0)
        return spread_missed_starts(
            starts,
            now=now,
            missed_after_seconds=settings.missed_after_seconds,
            per_second=settings.catch_up_starts_per_second,
            not_before=to_instant(last) + timedelta(seconds=count / settings.catch_up_starts_per_second),
        )
