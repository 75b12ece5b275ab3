"""Executions, completions and what was answered to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, get_args

from hypothesis import strategies as st

from flowforge_graph.model import (
    END_STATUSES,
    STATUSES,
    Claim,
    Completion,
    CompletionResult,
    Execution,
    ReasonCode,
    Verdict,
)
from flowforge_graph.testing.strategies.names import names, numbered_ids, workflow_ids
from flowforge_graph.testing.strategies.triggers import CONDITION, DELAY_MINUTES
from flowforge_graph.testing.strategies.values import built, instants
from flowforge_graph.testing.strategies.workflows import workflows

ERRORS = st.sampled_from(("no rows", "ValueError: no rows to add")) | names()


def completions(
    *, execution_ids: st.SearchStrategy[str] | None = None, workflow_ids: st.SearchStrategy[str] | None = None
) -> st.SearchStrategy[Completion]:
    """Completions as a hook reports them, without a claim.

    Args:
        execution_ids: of what ended; ``e1``, ``e2``, … by default.
        workflow_ids: named in some of them; any ids by default.

    Shrinks to ``Completion(execution_id='e1', status='completed')``.
    """
    required = {
        "execution_id": numbered_ids("e") if execution_ids is None else execution_ids,
        "status": st.sampled_from(END_STATUSES),
    }
    ids = _any_workflow_ids() if workflow_ids is None else workflow_ids
    return built(Completion, required, {"workflow_id": ids, "error": ERRORS})


# The argument above has the name that its callers know.
_any_workflow_ids = workflow_ids


@st.composite
def executions(draw: st.DrawFn, *, statuses: tuple[str, ...] = STATUSES) -> Execution:
    """Executions as they are stored: roots, started by hand or by a dependency trigger, whole in themselves."""
    execution_id, workflow_id = draw(numbered_ids("e")), draw(_any_workflow_ids())
    status, created_at = draw(st.sampled_from(statuses)), draw(instants())
    cause = draw(st.just({}) | _dependency_causes())
    run_after = created_at + timedelta(minutes=cause.get("delay_minutes", 0))
    fields = {
        "id": execution_id,
        "workflow_id": workflow_id,
        "workflow_name": workflow_id,
        "status": status,
        "root_execution_id": execution_id,
        "created_at": created_at,
        "run_after": run_after,
        "available_at": run_after,
        **cause,
        **_times_of(status, run_after, draw(st.integers(0, 86_400_000))),
    }
    return draw(st.builds(Execution, **{name: st.just(value) for name, value in fields.items()}))


@st.composite
def _dependency_causes(draw: st.DrawFn) -> dict[str, Any]:
    upstream_execution_id = f"{draw(numbered_ids('e'))} upstream"
    return {
        "trigger_type": "dependency",
        "trigger_id": draw(numbered_ids("t")),
        "dependency_condition": draw(CONDITION),
        "delay_minutes": draw(DELAY_MINUTES),
        "upstream_execution_id": upstream_execution_id,
        "upstream_workflow_id": draw(_any_workflow_ids()),
        "root_execution_id": upstream_execution_id,
        "hop": 1,
    }


def _times_of(status: str, run_after: datetime, duration_ms: int) -> dict[str, Any]:
    if status in {"pending", "cancelled"}:
        return {"ended_at": run_after} if status == "cancelled" else {}
    started = {"attempt": 1, "started_at": run_after}
    if status == "running":
        return started
    ended_at = run_after + timedelta(seconds=duration_ms // 1_000)
    return started | {"ended_at": ended_at, "duration_ms": duration_ms}


@st.composite
def verdicts(
    draw: st.DrawFn,
    *,
    upstream_execution_id: str | None = None,
    reasons: Sequence[ReasonCode | None] = (None, *get_args(ReasonCode)),
) -> Verdict:
    """What one trigger answered: triggered (None), or skipped for one of the reasons."""
    workflow_id, delay_minutes = draw(_any_workflow_ids()), draw(DELAY_MINUTES)
    said: dict[str, Any] = {
        "upstream_execution_id": upstream_execution_id or draw(numbered_ids("e")),
        "trigger_id": draw(numbered_ids("t")),
        "trigger_name": draw(st.none() | names()),
        "workflow_id": workflow_id,
        "workflow_name": workflow_id,
        "condition": draw(CONDITION),
        "delay_minutes": delay_minutes,
    }
    # Everything is drawn for both outcomes: of two examples Hypothesis holds the one with fewer choices for simpler.
    reason = draw(st.sampled_from(reasons))
    ended_at = draw(instants())
    if reason is not None:
        return Verdict(**said, outcome="skipped", reason=reason)
    run_after = ended_at + timedelta(minutes=delay_minutes)
    # No other verdict on the same completion has it.
    execution_id = f"{said['upstream_execution_id']} {said['trigger_id']}"
    return Verdict(**said, outcome="triggered", execution_id=execution_id, run_after=run_after)


@st.composite
def completion_results(draw: st.DrawFn) -> CompletionResult:
    """Answers to completions, with a verdict of each of some triggers."""
    execution_id = draw(numbered_ids("e"))
    answered = st.lists(
        verdicts(upstream_execution_id=execution_id), max_size=4, unique_by=lambda verdict: verdict.trigger_id
    )
    return CompletionResult(
        execution_id=execution_id,
        workflow_id=draw(_any_workflow_ids()),
        status=draw(st.sampled_from(END_STATUSES)),
        verdicts=tuple(draw(answered)),
    )


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    """Claims on executions that have not ended."""
    execution = draw(executions(statuses=("pending", "running")))
    workflow = draw(workflows(ids=st.just(execution.workflow_id)))
    return draw(st.builds(Claim, execution=st.just(execution), workflow=st.just(workflow), token=numbered_ids("c")))
