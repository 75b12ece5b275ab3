"""What section 2 of the contract demands of every committed transaction, one function a demand.

Whatever crashed, was lost, repeated or came in between: a transaction that is committed must keep all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from flowforge_graph.testing.chains import cycle_of
from flowforge_graph.testing.simulation.reference import (
    Facts,
    Start,
    as_row,
    changed_trigger,
    expected_downstream,
    expected_events,
    expected_fire,
    expected_verdicts,
    facts_of,
    next_fire_time,
    plan_of,
    prunable,
    reason_to_cancel,
    start_of,
)
from flowforge_graph.testing.simulation.rows import ExecutionRow, TriggerRow, VerdictRow, WorkflowRow
from flowforge_graph.testing.simulation.transitions import Invariant, Transition, invariant

_FORWARD: Final = {
    "pending": ("running", "completed", "failed", "cancelled"),
    "running": ("completed", "failed", "cancelled"),
}
_OWN_COPY: Final = (
    *("seq", "workflow_id", "workflow_name", "trigger_type", "trigger_id", "trigger_name", "dependency_condition"),
    *("delay_minutes", "upstream_execution_id", "upstream_workflow_id", "caused_by_execution_id"),
    *("root_execution_id", "hop", "fire_time", "event_key", "parameters", "created_at", "run_after"),
)


# 2.1 The graph


@invariant("1", "the graph never holds a cycle")
def no_cycle(change: Transition) -> Iterator[str]:
    """Checked by a search of its own, over the stored rows."""
    if change.after.triggers != change.before.triggers:
        chain = cycle_of(change.after.dependencies())
        if chain is not None:
            yield f"stored: {' → '.join(chain)}"


@invariant("2", "workflows and triggers change as they were asked to, and keep their order of creation")
def definitions_change_as_asked(change: Transition) -> Iterator[str]:
    """A step that defines nothing changes nothing that is defined."""
    workflows, triggers = _expected_definitions(change)
    if dict(change.after.workflows) != workflows:
        yield f"workflows are {_names(change.after.workflows)}, not {_names(workflows)}"
    stored = [facts_of(trigger) for trigger in change.after.triggers.values()]
    if stored != triggers:
        yield f"triggers are {stored}, not {triggers}"


def _names(workflows: Any) -> dict[str, str]:
    return {workflow.id: workflow.name for workflow in workflows.values()}


def _expected_definitions(change: Transition) -> tuple[dict[str, Any], list[Facts]]:
    action, asked = change.run.step.action, change.run.step.arguments
    workflows: dict[str, Any] = dict(change.before.workflows)
    triggers = {trigger.id: facts_of(trigger) for trigger in change.before.triggers.values()}
    if action in {"define", "create_workflow", "rename_workflow"}:
        for workflow_id in [asked["workflow"]] if "workflow" in asked else asked["workflows"]:
            workflows[workflow_id] = WorkflowRow(id=workflow_id, name=asked.get("name") or workflow_id)
    if action in {"define", "create_triggers"}:
        triggers |= {fields["id"]: facts_of(as_row(fields)) for fields in asked["triggers"]}
    if action == "update_trigger":
        stored = change.before.triggers[asked["trigger"]]
        triggers[stored.id] = facts_of(changed_trigger(stored, asked["changes"]))
    if action == "delete_trigger":
        del triggers[asked["trigger"]]
    if action == "delete_workflow":
        del workflows[asked["workflow"]]
        touching = {t.id for t in change.before.triggers.values() if touches(t, asked["workflow"])}
        triggers = {trigger_id: facts for trigger_id, facts in triggers.items() if trigger_id not in touching}
    return workflows, list(triggers.values())


def touches(trigger: TriggerRow, workflow_id: str) -> bool:
    """Whether a trigger leads into or out of a workflow."""
    return workflow_id in {trigger.workflow_id, trigger.depends_on_workflow_id}


@invariant("3", "history keeps its own copies: what an execution was started with never changes")
def history_keeps_its_copies(change: Transition) -> Iterator[str]:
    """Names, condition, delay, cause and place in the cascade."""
    for before, after in change.changed():
        for name in _OWN_COPY:
            if getattr(before, name) != getattr(after, name):
                yield f"{name} of {after.id} was {getattr(before, name)!r} and is {getattr(after, name)!r}"


@invariant("3", "deleting a workflow cancels its pending executions in the same transaction")
def deletion_cancels(change: Transition) -> Iterator[str]:
    """Those that run go on."""
    gone = change.before.workflows.keys() - change.after.workflows.keys()
    for execution in change.before.executions.values():
        after = change.after.executions.get(execution.id)
        is_concerned = execution.workflow_id in gone and execution.status == "pending"
        if is_concerned and after is not None and (after.status, after.reason) != ("cancelled", "workflow_deleted"):
            yield f"{after.id} of the deleted {after.workflow_id} is {after.status}, {after.reason}"


# 2.2 Completions


@invariant("4", "statuses only move forward, and what has ended stays as it ended")
def statuses_move_forward(change: Transition) -> Iterator[str]:
    """Running becomes pending again only where a claim is handed back or taken over."""
    may_go_back = change.run.may_dispatch or change.run.step.action == "release"
    for before, after in change.changed():
        if before.has_ended and before._replace(cascade_size=after.cascade_size) != after:
            yield f"{after.id} had ended {before.status} and was changed to {after.status}"
        elif after.status not in (before.status, *_FORWARD.get(before.status, ())) and not may_go_back:
            yield f"{after.id} went from {before.status} back to {after.status}"


@invariant("4", "a recorded completion has one verdict per direct dependency trigger, in creation order")
def verdicts_as_expected(change: Transition) -> Iterator[str]:
    """Verdicts come with the end, once, and never change."""
    expected = {execution_id: list(verdicts) for execution_id, verdicts in change.before.verdicts.items()}
    expected |= {ended.id: verdicts for ended, verdicts in _expected_ends(change) if verdicts}
    for execution_id in expected.keys() | change.after.verdicts.keys():
        if execution_id in change.after.executions:
            stored = list(change.after.verdicts.get(execution_id, ()))
            wanted = expected.get(execution_id, [])
            if _told(stored) != _told(wanted):
                yield f"on {execution_id}: {_told(stored)}, not {_told(wanted)}"


@invariant("4", "an end starts exactly the downstream executions that its verdicts name, in the same transaction")
def downstream_as_expected(change: Transition) -> Iterator[str]:
    """Same parameters, same root, due after the delay from the recorded completion (rules 9 and 13)."""
    expected = [start for ended, verdicts in _expected_ends(change) for start in expected_downstream(verdicts, ended)]
    stored = [execution for execution in change.new() if execution.trigger_type == "dependency"]
    yield from _differences(map(start_of, stored), expected)
    ids = {execution.cause: execution.id for execution in stored}
    for ended in change.ended():
        for verdict in change.after.verdicts.get(ended.id, ()):
            if (
                verdict.outcome == "triggered"
                and ids.get((verdict.trigger_id, f"> {ended.id}")) != verdict.execution_id
            ):
                yield f"the verdict of {verdict.trigger_id} on {ended.id} names {verdict.execution_id}"


def _expected_ends(change: Transition) -> Iterator[tuple[ExecutionRow, list[VerdictRow]]]:
    grown: Counter[str] = Counter()
    for ended in _in_order_of_reports(change):
        root = ended.root_execution_id
        size = max(1, len(change.before.cascade(root)))
        room = change.settings.max_cascade_executions - size - grown[root]
        verdicts = expected_verdicts(change.after, ended, room=room)
        grown[root] += sum(verdict.outcome == "triggered" for verdict in verdicts)
        yield ended, verdicts


def _in_order_of_reports(change: Transition) -> list[ExecutionRow]:
    order = list(change.run.execution_ids.values())
    return sorted(change.ended(), key=lambda ended: order.index(ended.id) if ended.id in order else len(order))


def _told(verdicts: list[VerdictRow]) -> list[VerdictRow]:
    return [verdict._replace(execution_id=None) for verdict in verdicts]


def _differences(stored: Any, expected: Any) -> Iterator[str]:
    have: Counter[Start] = Counter(stored)
    want: Counter[Start] = Counter(expected)
    for start in (have - want).elements():
        yield f"started without a cause, or twice: {start}"
    for start in (want - have).elements():
        yield f"not started: {start}"


@invariant("5", "one cause starts at most one execution")
def one_cause_one_execution(change: Transition) -> Iterator[str]:
    """Over the whole run: also where the first one was pruned since (rule 23)."""
    for execution in change.new():
        if execution.cause is not None and change.memory.causes.get(execution.cause, execution.id) != execution.id:
            yield f"{execution.cause} started {execution.id} after {change.memory.causes[execution.cause]}"
        elif execution.cause is not None and execution.cause in change.memory.causes:
            yield f"{execution.cause} started {execution.id} again after it was pruned"
    counted = Counter(execution.cause for execution in change.new() if execution.cause is not None)
    for cause, times in counted.items():
        if times > 1:
            yield f"{cause} started {times} executions"


@invariant("7", "the cascade's size counts its executions")
def cascade_is_counted(change: Transition) -> Iterator[str]:
    """The count in the root's row is what the cap is measured by."""
    sizes = Counter(execution.root_execution_id for execution in change.after.executions.values())
    for root, size in sizes.items():
        stored = change.after.executions.get(root)
        if stored is None or stored.cascade_size != size:
            yield f"the cascade of {root} has {size} executions, and counts {stored.cascade_size if stored else None}"


