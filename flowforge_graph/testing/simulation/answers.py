"""What each call must answer, judged by the rows on which it was decided and those that are stored now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from flowforge_graph.engine import Settings
from flowforge_graph.errors import CycleError
from flowforge_graph.model import CompletionResult
from flowforge_graph.testing.chains import chain_between
from flowforge_graph.testing.simulation.reference import as_row, changed_trigger, refusal_of
from flowforge_graph.testing.simulation.rows import ExecutionRow, StoredRows, TriggerRow
from flowforge_graph.testing.simulation.transitions import Memory, StepRun

Complaints = Iterator[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """A call that has come back, with an answer or with an error.

    Attributes:
        decided_on: what was stored just before its (first) transaction was committed.
        after: what was stored just after its last transaction, or is now where it had none.
        claim_tokens: the tokens of the claims that the step names, by their labels.
    """

    run: StepRun
    decided_on: StoredRows
    after: StoredRows
    answer: Any
    error: Exception | None
    claim_tokens: Mapping[str, str]
    settings: Settings
    memory: Memory

    def argument(self, name: str) -> Any:
        """An argument of the step."""
        return self.run.step.arguments.get(name)

    def execution(self, rows: StoredRows) -> ExecutionRow | None:
        """The row of the execution that the step is about."""
        return rows.executions.get(self.execution_id)

    @property
    def execution_id(self) -> str:
        """The id of the execution that the step is about."""
        label = str(self.argument("execution"))
        return self.run.execution_ids.get(label, label)


def complaints_about_answer(answered: Answered) -> Complaints:
    """(rule, sentence) for each thing about the answer that is not as the contract says."""
    expected = expected_refusal(answered)
    got = None if answered.error is None else type(answered.error).__name__
    if got != expected:
        told = "well" if got is None else f"{got}: {answered.error}"
        yield _RULES[answered.run.step.action], f"answered {told}; expected was {expected or 'well'}"
    elif got is not None and answered.run.step.meanwhile is None and answered.after != answered.run.seen[0]:
        yield _RULES[answered.run.step.action], f"refused with {got}, and yet something changed"
    elif isinstance(answered.error, CycleError):
        yield from _complaints_about_chain(answered, answered.error.chain)
    elif answered.error is None and answered.run.step.action in _ANSWERS:
        yield from _ANSWERS[answered.run.step.action](answered)


_RULES: Final = {
    "define": "1",
    "create_workflow": "2",
    "rename_workflow": "2",
    "delete_workflow": "3",
    "create_triggers": "1",
    "update_trigger": "1",
    "delete_trigger": "2",
    "start": "18",
    "complete": "4",
    "complete_many": "4",
    "cancel": "15",
    "emit": "5",
    "tick": "16",
    "dispatch": "10",
    "claim_due": "10",
    "mark_running": "11",
    "renew": "11",
    "release": "11",
    "held_ends": "11",
    "held_renew": "11",
    "prune": "23",
    "look": "1",
}

SAYS: Final = {
    "1": "a trigger is refused only for a cycle, with a shortest chain; every node knows the stored graph",
    "2": "workflows and triggers are created, renamed and deleted once",
    "3": "a workflow that exists can be deleted",
    "4": "a completion is recorded once: the same again answers the same, another outcome is a conflict",
    "5": "an event told again answers the executions that it started",
    "10": "a dispatcher takes all that is due, and no more than it is asked for",
    "11": "a claim is good until it is lost, and then for nothing; a lost one is taken over",
    "15": "what has not ended can be cancelled, again and again",
    "16": "a tick answers what it started",
    "18": "a manual start is always possible, once for each id",
    "23": "what was pruned is remembered by its tombstone",
}


# Refusals


def expected_refusal(answered: Answered) -> str | None:
    """The name of the error that the step deserves; None: none."""
    refuse = _REFUSALS.get(answered.run.step.action)
    return None if refuse is None else refuse(answered)


def _of_start(answered: Answered) -> str | None:
    rows = answered.decided_on
    stored = answered.execution(rows)
    if stored is not None:
        return None if stored.workflow_id == answered.argument("workflow") else "ExecutionConflict"
    if answered.execution_id in rows.tombstones:
        return "ExecutionConflict"
    if answered.argument("workflow") not in rows.workflows:
        return "WorkflowNotFound"
    cause = answered.argument("caused_by")
    is_unknown = cause is not None and answered.run.execution_ids.get(cause, cause) not in rows.executions
    return "ExecutionNotFound" if is_unknown else None


def _of_complete(answered: Answered) -> str | None:
    claim = answered.argument("claim")
    token = None if claim is None else answered.claim_tokens[claim]
    workflow, status = answered.argument("workflow"), answered.argument("status")
    return refused_completion(answered.decided_on, answered.execution_id, status, workflow=workflow, token=token)


def refused_completion(
    rows: StoredRows, execution_id: str, status: str, *, workflow: str | None, token: str | None
) -> str | None:
    """The error that a completion deserves (rules 4, 9 and 11); None: none."""
    known = rows.executions.get(execution_id) or rows.tombstones.get(execution_id)
    if known is None:
        if workflow is None or token is not None:
            return "ExecutionNotFound"
        return None if workflow in rows.workflows else "WorkflowNotFound"
    if workflow not in {None, known.workflow_id}:
        return "InvalidExecution"
    if token is not None and isinstance(known, ExecutionRow) and known.claim_token != token:
        return "LeaseLost"
    has_ended = known.status not in {"pending", "running"}
    return "CompletionConflict" if has_ended and known.status != status else None


def _of_cancel(answered: Answered) -> str | None:
    stored = answered.execution(answered.decided_on)
    if stored is None:
        return "ExecutionNotFound"
    return "ExecutionConflict" if stored.status in {"completed", "failed"} else None


def _of_mark_running(answered: Answered) -> str | None:
    stored = _claimed(answered)
    return "LeaseLost" if stored is None or stored.status == "cancelled" else None


def _of_live_claim(answered: Answered) -> str | None:
    stored = _claimed(answered)
    return "LeaseLost" if stored is None or stored.has_ended else None


def _claimed(answered: Answered) -> ExecutionRow | None:
    token = answered.claim_tokens[answered.argument("claim")]
    rows = answered.decided_on.executions.values()
    return next((execution for execution in rows if execution.claim_token == token), None)


def _of_create_workflow(answered: Answered) -> str | None:
    return "WorkflowConflict" if answered.argument("workflow") in answered.decided_on.workflows else None


def _of_known_workflow(answered: Answered) -> str | None:
    return None if answered.argument("workflow") in answered.decided_on.workflows else "WorkflowNotFound"


def _of_create_triggers(answered: Answered) -> str | None:
    for triggers, new in _one_after_the_other(answered):
        refusal = refusal_of(_workflows(answered), triggers, new, is_created=True)
        if refusal is not None:
            return refusal
    return None


def _workflows(answered: Answered) -> dict[str, Any]:
    return {**answered.decided_on.workflows, **dict.fromkeys(answered.argument("workflows") or ())}


def _one_after_the_other(answered: Answered) -> Iterator[tuple[list[TriggerRow], TriggerRow]]:
    asked = answered.argument("triggers")
    # What a file puts again is changed: as if it were gone before the first one comes (rule 1).
    replaced = {fields["id"] for fields in asked} if answered.run.step.action == "define" else set()
    triggers = [trigger for trigger in answered.decided_on.triggers.values() if trigger.id not in replaced]
    for fields in asked:
        new = as_row(fields)
        yield list(triggers), new
        triggers.append(new)


def _of_update_trigger(answered: Answered) -> str | None:
    triggers = dict(answered.decided_on.triggers)
    stored = triggers.pop(answered.argument("trigger"), None)
    if stored is None:
        return "TriggerNotFound"
    changed = changed_trigger(stored, answered.argument("changes"))
    return refusal_of(answered.decided_on.workflows, list(triggers.values()), changed, is_created=False)


def _of_known_trigger(answered: Answered) -> str | None:
    return None if answered.argument("trigger") in answered.decided_on.triggers else "TriggerNotFound"


_REFUSALS: Final = {
    "start": _of_start,
    "complete": _of_complete,
    "cancel": _of_cancel,
    "mark_running": _of_mark_running,
    "renew": _of_live_claim,
    "release": _of_live_claim,
    "create_workflow": _of_create_workflow,
    "rename_workflow": _of_known_workflow,
    "delete_workflow": _of_known_workflow,
    "define": _of_create_triggers,
    "create_triggers": _of_create_triggers,
    "update_trigger": _of_update_trigger,
    "delete_trigger": _of_known_trigger,
}


def _complaints_about_chain(answered: Answered, chain: Sequence[str]) -> Complaints:
    """Rule 1: the refusal names a shortest chain, in data-flow order, closed by the refused trigger."""
    upstream, downstream, triggers = _refused_edge(answered)
    shortest = chain_between(triggers, downstream, upstream) or []
    edges = {(t.depends_on_workflow_id, t.workflow_id) for t in triggers} | {(upstream, downstream)}
    is_real = all(edge in edges for edge in pairwise(chain))
    if not is_real or chain[0] != chain[-1] or len(chain) != len(shortest) + 1:
        yield "1", f"refused with the chain {list(chain)}, where a shortest is {[*shortest, downstream]}"


def _refused_edge(answered: Answered) -> tuple[str, str, list[TriggerRow]]:
    if answered.run.step.action == "update_trigger":
        triggers = dict(answered.decided_on.triggers)
        new = changed_trigger(triggers.pop(answered.argument("trigger")), answered.argument("changes"))
        return str(new.depends_on_workflow_id), new.workflow_id, _dependencies(list(triggers.values()))
    for before, new in _one_after_the_other(answered):
        if refusal_of(_workflows(answered), before, new, is_created=True) == "CycleError":
            return str(new.depends_on_workflow_id), new.workflow_id, _dependencies(before)
    raise AssertionError("a cycle was refused where none was expected")


def _dependencies(triggers: list[TriggerRow]) -> list[TriggerRow]:
    return [trigger for trigger in triggers if trigger.trigger_type == "dependency"]


# Answers


def _start_is_stored(answered: Answered) -> Complaints:
    stored = answered.execution(answered.after)
    if stored is None or stored.workflow_id != answered.answer.workflow_id or answered.answer.id != stored.id:
        yield "18", f"answered {answered.answer.id}, stored is {stored}"


def _completion_is_stored(answered: Answered) -> Complaints:
    yield from complaints_about_result(answered, answered.execution_id, answered.argument("status"), answered.answer)


def complaints_about_result(answered: Answered, execution_id: str, status: str, result: CompletionResult) -> Complaints:
    """Rule 4: what was acknowledged is stored, and any repetition answers the stored verdicts."""
    stored = answered.after.executions.get(execution_id)
    if stored is None:
        tombstone = answered.after.tombstones.get(execution_id)
        if tombstone is None or tombstone.status != status or result.verdicts:
            yield "23", f"acknowledged {execution_id} as {status}, left is {tombstone}"
        return
    told = [(v.trigger_id, v.outcome, v.reason, v.execution_id) for v in result.verdicts]
    kept = [(v.trigger_id, v.outcome, v.reason, v.execution_id) for v in answered.after.verdicts.get(execution_id, ())]
    if (stored.status, kept) != (status, told):
        yield "4", f"acknowledged {execution_id} as {status} with {told}; stored is {stored.status} with {kept}"


def _completions_are_stored(answered: Answered) -> Complaints:
    """One answer or error per item, in order, each as if it had come alone after those before it."""
    now_ended: dict[str, str] = {}
    items = answered.argument("completions")
    if len(items) != len(answered.answer):
        yield "4", f"answered {len(answered.answer)} of {len(items)} completions"
    for item, answer in zip(items, answered.answer, strict=False):
        execution_id, status = answered.run.execution_ids[item["execution"]], item["status"]
        expected = refused_completion(
            answered.decided_on, execution_id, status, workflow=item.get("workflow"), token=None
        )
        if execution_id in now_ended and expected != "InvalidExecution":
            expected = None if now_ended[execution_id] == status else "CompletionConflict"
        got = None if isinstance(answer, CompletionResult) else type(answer).__name__
        if got != expected:
            yield "4", f"answered {got or 'well'} for {item}, not {expected or 'well'}"
        elif isinstance(answer, CompletionResult):
            now_ended[execution_id] = status
            yield from complaints_about_result(answered, execution_id, status, answer)


def _cancel_is_stored(answered: Answered) -> Complaints:
    stored = answered.execution(answered.after)
    if stored is not None and stored.status != "cancelled" and stored.cancel_requested_at is None:
        yield "15", f"acknowledged the cancel of {stored.id}, which is {stored.status}"


def _event_answers_its_executions(answered: Answered) -> Complaints:
    """The same event told again answers the same executions, however often (rule 5)."""
    event_type, key = answered.argument("event_type"), answered.argument("key")
    triggers = answered.decided_on.triggers.values()
    asked = {t.id for t in triggers if t.trigger_type == "event" and t.enabled and t.event_type == event_type}
    rows = answered.after.executions.values()
    stored = sorted(row.id for row in rows if row.event_key == key and row.trigger_id in asked)
    if sorted(execution.id for execution in answered.answer) != stored:
        yield "5", f"answered {[execution.id for execution in answered.answer]}, stored is {stored}"


def _tick_answers_its_starts(answered: Answered) -> Complaints:
    before = answered.run.seen[0].executions
    rows = answered.after.executions.values()
    new = [row.id for row in rows if row.trigger_type == "scheduled" and row.id not in before]
    if answered.run.step.meanwhile is None and sorted(answered.answer.started_execution_ids) != sorted(new):
        yield "16", f"answered {answered.answer.started_execution_ids}, stored is {new}"


def _nothing_due_is_left(answered: Answered) -> Complaints:
    """A dispatcher that is not disturbed takes all that was due when it began, and all that a lost holder left."""
    if answered.run.step.meanwhile is not None:
        return
    yield from _no_lost_claim_is_left(answered)
    was_due = _due(answered.run.seen[0], answered.run.now)
    for execution_id in was_due & _due(answered.after, answered.run.now):
        yield "10", f"{execution_id} is due and was not dispatched"


def _due(rows: StoredRows, now: int) -> set[str]:
    return {
        execution.id
        for execution in rows.executions.values()
        if execution.status == "pending" and execution.claim is None and execution.available_at <= now
    }


def _claims_are_what_was_due(answered: Answered) -> Complaints:
    if answered.run.step.meanwhile is not None:
        return
    yield from _no_lost_claim_is_left(answered)
    claimed = {claim.execution_id for claim in answered.answer}
    left = _due(answered.after, answered.run.now)
    if len(claimed) > answered.argument("limit") or (left and len(claimed) < answered.argument("limit")):
        yield "10", f"{len(claimed)} of {answered.argument('limit')} were claimed, and {left} are due"


def _no_lost_claim_is_left(answered: Answered) -> Complaints:
    run = answered.run
    for execution in answered.after.executions.values():
        is_lost = execution.claim is not None and answered.memory.was_watched(
            run.step.node, execution, until=run.monotonic, lease_seconds=answered.settings.lease_seconds
        )
        if is_lost and execution.id not in run.tokens_held:
            yield "11", f"the lost claim on {execution.id} was not taken over"


def _renewal_is_stored(answered: Answered) -> Complaints:
    stored = next((e for e in answered.after.executions.values() if e.claim_token == answered.answer.token), None)
    is_asked = stored is not None and stored.cancel_requested_at is not None
    if stored is None or stored.claim_renewals != answered.answer.renewals:
        yield "11", f"answered renewal {answered.answer.renewals}, stored is {stored}"
    elif is_asked != answered.answer.cancel_requested:
        yield "15", f"the holder of {stored.id} was told cancel_requested={answered.answer.cancel_requested}"


def _lost_leases_are_told(answered: Answered) -> Complaints:
    """A holder hears of each execution that it holds no more, and of no other."""
    rows = answered.after.executions
    held = {i for i in answered.run.tokens_held if i in rows and answered.run.holds(rows[i]) and not rows[i].has_ended}
    if answered.answer != answered.run.tokens_held.keys() - held:
        yield "11", f"told that {sorted(answered.answer)} are lost, of {sorted(answered.run.tokens_held)}; held: {held}"


def _graph_is_what_is_stored(answered: Answered) -> Complaints:
    """Rule 1: the live graph of every node equals the stored dependency triggers."""
    workflows, pairs, edges = answered.answer
    stored = sorted(answered.after.dependencies(), key=lambda trigger: str(trigger.depends_on_workflow_id))
    wanted = [(t.id, t.workflow_id, t.depends_on_workflow_id, t.dependency_condition, t.delay_minutes) for t in stored]
    if workflows != sorted(answered.after.workflows):
        yield "1", f"node {answered.run.step.node} knows {workflows}, stored is {sorted(answered.after.workflows)}"
    elif [tuple(edge[:5]) for edge in edges] != wanted:
        yield "1", f"the graph of node {answered.run.step.node} has {edges}; stored is {wanted}"
    elif [edge.enabled for edge in edges] != [bool(trigger.enabled) for trigger in stored]:
        yield "1", f"the graph of node {answered.run.step.node} does not know what is enabled: {edges}"
    elif pairs != {(trigger.depends_on_workflow_id, trigger.workflow_id) for trigger in stored}:
        yield "1", f"the graph of node {answered.run.step.node} joins {pairs}; stored is {wanted}"


def _held_end_is_stored(answered: Answered) -> Complaints:
    """The end that a holder reports counts, unless it holds the execution no more."""
    before, stored = answered.execution(answered.decided_on), answered.execution(answered.after)
    is_held = before is not None and not before.has_ended and answered.run.holds(before)
    if is_held and (stored is None or stored.status != answered.argument("status")):
        yield "11", f"its holder ended {answered.execution_id} as {answered.argument('status')}, stored is {stored}"


_ANSWERS: Final = {
    "start": _start_is_stored,
    "complete": _completion_is_stored,
    "complete_many": _completions_are_stored,
    "cancel": _cancel_is_stored,
    "emit": _event_answers_its_executions,
    "tick": _tick_answers_its_starts,
    "dispatch": _nothing_due_is_left,
    "claim_due": _claims_are_what_was_due,
    "renew": _renewal_is_stored,
    "look": _graph_is_what_is_stored,
    "held_ends": _held_end_is_stored,
    "held_renew": _lost_leases_are_told,
}
