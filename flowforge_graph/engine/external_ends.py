"""The ends of other engines' runs, whoever tells of them: each (external id, run count) is one execution, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, cast

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.settlements import Answer, Settlements
from flowforge_graph.errors import CompletionConflict
from flowforge_graph.model import Completion, CompletionResult, EndStatus, Execution, ExternalEnd, RecordedEnd
from flowforge_graph.storage import in_batches, to_instant, to_seconds

ENDS_PER_TRANSACTION: Final = 500
_PATIENCE_MS: Final = 500


class _Naming:
    """Which execution each run is, and each execution which run: no execution is two runs."""

    def __init__(self, recorded: Iterable[RecordedEnd]) -> None:
        self.recorded = {end.key: end for end in recorded}
        self._names = {end.key: end.execution_id for end in self.recorded.values()}
        self._runs = {name: key for key, name in self._names.items()}

    def name(self, end: ExternalEnd) -> str:
        """The execution of a run: the one recorded, else the first of its names that no other run has."""
        name = self._names.get(end.key)
        if name is None:
            name = next(name for name in _names_of(end) if self._runs.get(name, end.key) == end.key)
            self._names[end.key], self._runs[name] = name, end.key
        return name

    def earlier(self, end: ExternalEnd) -> str | None:
        """The execution that the run was before its engine started it again; None for its first life."""
        before = [key for key in self._names if key[0] == end.external_id and key < end.key]
        return self._names[max(before)] if before else None


class ExternalEnds:
    """Use case of hooks, reconcilers and callers of the API that know a run by its engine's own name."""

    def __init__(self, context: Context, settlements: Settlements) -> None:
        self._context = context
        self._settlements = settlements

    def record(self, ends: Sequence[ExternalEnd]) -> list[Answer]:
        """Record ends in order; one result or error for each. The same end again answers the same."""
        answers: list[Answer] = []
        for some in in_batches(ends, ENDS_PER_TRANSACTION):
            answers += self._context.store.database.run(partial(self._record, ends=some))
        if answers:
            self._context.wake.call()
        self._note_fires(ends, answers)
        return answers

    def of_execution(self, execution_id: str) -> RecordedEnd | None:
        """The end of the run that an execution was, as its engine told it; None where none was told."""
        with self._context.store.database.read() as connection:
            found = self._context.store.external_ends.of_executions(connection, [execution_id])
        return found[0] if found else None

    def running(self, *, cancel_requested: bool, after_seq: int, limit: int) -> list[Execution]:
        """The executions that another engine has now, by age."""
        with self._context.store.database.read() as connection:
            return self._context.store.executions.running_elsewhere(
                connection, cancel_requested=cancel_requested, after_seq=after_seq, limit=limit
            )

    def cursor(self, name: str) -> datetime | None:
        """How far the follower of this name has come; None before its first step."""
        with self._context.store.database.read() as connection:
            position = self._context.store.cursors.get(connection, name)
        return None if position is None else to_instant(position)

    def advance(self, name: str, position: datetime) -> None:
        """Move a follower's cursor forwards; never back."""

        def work(connection: Connection) -> None:
            self._context.store.external_ends.lock(connection)
            self._context.store.cursors.advance(connection, name, to_seconds(position))

        self._context.store.database.run(work)

    # Recording

    def _record(self, connection: Connection, ends: Sequence[ExternalEnd]) -> list[Answer]:
        store = self._context.store
        store.external_ends.lock(connection)
        naming = self._naming(connection, ends)
        named = [(end, naming.name(end)) for end in ends]
        unseen = self._unseen(connection, named, naming)
        completions = [_completion(end, name, unseen) for end, name in named]
        answers = self._settlements.settle(connection, completions, unseen=unseen)
        self._note(connection, named, answers, naming)
        return answers

    def _naming(self, connection: Connection, ends: Sequence[ExternalEnd]) -> _Naming:
        rows = self._context.store.external_ends
        names = {name for end in ends for name in _names_of(end)}
        return _Naming(
            [*rows.of(connection, {end.external_id for end in ends}), *rows.of_executions(connection, names)]
        )

    def _unseen(
        self, connection: Connection, named: Sequence[tuple[ExternalEnd, str]], naming: _Naming
    ) -> dict[str, Execution]:
        """What to store of runs that we did not start, by execution id: their engine did, by itself or again."""
        store, now = self._context.store, self._context.now()
        earlier = {name: its_past for end, name in named if (its_past := naming.earlier(end)) is not None}
        # All at once and in the order of their ids, as everybody locks them.
        locked = store.executions.lock(connection, {name for _, name in named} | set(earlier.values()))
        known = {execution_id: row.execution for execution_id, row in locked.items()}
        new = {name: end for end, name in named if name not in known}
        workflows = store.workflows.get_many(connection, {end.workflow_id for end in new.values() if end.workflow_id})
        fires = self._free_fires(connection, list(new.values()))
        names = self._trigger_names(connection, new.values())
        found: dict[str, Execution] = {}
        for name, end in new.items():
            before = earlier.get(name, "")
            cause = known.get(before) or found.get(before)
            if cause is not None:
                found[name] = _started_again(cause, end, name, now)
            elif end.workflow_id in workflows:
                workflow_name = workflows[end.workflow_id].name
                found[name] = _started_there(
                    end, name, workflow_name, now, names=names, keeps_fire_time=end.key in fires
                )
        grown = Counter(execution.root_execution_id for execution in found.values())
        store.executions.grow_cascades(connection, {root: by for root, by in grown.items() if root in locked})
        return found

    def _trigger_names(self, connection: Connection, ends: Iterable[ExternalEnd]) -> dict[str, str | None]:
        """The names of the triggers of which another engine has started these runs."""
        ids = {end.trigger_id for end in ends if end.trigger_id is not None}
        triggers = self._context.store.triggers.get_many(connection, ids)
        return {trigger_id: trigger.trigger_name for trigger_id, trigger in triggers.items()}

    def _free_fires(self, connection: Connection, ends: Sequence[ExternalEnd]) -> set[tuple[str, int]]:
        """The runs that may keep their fire time: one execution for each (trigger, fire time), as for our schedules."""
        fires = {
            end.key: (end.trigger_id, to_seconds(end.fire_time))
            for end in ends
            if end.trigger_id is not None and end.fire_time is not None
        }
        taken = self._context.store.executions.fire_times_taken(connection, set(fires.values()))
        free = {fire: key for key, fire in reversed(fires.items()) if fire not in taken}
        return set(free.values())

    def _note(
        self,
        connection: Connection,
        named: Sequence[tuple[ExternalEnd, str]],
        answers: Sequence[Answer],
        naming: _Naming,
    ) -> None:
        now = self._context.now()
        new: dict[tuple[str, int], RecordedEnd] = {}
        conflicts: dict[tuple[str, int], RecordedEnd] = {}
        for (end, name), answer in zip(named, answers, strict=True):
            status, conflicting = _statuses(answer)
            if status is None:
                continue
            known = new.get(end.key) or naming.recorded.get(end.key)
            if known is None:
                new[end.key] = RecordedEnd(
                    external_id=end.external_id,
                    run_count=end.run_count,
                    execution_id=name,
                    status=status,
                    conflicting_status=conflicting,
                    recorded_at=now,
                )
            elif conflicting is not None and known.conflicting_status is None:
                noted = known.evolve_trusted(conflicting_status=conflicting)
                (new if end.key in new else conflicts)[end.key] = noted
        self._context.store.external_ends.insert(connection, new.values())
        self._context.store.external_ends.note_conflicts(connection, conflicts.values())

    def _note_fires(self, ends: Sequence[ExternalEnd], answers: Sequence[Answer]) -> None:
        """Move on when Prefect's schedules fired last: a cache for people, by which nothing is planned.

        In a transaction of its own and only where no lock is in its way, since who changes definitions locks triggers
        before executions: the next fire tells it as well. What was called off before it began did not fire.
        """
        fired: dict[tuple[str, str], int] = {}
        for end, answer in zip(ends, answers, strict=True):
            if not isinstance(answer, CompletionResult) or not end.run_count:
                continue
            if end.trigger_id is not None and end.fire_time is not None:
                key = (end.trigger_id, answer.workflow_id)
                fired[key] = max(fired.get(key, 0), to_seconds(end.fire_time))
        if fired:
            work = partial(self._context.store.triggers.note_fires, fired=fired)
            self._context.store.database.run_if_free(work, patience_ms=_PATIENCE_MS)