@invariant("9", "nothing ends without somebody who says so")
def every_end_has_its_reporter(change: Transition) -> Iterator[str]:
    """A report, a cancel, a deleted workflow, or the engine's own decision while it dispatches."""
    for ended in change.ended():
        before = change.before.executions.get(ended.id)
        if not _may_end(change, before, ended):
            yield f"{change.run.step.action} ended {ended.id} as {ended.status}, {ended.reason}"


def _may_end(change: Transition, before: ExecutionRow | None, ended: ExecutionRow) -> bool:
    run = change.run
    match run.step.action:
        case "complete":
            return run.names(ended) and (ended.status, ended.reason) == (run.step.arguments["status"], None)
        case "complete_many":
            return any(
                run.execution_ids.get(item["execution"]) == ended.id and item["status"] == ended.status
                for item in run.step.arguments["completions"]
            )
        case "held_ends":
            is_held = before is not None and run.holds(before)
            return is_held and run.names(ended) and ended.status == run.step.arguments["status"]
        case "cancel":
            is_pending = before is not None and before.status == "pending"
            return run.names(ended) and is_pending and (ended.status, ended.reason) == ("cancelled", "cancel_requested")
        case "delete_workflow":
            return ended.workflow_id == run.step.arguments["workflow"] and ended.reason == "workflow_deleted"
        case "release":
            if before is None or before.status != "running" or not run.holds(before):
                return False
            return ended.reason == _why_not_again(change, before)
        case "dispatch" | "claim_due":
            return before is not None and _may_end_by_itself(change, before, ended)
    return False


