"""From what a use case did to the facts that it tells. Nothing is made that nobody hears."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from flowforge_graph import errors
from flowforge_graph.facts import ENDS, Facts
from flowforge_graph.facts.catalogue import (
    CompletionConflicted,
    CompletionRecorded,
    CompletionRefused,
    CompletionRepeated,
    DispatchFailed,
    End,
    ExecutionCancelled,
    ExecutionClaimed,
    ExecutionCreated,
    ExecutionDeadLettered,
    ExecutionReleased,
    ExecutionStarted,
    Fact,
    LeaseLost,
    LeaseTakenOver,
    ScheduleDropped,
    ScheduleFired,
    TriggerChanged,
    TriggerCreated,
    TriggerDeleted,
    WorkflowChanged,
    WorkflowCreated,
    WorkflowDeleted,
)
from flowforge_graph.model import (
    AnyTrigger,
    Claim,
    Completion,
    CompletionResult,
    Execution,
    ScheduleDrop,
    Verdict,
    Workflow,
)
from flowforge_graph.model.executions import DEAD_LETTER_REASONS
from flowforge_graph.storage import LiveClaim

_Put = TypeVar("_Put", TriggerCreated, TriggerChanged)


def tell_of_ends(facts: Facts, ended: Iterable[Execution], verdicts: Mapping[str, Sequence[Verdict]]) -> None:
    """Each execution of ``ended`` has ended, and this is what its triggers answered."""
    wanted = {kind for kind in ENDS if facts.are_wanted(kind)}
    if wanted:
        facts.tell(*(_end(each, verdicts[each.id]) for each in ended if _kind_of_end(each) in wanted))


def tell_of_answers(
    facts: Facts,
    completions: Sequence[Completion],
    answers: Sequence[CompletionResult | errors.FlowforgeGraphError],
    *,
    recorded: Iterable[Execution],
) -> None:
    """What became of completions that recorded nothing; ``recorded`` are the executions that others ended."""
    new = {execution.id for execution in recorded}
    if len(new) == len(completions):
        return
    for completion, answer in zip(completions, answers, strict=True):
        if isinstance(answer, CompletionResult) and answer.execution_id in new:
            # The first one told is the one that was recorded.
            new.remove(answer.execution_id)
        else:
            facts.tell(_answer(completion, answer))


def tell_of_claims(facts: Facts, claims: Iterable[Claim]) -> None:
    """This process has claimed these executions."""
    facts.tell_each(
        ExecutionClaimed,
        (
            ExecutionClaimed(
                execution_id=claim.execution_id,
                workflow_id=claim.execution.workflow_id,
                attempt=claim.execution.attempt,
            )
            for claim in claims
        ),
    )


def tell_of_starts(facts: Facts, claims: Iterable[Claim], external_id: str | None = None) -> None:
    """The executions of these claims run; ``external_id`` is what the executor calls the one."""
    if facts.are_wanted(ExecutionStarted):
        facts.tell(
            *(
                ExecutionStarted(
                    execution_id=claim.execution_id,
                    workflow_id=claim.execution.workflow_id,
                    attempt=claim.execution.attempt,
                    external_id=external_id,
                )
                for claim in claims
            )
        )


def tell_of_created(facts: Facts, executions: Iterable[Execution]) -> None:
    """These executions were made by a person or an event."""
    facts.tell_each(
        ExecutionCreated,
        (
            ExecutionCreated(
                execution_id=execution.id,
                workflow_id=execution.workflow_id,
                trigger_type=execution.trigger_type,
                trigger_id=execution.trigger_id,
            )
            for execution in executions
        ),
    )


def tell_of_fires(facts: Facts, fires: Iterable[Execution], drops: Iterable[ScheduleDrop]) -> None:
    """A tick made these executions, and dropped these ranges of fire times."""
    facts.tell_each(ScheduleFired, map(_fire, fires))
    facts.tell_each(ScheduleDropped, map(_drop, drops))


def tell_of_deleted(facts: Facts, *, workflow_ids: Iterable[str] = (), trigger_ids: Iterable[str] = ()) -> None:
    """These workflows or triggers were deleted."""
    facts.tell_each(WorkflowDeleted, (WorkflowDeleted(workflow_id=workflow_id) for workflow_id in workflow_ids))
    facts.tell_each(TriggerDeleted, (TriggerDeleted(trigger_id=trigger_id) for trigger_id in trigger_ids))


def tell_of_workflows(facts: Facts, puts: Sequence[Workflow], stored: Container[str]) -> None:
    """These workflows were created or, where they were ``stored`` before, changed."""
    facts.tell_each(WorkflowCreated, (WorkflowCreated(workflow_id=w.id) for w in puts if w.id not in stored))
    facts.tell_each(WorkflowChanged, (WorkflowChanged(workflow_id=w.id) for w in puts if w.id in stored))


def tell_of_triggers(facts: Facts, puts: Sequence[AnyTrigger], stored: Container[str]) -> None:
    """These triggers were created or, where they were ``stored`` before, changed."""
    facts.tell_each(TriggerCreated, (_put(TriggerCreated, t) for t in puts if t.id not in stored))
    facts.tell_each(TriggerChanged, (_put(TriggerChanged, t) for t in puts if t.id in stored))


def tell_of_failed_dispatch(facts: Facts, claim: Claim, *, failures: int, retry_at: datetime, error: str) -> None:
    """The executor did not start this claim's execution, for the ``failures``-th time; it is asked again."""
    facts.tell(
        DispatchFailed(
            execution_id=claim.execution_id,
            workflow_id=claim.execution.workflow_id,
            dispatch_failures=failures,
            retry_at=retry_at,
            error=error,
        )
    )


