"""Walk 2, the one way in which an execution ends: by its completion, a cancel, a lost holder or a dead letter.

One transaction: lock the executions and the roots of their cascades in id order → catch the graph up → classify each
end → evaluate purely → write ends, downstream executions and verdicts in bulk. The caller owns the transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.freshness import is_stored, name_of
from flowforge_graph.engine.telling import tell_of_answers, tell_of_ends
from flowforge_graph.errors import (
    CompletionConflict,
    ExecutionNotFound,
    FlowforgeGraphError,
    InvalidExecution,
    LeaseLost,
    WorkflowNotFound,
)
from flowforge_graph.evaluation import evaluate_completion
from flowforge_graph.graph import DependencyEdge
from flowforge_graph.model import Completion, CompletionResult, EndStatus, Execution, Verdict
from flowforge_graph.storage import LockedExecution

Answer = CompletionResult | FlowforgeGraphError


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """What must still be true of an execution for the engine itself to end it; otherwise nothing happens."""

    only_pending: bool = False
    only_unclaimed: bool = False
    token: str | None = None
    renewals: int | None = None

    def holds(self, locked: LockedExecution) -> bool:
        """Whether nobody was faster."""
        if self.only_pending and locked.execution.status != "pending":
            return False
        if self.only_unclaimed and locked.claim_token is not None:
            return False
        if self.token is not None and locked.claim_token != self.token:
            return False
        return self.renewals is None or locked.claim_renewals == self.renewals


@dataclass(kw_only=True, slots=True)
class _Batch:
    """What one transaction has read and will write."""

    now: datetime
    locked: dict[str, LockedExecution]
    pruned: dict[str, tuple[str, str]]
    stored_verdicts: dict[str, tuple[Verdict, ...]]
    leaving: frozenset[str]
    ended: list[Execution] = field(default_factory=list)
    recorded: list[Execution] = field(default_factory=list)
    starts: list[Execution] = field(default_factory=list)
    verdicts: list[tuple[Verdict, ...]] = field(default_factory=list)
    growth: dict[str, int] = field(default_factory=dict)
    unseen: Mapping[str, Execution] = field(default_factory=dict)


class Settlements:
    """Ends executions."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def settle(
        self,
        connection: Connection,
        completions: Sequence[Completion],
        *,
        unseen: Mapping[str, Execution] | None = None,
    ) -> list[Answer]:
        """Record completions in order: for each its result, or the error that it alone deserves.

        ``unseen``: what is stored, by id, of executions that are there only now.
        """
        batch = self._read(connection, completions)
        batch.unseen = unseen or {}
        answers = [self._answer(batch, completion) for completion in completions]
        self._write(connection, batch)
        recorded = [*batch.ended, *batch.recorded]
        tell_of_answers(self._context.facts, completions, answers, recorded=recorded)
        return answers

    def settle_ours(
        self,
        connection: Connection,
        completions: Sequence[Completion],
        *,
        guards: Sequence[Guard] | None = None,
        leaving: frozenset[str] = frozenset(),
    ) -> list[Execution]:
        """End executions by the engine's own decision, where their guard still holds; answer those that ended.

        The default guard is that the execution is still pending. ``leaving`` names workflows that this transaction
        deletes: their triggers are asked no more.
        """
        if not completions:
            # No look at the graph either: the caller may have written rows that are not committed yet.
            return []
        guards = guards or [Guard(only_pending=True)] * len(completions)
        batch = self._read(connection, completions, leaving)
        for completion, guard in zip(completions, guards, strict=True):
            locked = batch.locked.get(completion.execution_id)
            if locked is not None and not locked.execution.has_ended and guard.holds(locked):
                self._end(batch, locked.execution, completion)
        self._write(connection, batch)
        return batch.ended

    # Reading

    def _read(
        self, connection: Connection, completions: Sequence[Completion], leaving: frozenset[str] = frozenset()
    ) -> _Batch:
        store = self._context.store
        ids = {completion.execution_id for completion in completions}
        locked = store.executions.lock(connection, ids)
        ended = [execution_id for execution_id in ids & locked.keys() if locked[execution_id].execution.has_ended]
        unseen = ids - locked.keys()
        if not leaving:
            # After the locks, so that the graph is at least as new as every row. Who deletes workflows has caught up
            # under the graph's lock; loading now would take its own uncommitted rows for committed ones.
            self._context.live.catch_up(connection)
        return _Batch(
            now=self._context.now(),
            locked=locked,
            pruned=store.tombstones.of(connection, unseen) if unseen else {},
            stored_verdicts=store.verdicts.on(connection, ended) if ended else {},
            leaving=leaving,
        )

    # Classifying

    def _answer(self, batch: _Batch, completion: Completion) -> Answer:
        try:
            locked = batch.locked.get(completion.execution_id)
            if locked is not None:
                return self._answer_known(batch, locked, completion)
            if completion.execution_id in batch.pruned:
                return _answer_pruned(batch.pruned[completion.execution_id], completion)
            return self._record(batch, completion)
        except FlowforgeGraphError as error:
            return error

    def _answer_known(self, batch: _Batch, locked: LockedExecution, completion: Completion) -> CompletionResult:
        execution = locked.execution
        _refuse_another_workflow(execution.workflow_id, completion)
        if completion.claim is not None and completion.claim.token != locked.claim_token:
            raise LeaseLost(execution.id)
        if execution.has_ended:
            return _repeated(batch, execution, completion)
        return self._end(batch, execution, completion)

    def _record(self, batch: _Batch, completion: Completion) -> CompletionResult:
        """An execution never seen is recorded if it names an existing workflow (rule 9)."""
        if completion.workflow_id is None or completion.claim is not None:
            raise ExecutionNotFound(completion.execution_id)
        with self._context.live.reading() as graph:
            if not is_stored(graph, completion.workflow_id):
                raise WorkflowNotFound(completion.workflow_id)
            name = name_of(graph, completion.workflow_id)
        execution = batch.unseen.get(completion.execution_id) or Execution(
            id=completion.execution_id,
            workflow_id=completion.workflow_id,
            workflow_name=name,
            root_execution_id=completion.execution_id,
            created_at=batch.now,
            run_after=batch.now,
            available_at=batch.now,
        )
        return self._end(batch, execution, completion)

    # Deciding

    def _end(self, batch: _Batch, execution: Execution, completion: Completion) -> CompletionResult:
        ended = _ended(execution, completion, batch.now)
        triggers, names = self._triggers_and_names(ended, batch.leaving)
        evaluation = evaluate_completion(
            ended, triggers, workflow_names=names, allowance=self._allowance(batch, ended.root_execution_id)
        )
        is_new = ended.id not in batch.locked
        (batch.recorded if is_new else batch.ended).append(ended)
        batch.starts += evaluation.starts
        batch.verdicts.append(evaluation.verdicts)
        if evaluation.starts:
            root = ended.root_execution_id
            batch.growth[root] = batch.growth.get(root, 0) + len(evaluation.starts)
        batch.locked[ended.id] = _relocked(batch.locked.get(ended.id), ended)
        for start in evaluation.starts:
            batch.locked.setdefault(start.id, _relocked(None, start))
        batch.stored_verdicts[ended.id] = evaluation.verdicts
        return _result(ended, evaluation.verdicts)

    def _triggers_and_names(
        self, ended: Execution, leaving: frozenset[str]
    ) -> tuple[tuple[DependencyEdge, ...], dict[str, str]]:
        with self._context.live.reading() as graph:
            if ended.workflow_id in leaving or not graph.has_workflow(ended.workflow_id):
                return (), {}
            triggers = tuple(graph.edges_out_of(ended.workflow_id))
            downstream = {edge.workflow_id for edge in triggers if is_stored(graph, edge.workflow_id)}
            names = {workflow_id: name_of(graph, workflow_id) for workflow_id in downstream}
        return triggers, names

    def _allowance(self, batch: _Batch, root_execution_id: str) -> int:
        root = batch.locked.get(root_execution_id)
        size = root.cascade_size if root is not None else 1
        grown = batch.growth.get(root_execution_id, 0)
        return self._context.settings.max_cascade_executions - size - grown

    # Writing

    def _write(self, connection: Connection, batch: _Batch) -> None:
        store = self._context.store
        store.executions.insert(connection, batch.recorded)
        self._write_ends_and_starts(connection, batch.ended, batch.starts)
        store.verdicts.insert(connection, batch.verdicts)
        store.executions.grow_cascades(connection, batch.growth)
        tell_of_ends(self._context.facts, [*batch.ended, *batch.recorded], batch.stored_verdicts)

    def _write_ends_and_starts(
        self, connection: Connection, ends: Sequence[Execution], starts: Sequence[Execution]
    ) -> None:
        """Each end before what it starts, as the feed tells them; what starts and ends in one batch comes in turns."""
        rows = self._context.store.executions
        while ends or starts:
            unborn = {start.id for start in starts}
            later = [end for end in ends if end.id in unborn]
            waiting = {end.id for end in later}
            rows.settle(connection, [end for end in ends if end.id not in waiting])
            rows.insert_starts(connection, [start for start in starts if start.upstream_execution_id not in waiting])
            ends, starts = later, [start for start in starts if start.upstream_execution_id in waiting]