def _may_end_by_itself(change: Transition, before: ExecutionRow, ended: ExecutionRow) -> bool:
    """Rules 10, 11 and 14: dead letters, lost holders, and the second look."""
    run = change.run
    if (ended.status, ended.reason) == ("failed", "dispatch_failed"):
        return before.claim_token in run.tokens
    if before.claim is not None:
        return ended.reason == _why_not_again(change, before) and _is_lost(change, before)
    reasons = {reason_to_cancel(rows, before) for rows in run.seen}
    return ended.status == "cancelled" and ended.reason in reasons - {None}


def _why_not_again(change: Transition, before: ExecutionRow) -> str:
    """Why an execution that its holder lost or gave up is not started again; empty if it is."""
    if before.cancel_requested_at is not None:
        return "cancel_requested"
    return "lost" if before.attempt >= change.settings.max_attempts else ""


def _is_lost(change: Transition, before: ExecutionRow) -> bool:
    return change.memory.was_watched(
        change.run.step.node, before, until=change.run.monotonic, lease_seconds=change.settings.lease_seconds
    )


@invariant("9", "a manual execution is one that somebody asked for, and its own root unless something caused it")
def manual_starts_are_asked_for(change: Transition) -> Iterator[str]:
    """By a start, or by a completion of an execution never seen."""
    for execution in change.new():
        if execution.trigger_type != "manual":
            continue
        cause = change.before.executions.get(str(execution.caused_by_execution_id))
        root, hop = (execution.id, 0) if cause is None else (cause.root_execution_id, cause.hop)
        is_asked_for = execution.id in change.run.execution_ids.values()
        if not is_asked_for or change.run.step.action not in {"start", "complete", "complete_many"}:
            yield f"{change.run.step.action} stored {execution.id}"
        elif (execution.root_execution_id, execution.hop) != (root, hop):
            yield f"{execution.id} is in the cascade of {execution.root_execution_id} at hop {execution.hop}"


@invariant("9", "an event starts each of its enabled triggers, once per key")
def events_as_expected(change: Transition) -> Iterator[str]:
    """And nothing else stores an execution of an event trigger."""
    expected: list[Start] = []
    if change.run.step.action == "emit":
        event_type, key = change.run.step.arguments["event_type"], change.run.step.arguments["key"]
        starts = expected_events(change.before, event_type, key, change.run.now)
        expected = [start for start in starts if start.cause not in change.memory.causes]
    stored = [execution for execution in change.new() if execution.trigger_type == "event"]
    yield from _differences(map(start_of, stored), expected)