def tell_of_release(facts: Facts, claim: Claim) -> None:
    """This claim's execution was handed back."""
    facts.tell(ExecutionReleased(execution_id=claim.execution_id, workflow_id=claim.execution.workflow_id))


def tell_of_taken_over(facts: Facts, claims: Iterable[LiveClaim]) -> None:
    """The executions of these claims were taken over from their holders."""
    facts.tell(*(LeaseTakenOver(execution_id=claim.execution_id, attempt=claim.attempt) for claim in claims))


def tell_of_lost_leases(facts: Facts, execution_ids: Iterable[str]) -> None:
    """The claims of this process on these executions are believed no more."""
    facts.tell(*(LeaseLost(execution_id=execution_id) for execution_id in execution_ids))


def _kind_of_end(ended: Execution) -> type[End]:
    if ended.status == "cancelled":
        return ExecutionCancelled
    return ExecutionDeadLettered if ended.reason in DEAD_LETTER_REASONS else CompletionRecorded


def _end(ended: Execution, verdicts: Sequence[Verdict]) -> End:
    skipped_for = Counter[str](verdict.reason for verdict in verdicts if verdict.reason is not None)
    return _kind_of_end(ended)(
        execution_id=ended.id,
        workflow_id=ended.workflow_id,
        root_execution_id=ended.root_execution_id,
        external_id=ended.external_id,
        status=ended.status,
        reason=ended.reason,
        error=ended.error,
        attempt=ended.attempt,
        duration_ms=ended.duration_ms,
        triggered=len(verdicts) - skipped_for.total(),
        skipped=skipped_for.total(),
        skipped_for=dict(skipped_for),
    )


def _answer(completion: Completion, answer: CompletionResult | errors.FlowforgeGraphError) -> Fact:
    execution_id = completion.execution_id
    if isinstance(answer, CompletionResult):
        return CompletionRepeated(execution_id=execution_id, workflow_id=answer.workflow_id, status=answer.status)
    if isinstance(answer, errors.CompletionConflict):
        return CompletionConflicted(execution_id=execution_id, stored_status=answer.stored_status, status=answer.status)
    if isinstance(answer, errors.LeaseLost):
        return LeaseLost(execution_id=execution_id)
    return CompletionRefused(execution_id=execution_id, error=str(answer))


def _drop(drop: ScheduleDrop) -> ScheduleDropped:
    return ScheduleDropped(
        trigger_id=drop.trigger_id,
        workflow_id=drop.workflow_id,
        first=drop.first,
        last=drop.last,
        fire_times=drop.count,
        reason=drop.reason,
    )


def _fire(execution: Execution) -> ScheduleFired:
    assert execution.trigger_id is not None
    assert execution.fire_time is not None
    return ScheduleFired(
        trigger_id=execution.trigger_id,
        workflow_id=execution.workflow_id,
        execution_id=execution.id,
        fire_time=execution.fire_time,
    )


def _put(kind: type[_Put], trigger: AnyTrigger) -> _Put:
    return kind(
        trigger_id=trigger.id,
        workflow_id=trigger.workflow_id,
        trigger_type=trigger.trigger_type,
        enabled=trigger.enabled,
    )