def _names_of(end: ExternalEnd) -> list[str]:
    """The execution that the run carries; its own id, where it carries none or is that execution started again; its id
    with the run count, where it is started again and again. The last is nobody else's."""
    carried = [] if end.execution_id is None else [end.execution_id]
    return [*carried, end.external_id, f"{end.external_id}.{end.run_count}"]


def _completion(end: ExternalEnd, name: str, unseen: Mapping[str, Execution]) -> Completion:
    workflow_id = unseen[name].workflow_id if name in unseen else end.workflow_id
    return Completion(
        execution_id=name,
        status=end.status,
        workflow_id=workflow_id,
        error=end.error,
        duration_ms=end.duration_ms,
    )


def _started_again(cause: Execution, end: ExternalEnd, name: str, now: datetime) -> Execution:
    """What another engine starts again by itself belongs to the cascade of what it ran before."""
    return Execution(
        id=name,
        workflow_id=cause.workflow_id,
        workflow_name=cause.workflow_name,
        root_execution_id=cause.root_execution_id,
        hop=cause.hop,
        caused_by_execution_id=cause.id,
        external_id=end.external_id,
        parameters=cause.parameters,
        created_at=now,
        run_after=now,
        available_at=now,
    )


def _started_there(
    end: ExternalEnd,
    name: str,
    workflow_name: str,
    now: datetime,
    *,
    names: Mapping[str, str | None],
    keeps_fire_time: bool,
) -> Execution:
    assert end.workflow_id is not None
    return Execution(
        id=name,
        workflow_id=end.workflow_id,
        workflow_name=workflow_name,
        trigger_type="manual" if end.trigger_id is None else "scheduled",
        trigger_id=end.trigger_id,
        trigger_name=names.get(end.trigger_id or ""),
        fire_time=end.fire_time if keeps_fire_time else None,
        root_execution_id=name,
        external_id=end.external_id,
        parameters=end.parameters,
        created_at=now,
        run_after=now,
        available_at=now,
    )


def _statuses(answer: Answer) -> tuple[EndStatus | None, EndStatus | None]:
    """The status that stands, and the other one that was refused; twice None where nothing was recorded."""
    if isinstance(answer, CompletionResult):
        return answer.status, None
    if isinstance(answer, CompletionConflict):
        return cast(EndStatus, answer.stored_status), cast(EndStatus, answer.status)
    return None, None