# 2.3 Dispatch


@invariant("10", "an attempt is counted by the claim, at most max_attempts times")
def attempts_are_counted(change: Transition) -> Iterator[str]:
    """An attempt that never started is given back."""
    for before, after in change.changed():
        is_claimed = after.claim_token is not None and after.claim_token != before.claim_token
        is_given_back = before.claim is not None and after.claim_token is None and after.status == "pending"
        step = after.attempt - before.attempt
        if is_claimed != (step == 1) or (step < 0 and not is_given_back) or step < -1:
            yield f"attempt of {after.id} went from {before.attempt} to {after.attempt}"
        if after.attempt > change.settings.max_attempts:
            yield f"{after.id} was claimed for attempt {after.attempt}"


@invariant("10", "a failed dispatch moves available_at, never run_after, and counts")
def failed_dispatch_waits(change: Transition) -> Iterator[str]:
    """Only the holder of the claim can fail to start it."""
    for before, after in change.changed():
        if after.dispatch_failures != before.dispatch_failures:
            if after.dispatch_failures != before.dispatch_failures + 1 or before.claim_token not in change.run.tokens:
                yield f"dispatch_failures of {after.id} went to {after.dispatch_failures}"
            if after.available_at <= change.run.now:
                yield f"{after.id} is to be dispatched again without a wait"


@invariant("11", "a claim is taken only from a holder that gave no sign of life for a whole lease")
def claims_are_taken_over_when_lost(change: Transition) -> Iterator[str]:
    """Its holder may hand it back or over; anybody else must have watched it."""
    for before, after in change.changed():
        if before.claim is None or after.claim_token == before.claim_token:
            continue
        is_own = before.claim_token in change.run.tokens or _is_own_claim(change, before)
        if not is_own and not (change.run.may_dispatch and _is_lost(change, before)):
            yield f"{change.run.step.action} on node {change.run.step.node} took the claim on {after.id}"


def _is_own_claim(change: Transition, before: ExecutionRow) -> bool:
    return change.run.step.action in {"release", "mark_running"} and change.run.holds(before)


@invariant("11", "a lease is renewed by its holder only")
def leases_are_renewed_by_holders(change: Transition) -> Iterator[str]:
    """One more for each sign of life."""
    for before, after in change.changed():
        if before.claim_token == after.claim_token and after.claim_renewals != before.claim_renewals:
            is_own = change.run.holds(before)
            if after.claim_renewals != before.claim_renewals + 1 or not is_own:
                yield f"renewals of {after.id} went from {before.claim_renewals} to {after.claim_renewals}"


@invariant("10", "an execution begins pending and unclaimed, or is recorded as ended at once")
def executions_begin_fresh(change: Transition) -> Iterator[str]:
    """Nothing was attempted, nothing failed, and nobody has asked to cancel it."""
    for execution in change.new():
        is_fresh = (execution.attempt, execution.dispatch_failures, execution.claim_renewals) == (0, 0, 0)
        is_begun = execution.status == "running" or execution.claim_token is not None
        if is_begun or not is_fresh or execution.cancel_requested_at is not None:
            yield f"{execution.id} began as {execution}"


# 2.4 Delay and cancel


@invariant("13", "nothing is claimed before its delay, its backoff or its turn is over")
def claims_are_due(change: Transition) -> Iterator[str]:
    """On the clock of the node that claims."""
    for before, after in change.changed():
        if after.claim_token is not None and after.claim_token != before.claim_token:
            is_first = before.attempt == 0 and before.delay_minutes > 0
            if before.available_at > change.run.now or (is_first and before.run_after > change.run.now):
                yield f"{after.id} is due at {max(before.available_at, before.run_after)}, not at {change.run.now}"


@invariant("14", "what is claimed still stands at that instant")
def claims_stand_a_second_look(change: Transition) -> Iterator[str]:
    """Trigger, workflow and a request to cancel are looked at again, delayed or not."""
    for before, after in change.changed():
        if after.claim_token is not None and after.claim_token != before.claim_token:
            reason = reason_to_cancel(change.before, before)
            if reason is not None or before.status != "pending" or before.claim is not None:
                yield f"{after.id} was claimed while {before.status}, {reason}"


