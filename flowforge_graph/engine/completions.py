"""Completions as callers report them: singly (sharing commits with other threads), in lists, or as a cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.group_commit import GroupCommit
from flowforge_graph.engine.settlements import Answer, Settlements
from flowforge_graph.errors import (
    DatabaseUnreachable,
    ExecutionConflict,
    ExecutionNotFound,
    FlowforgeGraphError,
    InvalidExecution,
    shown,
)
from flowforge_graph.facts.catalogue import CancelRequested
from flowforge_graph.model import Completion, CompletionResult, Execution, Verdict
from flowforge_graph.model.executions import CANCEL_REQUESTED
from flowforge_graph.storage import to_seconds

# What the members of a plain tuple mean, as in a call of ``complete``.
_POSITIONS = ("execution_id", "status", "workflow_id")


class Completions:
    """Use cases around the end of an execution."""

    def __init__(self, context: Context, settlements: Settlements) -> None:
        self._context = context
        self._settlements = settlements
        self._group: GroupCommit[Completion, Answer] = GroupCommit(self._commit, shared_errors=(DatabaseUnreachable,))

    def complete(self, completion: Completion) -> CompletionResult:
        """Record one completion, in one transaction with those that other threads report meanwhile."""
        answer = self._group.submit(completion)
        if isinstance(answer, FlowforgeGraphError):
            raise answer
        return answer

    def complete_many(self, completions: Iterable[Completion | Mapping[str, Any]]) -> list[Answer]:
        """Record many completions in one transaction; an invalid one answers its own error and harms no other."""
        items = [_parsed(completion) for completion in completions]
        valid = [item for item in items if isinstance(item, Completion)]
        answers = iter(self._commit(lambda: valid) if valid else [])
        return [next(answers) if isinstance(item, Completion) else item for item in items]

    def cancel(self, execution_id: str) -> Execution:
        """End a pending execution at once, or ask the holder of a running one to stop it (rule 15)."""
        execution = self._context.store.database.run(lambda connection: self._cancel(connection, execution_id))
        self._context.wake.call()
        return execution

    def verdicts(self, execution_id: str) -> list[Verdict]:
        """The verdicts on an execution's completion, in creation order of the triggers."""
        store = self._context.store
        with store.database.read() as connection:
            if store.executions.get(connection, execution_id) is None:
                raise ExecutionNotFound(execution_id)
            return list(store.verdicts.on(connection, [execution_id]).get(execution_id, ()))

    def _commit(self, take: Callable[[], Sequence[Completion]]) -> list[Answer]:
        answers = self._context.store.database.run(lambda connection: self._settlements.settle(connection, take()))
        self._context.wake.call()
        return answers

    def _cancel(self, connection: Connection, execution_id: str) -> Execution:
        executions = self._context.store.executions
        locked = executions.lock(connection, [execution_id]).get(execution_id)
        if locked is None:
            raise ExecutionNotFound(execution_id)
        status = locked.execution.status
        if status in {"completed", "failed"}:
            raise ExecutionConflict(f"execution '{execution_id}' has already ended as {status} and cannot be cancelled")
        if status == "pending":
            end = Completion(execution_id=execution_id, status="cancelled", reason=CANCEL_REQUESTED)
            self._settlements.settle_ours(connection, [end])
        elif status == "running":
            executions.request_cancel(connection, execution_id, at=to_seconds(self._context.now()))
            self._context.facts.tell(
                CancelRequested(execution_id=execution_id, workflow_id=locked.execution.workflow_id)
            )
        cancelled = executions.get(connection, execution_id)
        assert cancelled is not None
        return cancelled


def _parsed(item: object) -> Completion | FlowforgeGraphError:
    if isinstance(item, Completion):
        return item
    if isinstance(item, tuple) and 2 <= len(item) <= len(_POSITIONS):
        item = dict(zip(_POSITIONS, item, strict=False))
    if not isinstance(item, Mapping):
        return InvalidExecution(
            f"a completion must be a Completion, a mapping of its fields or (execution_id, status), not {shown(item)}"
        )
    try:
        return Completion(**{str(name): value for name, value in item.items()})
    except FlowforgeGraphError as error:
        return error