def _ended(execution: Execution, completion: Completion, now: datetime) -> Execution:
    started_at, duration_ms = execution.started_at, completion.duration_ms
    if duration_ms is None and started_at is not None:
        duration_ms = max(0, round((now - started_at).total_seconds() * 1000))
    if started_at is None and duration_ms is not None:
        started_at = now - timedelta(milliseconds=duration_ms)
    return execution.evolve_trusted(
        status=completion.status,
        reason=completion.reason,
        error=completion.error,
        output=completion.output,
        started_at=started_at,
        ended_at=now,
        duration_ms=duration_ms,
    )


def _relocked(before: LockedExecution | None, now: Execution) -> LockedExecution:
    """The row as the rest of the batch sees it: what comes again in one batch is answered as it would be later."""
    return LockedExecution(
        execution=now,
        claim_token=before.claim_token if before else None,
        claim_renewals=before.claim_renewals if before else 0,
        cascade_size=before.cascade_size if before else 1,
    )


def _repeated(batch: _Batch, execution: Execution, completion: Completion) -> CompletionResult:
    if execution.status != completion.status:
        raise CompletionConflict(execution.id, execution.status, completion.status)
    return _result(execution, batch.stored_verdicts.get(execution.id, ()))


def _answer_pruned(tombstone: tuple[str, str], completion: Completion) -> CompletionResult:
    """A late duplicate of a pruned execution starts nothing; what it once started is no longer known."""
    workflow_id, status = tombstone
    _refuse_another_workflow(workflow_id, completion)
    if status != completion.status:
        raise CompletionConflict(completion.execution_id, status, completion.status)
    return CompletionResult(execution_id=completion.execution_id, workflow_id=workflow_id, status=completion.status)


def _refuse_another_workflow(workflow_id: str, completion: Completion) -> None:
    if completion.workflow_id is not None and completion.workflow_id != workflow_id:
        raise InvalidExecution(
            f"execution '{completion.execution_id}' is of workflow '{workflow_id}', not of '{completion.workflow_id}'"
        )


def _result(execution: Execution, verdicts: Iterable[Verdict]) -> CompletionResult:
    return CompletionResult.trusted(
        execution_id=execution.id,
        workflow_id=execution.workflow_id,
        status=cast(EndStatus, execution.status),
        verdicts=tuple(verdicts),
    )