@invariant("15", "a request to cancel is noted once, for what runs")
def cancel_requests_stay(change: Transition) -> Iterator[str]:
    """The first request keeps its instant."""
    for before, after in change.changed():
        if before.cancel_requested_at != after.cancel_requested_at:
            is_asked = change.run.step.action == "cancel" and change.run.names(after)
            if before.cancel_requested_at is not None or before.status != "running" or not is_asked:
                yield f"cancel_requested_at of {after.id} is now {after.cancel_requested_at}"


# 2.5 Schedules


@invariant("16", "a tick starts and drops what each misfire policy says, no fire time twice")
def ticks_as_expected(change: Transition) -> Iterator[str]:
    """Rule 17 as well: a clock set back repeats nothing, and only the engine's own schedules are ticked."""
    is_tick = change.run.step.action == "tick"
    schedules = [t for t in change.before.triggers.values() if t.trigger_type == "scheduled"] if is_tick else []
    plans = {trigger.id: plan_of(trigger, change.run.now) for trigger in schedules}
    starts = [expected_fire(change.before, t, fire_time) for t in schedules for fire_time in plans[t.id].fires]
    stored = [execution for execution in change.new() if execution.trigger_type == "scheduled"]
    yield from _differences(map(start_of, stored), [s for s in starts if s.cause not in change.memory.causes])
    drops = [(trigger_id, *plan.dropped) for trigger_id, plan in plans.items() if plan.dropped is not None]
    new_drops = [tuple(drop) for drop in change.after.drops[len(change.before.drops) :]]
    if new_drops != drops:
        yield f"dropped {new_drops}, not {drops}"
    for trigger_id, plan in plans.items():
        if change.after.triggers[trigger_id].planned_until != plan.planned_until:
            yield f"{trigger_id} is planned until {change.after.triggers[trigger_id].planned_until}, not {plan}"


@invariant("16", "missed fire times start at the rate of catch_up_starts_per_second")
def missed_starts_are_spread(change: Transition) -> Iterator[str]:
    """Counted by the second in which they become available."""
    now, most = change.run.now, change.settings.catch_up_starts_per_second + 1
    missed = [e for e in change.new() if e.fire_time is not None and now - e.fire_time > 60]
    for second, count in Counter(max(execution.available_at, now) for execution in missed).items():
        if count > most:
            yield f"{count} missed fire times may start in second {second}"


@invariant("16", "creating, enabling or changing a schedule plans from now on; next_run_at is its cache")
def schedules_are_planned(change: Transition) -> Iterator[str]:
    """Disabled time is never caught up."""
    for trigger in change.after.triggers.values():
        if trigger.trigger_type != "scheduled" or trigger == change.before.triggers.get(trigger.id):
            continue
        before = change.before.triggers.get(trigger.id)
        begins = before is None or _rhythm(before) != _rhythm(trigger) or trigger.enabled > before.enabled
        expected = change.run.now if begins else None if before is None else before.planned_until
        if change.run.step.action != "tick" and trigger.planned_until != expected:
            yield f"{trigger.id} is planned until {trigger.planned_until}, not {expected}"
        is_planned = trigger.enabled and trigger.schedule_owner == "engine"
        next_run_at = next_fire_time(trigger, after=int(trigger.planned_until or 0)) if is_planned else None
        if trigger.next_run_at != next_run_at:
            yield f"{trigger.id} runs next at {trigger.next_run_at}, not {next_run_at}"


def _rhythm(trigger: TriggerRow) -> tuple[str | None, ...]:
    return (trigger.cron_expression, trigger.timezone, trigger.schedule_owner)


# 2.7 Time and storage


@invariant("23", "history goes by prune only, whole ended cascades at a time, and leaves tombstones")
def history_is_kept(change: Transition) -> Iterator[str]:
    """Nothing that was acknowledged is lost."""
    gone = change.before.executions.keys() - change.after.executions.keys()
    step = change.run.step
    expected = prunable(change.before, change.run.now - step.arguments["age"]) if step.action == "prune" else set()
    if gone != expected:
        yield f"{sorted(gone)} went, not {sorted(expected)}"
    for execution_id in gone:
        tombstone, before = change.after.tombstones.get(execution_id), change.before.executions[execution_id]
        if tombstone is None or tombstone[1:] != (before.workflow_id, before.status):
            yield f"{execution_id} left {tombstone}"
    if change.before.tombstones.keys() - change.after.tombstones.keys():
        yield "a tombstone went"
    if any(execution_id not in change.after.executions for execution_id in change.after.verdicts):
        yield "a verdict stayed without its execution"


# All of the above, in their order.
RULES: Final[tuple[Invariant, ...]] = tuple(found for found in list(globals().values()) if isinstance(found, Invariant))
