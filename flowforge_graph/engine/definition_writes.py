"""Walk 1, changing what is defined: one transaction that keeps the graph free of cycles in every process.

Lock the revision row → in a later statement read the log beyond what this process knows → check on the caught-up
graph → write rows, append to the log, move the revision → commit → replay the own rows in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from flowforge_graph.engine.changes import DefinitionChanges, workflows_of
from flowforge_graph.engine.context import Context
from flowforge_graph.engine.freshness import ChangeKind, is_stored
from flowforge_graph.engine.settlements import Settlements
from flowforge_graph.engine.telling import tell_of_deleted, tell_of_triggers, tell_of_workflows
from flowforge_graph.errors import CycleError, DuplicateTrigger, FlowforgeGraphError, InvalidTrigger, WorkflowNotFound
from flowforge_graph.facts.catalogue import CycleRefused
from flowforge_graph.graph.duplicates import unique_key
from flowforge_graph.graph.edges import edge_of, row_of_edge
from flowforge_graph.model import (
    AnyTrigger,
    Completion,
    DependencyTrigger,
    ScheduledTrigger,
    Workflow,
    WorkflowDeletion,
)
from flowforge_graph.model.executions import WORKFLOW_DELETED
from flowforge_graph.schedules import CronExpression, first_fire_time_after, zone
from flowforge_graph.storage import Change, Revision, to_seconds

Result = TypeVar("Result")


class DefinitionWrites:
    """The one way in which workflows and triggers change."""

    def __init__(self, context: Context, settlements: Settlements) -> None:
        self._context = context
        self._settlements = settlements

    def change(self, work: Callable[[Connection], tuple[Result, list[Change]]]) -> Result:
        """Run ``work`` under the revision lock with the graph caught up; commit; replay what it logged."""
        store, live = self._context.store, self._context.live

        def transaction(connection: Connection) -> tuple[Result, list[Change]]:
            locked = store.changes.lock(connection)
            live.catch_up(connection, locked)
            result, changes = work(connection)
            numbered = [replace(change, revision=n) for n, change in enumerate(changes, locked.revision + 1)]
            committed.append(store.changes.append(connection, locked, numbered) if numbered else locked)
            return result, numbered

        committed: list[Revision] = []
        try:
            result, numbered = store.database.run(transaction, repeatable=False)
        except CycleError as refused:
            self._context.facts.tell(CycleRefused(chain=refused.chain))
            raise
        if numbered and committed[-1].revision != numbered[-1].revision:
            # Too many for the log: nobody can replay them, this process neither.
            live.forget()
        else:
            live.apply(numbered, committed[-1])
        return result

    def write(
        self, connection: Connection, changes: DefinitionChanges, now: datetime, *, only_new: bool = False
    ) -> list[Change]:
        """Check and write ``changes`` inside :meth:`change`: deletes first, then puts, all or nothing.

        ``only_new``: a put of a stored id is a duplicate, not a change.
        """
        deleted = self._triggers_to_delete(connection, changes)
        # Locked, so that no tick moves a schedule on between this look and the write.
        stored = self._context.store.triggers.lock(connection, [t.id for t in changes.put_triggers])
        stored = {trigger_id: t for trigger_id, t in stored.items() if trigger_id not in deleted}
        kept = {} if only_new else stored
        puts = [_to_store(trigger, kept.get(trigger.id), now) for trigger in changes.put_triggers]
        # "As if that trigger were gone": what is replaced leaves before the first put comes.
        gone = deleted if only_new else [*deleted, *stored]
        self._check(connection, changes, gone=gone, puts=puts, used_ids=set(stored) if only_new else set())
        return [
            *self._delete_triggers(connection, deleted, now),
            *self._delete_workflows(connection, changes.delete_workflow_ids, now),
            *self._put_workflows(connection, changes.put_workflows, now),
            *self._put_triggers(connection, puts, stored),
        ]

    def delete_workflow(
        self, connection: Connection, workflow_id: str, now: datetime
    ) -> tuple[WorkflowDeletion, list[Change]]:
        """Delete one workflow with everything into and out of it (rule 3), and answer what went."""
        store = self._context.store
        deleted = store.triggers.ids_touching(connection, [workflow_id])
        pending = store.executions.pending_of_workflow(connection, workflow_id)
        changes = self.write(connection, DefinitionChanges(delete_workflow_ids=(workflow_id,)), now)
        deletion = WorkflowDeletion(
            workflow_id=workflow_id,
            deleted_trigger_ids=tuple(deleted),
            cancelled_execution_ids=tuple(pending),
        )
        return deletion, changes

    # Checking

    def _triggers_to_delete(self, connection: Connection, changes: DefinitionChanges) -> list[str]:
        swept = self._context.store.triggers.ids_touching(connection, changes.delete_workflow_ids)
        return list(dict.fromkeys([*changes.delete_trigger_ids, *swept]))

    def _check(
        self,
        connection: Connection,
        changes: DefinitionChanges,
        *,
        gone: Sequence[str],
        puts: Sequence[AnyTrigger],
        used_ids: set[str],
    ) -> None:
        """Raise what the first offending trigger would raise, if the puts came one at a time in their order."""
        position, problem = self._first_problem_outside_the_graph(connection, changes, gone, puts, used_ids)
        with self._context.live.reading() as graph:
            edges = [trigger for trigger in puts[:position] if isinstance(trigger, DependencyTrigger)]
            graph.check_changes(removed_ids=[i for i in gone if i in graph], put_triggers=edges)
        if problem is not None:
            raise problem

    def _first_problem_outside_the_graph(
        self,
        connection: Connection,
        changes: DefinitionChanges,
        gone: Sequence[str],
        puts: Sequence[AnyTrigger],
        used_ids: set[str],
    ) -> tuple[int, FlowforgeGraphError | None]:
        exists = self._existence_check(changes)
        schedules = self._schedules_beside(connection, gone, puts)
        seen = set(used_ids)
        for position, trigger in enumerate(puts):
            problem = exists(trigger) or _repeated_id(trigger, seen) or _repeated_schedule(trigger, schedules)
            if problem is not None:
                return position, problem
        return len(puts), None

    def _existence_check(self, changes: DefinitionChanges) -> Callable[[AnyTrigger], FlowforgeGraphError | None]:
        new = {workflow.id for workflow in changes.put_workflows}
        leaving = set(changes.delete_workflow_ids)

        def check(trigger: AnyTrigger) -> FlowforgeGraphError | None:
            with self._context.live.reading() as graph:
                for workflow_id in workflows_of(trigger):
                    if workflow_id not in new and (workflow_id in leaving or not is_stored(graph, workflow_id)):
                        return WorkflowNotFound(workflow_id)
            return None

        return check

    def _schedules_beside(
        self, connection: Connection, gone: Iterable[str], puts: Sequence[AnyTrigger]
    ) -> dict[tuple[str, ...], str]:
        """The schedules that stay stored in the workflows of new ones, by what must be distinct."""
        workflow_ids = {trigger.workflow_id for trigger in puts if isinstance(trigger, ScheduledTrigger)}
        leaving = set(gone)
        return {
            unique_key(trigger): trigger.id
            for trigger in self._context.store.triggers.of_workflows(connection, workflow_ids)
            if isinstance(trigger, ScheduledTrigger) and trigger.id not in leaving
        }

    # Writing

    def _delete_triggers(self, connection: Connection, trigger_ids: Sequence[str], now: datetime) -> list[Change]:
        self._context.store.triggers.delete(connection, trigger_ids, at=to_seconds(now))
        tell_of_deleted(self._context.facts, trigger_ids=trigger_ids)
        return [Change(kind=ChangeKind.TRIGGER_REMOVED, subject_id=trigger_id) for trigger_id in trigger_ids]

    def _delete_workflows(self, connection: Connection, workflow_ids: Sequence[str], now: datetime) -> list[Change]:
        store = self._context.store
        store.workflows.delete(connection, workflow_ids, at=to_seconds(now))
        tell_of_deleted(self._context.facts, workflow_ids=workflow_ids)
        changes = [Change(kind=ChangeKind.WORKFLOW_REMOVED, subject_id=workflow_id) for workflow_id in workflow_ids]
        pending = [
            i for workflow_id in workflow_ids for i in store.executions.pending_of_workflow(connection, workflow_id)
        ]
        ends = [Completion(execution_id=i, status="cancelled", reason=WORKFLOW_DELETED) for i in pending]
        self._settlements.settle_ours(connection, ends, leaving=frozenset(workflow_ids))
        return changes

    def _put_workflows(self, connection: Connection, workflows: Sequence[Workflow], now: datetime) -> list[Change]:
        rows = self._context.store.workflows
        stored = rows.get_many(connection, [workflow.id for workflow in workflows])
        rows.insert(connection, [w.evolve(created_at=now, updated_at=now) for w in workflows if w.id not in stored])
        for workflow in workflows:
            if workflow.id in stored:
                created_at = stored[workflow.id].created_at
                rows.replace(connection, workflow.evolve(created_at=created_at, updated_at=now))
        tell_of_workflows(self._context.facts, workflows, stored)
        return [Change(kind=ChangeKind.WORKFLOW_PUT, subject_id=w.id, payload=w.name) for w in workflows]

    def _put_triggers(
        self, connection: Connection, puts: Sequence[AnyTrigger], stored: dict[str, AnyTrigger]
    ) -> list[Change]:
        rows = self._context.store.triggers
        # What changes its place leaves before anything comes, in the table (two may swap their UNIQUE keys) and in the
        # log (no two of its rows may close a cycle in between).
        moved = [trigger.id for trigger in puts if _takes_another_place(trigger, stored.get(trigger.id))]
        rows.replace(connection, [trigger for trigger in puts if trigger.id in stored], vacate_first=moved)
        rows.insert(connection, [trigger for trigger in puts if trigger.id not in stored])
        tell_of_triggers(self._context.facts, puts, stored)
        seqs = rows.seqs(connection, [trigger.id for trigger in puts])
        return [
            *(Change(kind=ChangeKind.TRIGGER_REMOVED, subject_id=trigger_id) for trigger_id in moved),
            *(_put_change(trigger, seqs[trigger.id]) for trigger in puts),
        ]


def _takes_another_place(trigger: AnyTrigger, stored: AnyTrigger | None) -> bool:
    return stored is not None and unique_key(trigger) != unique_key(stored)


def _put_change(trigger: AnyTrigger, seq: int) -> Change:
    payload = row_of_edge(edge_of(trigger, seq=seq)) if isinstance(trigger, DependencyTrigger) else None
    return Change(kind=ChangeKind.TRIGGER_PUT, subject_id=trigger.id, payload=payload)


def _to_store(trigger: AnyTrigger, stored: AnyTrigger | None, now: datetime) -> AnyTrigger:
    """The trigger as its row will be, with what the engine keeps."""
    if stored is not None and stored.trigger_type != trigger.trigger_type:
        raise InvalidTrigger(
            f"trigger '{trigger.id}' is {stored.trigger_type} and cannot become {trigger.trigger_type}: "
            "delete it and create another"
        )
    created_at = now if stored is None else stored.created_at
    kept = trigger.evolve(created_at=created_at, updated_at=now)
    return _planned(kept, stored, now) if isinstance(kept, ScheduledTrigger) else kept


def _planned(trigger: ScheduledTrigger, stored: AnyTrigger | None, now: datetime) -> ScheduledTrigger:
    """Creating, enabling, or changing cron or zone plans from now on: disabled time is never caught up (rule 16).

    Changing the owner as well: what one owner has fired is not due for the other (rule 17).
    """
    goes_on = (
        isinstance(stored, ScheduledTrigger)
        and stored.rhythm == trigger.rhythm
        and (stored.enabled or not trigger.enabled)
    )
    planned_until = stored.planned_until if goes_on and isinstance(stored, ScheduledTrigger) else now
    assert planned_until is not None
    return trigger.evolve(
        planned_until=planned_until,
        next_run_at=_next_run(trigger, after=planned_until),
        last_run_at=stored.last_run_at if isinstance(stored, ScheduledTrigger) else None,
    )


def _next_run(trigger: ScheduledTrigger, *, after: datetime) -> datetime | None:
    """When the engine will start it. What Prefect owns fires by Prefect's rule, which is asked for a preview only."""
    if not trigger.enabled or trigger.schedule_owner != "engine":
        return None
    return next_fire_time(trigger, after=after)


def next_fire_time(trigger: ScheduledTrigger, *, after: datetime) -> datetime | None:
    """The first fire time of the trigger strictly after that instant."""
    return first_fire_time_after(CronExpression.parse(trigger.cron_expression), zone(trigger.timezone), after)


def _repeated_id(trigger: AnyTrigger, seen: set[str]) -> FlowforgeGraphError | None:
    if trigger.id in seen:
        return DuplicateTrigger(f"there is already a trigger with the id '{trigger.id}'", trigger.id)
    seen.add(trigger.id)
    return None


def _repeated_schedule(trigger: AnyTrigger, schedules: dict[tuple[str, ...], str]) -> FlowforgeGraphError | None:
    if not isinstance(trigger, ScheduledTrigger):
        return None
    existing = schedules.setdefault(unique_key(trigger), trigger.id)
    if existing == trigger.id:
        return None
    return DuplicateTrigger(
        f"workflow '{trigger.workflow_id}' already has the schedule '{trigger.cron_expression}' in {trigger.timezone}"
        " under this name: give one of them another name",
        existing,
    )
