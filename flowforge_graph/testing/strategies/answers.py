"""What the engine answers to questions, ticks, deletions and prunes."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from hypothesis import strategies as st

from flowforge_graph.errors import CycleError
from flowforge_graph.model import (
    DependencyGraph,
    DependencyLink,
    DependencyValidation,
    Health,
    PruneResult,
    ScheduleDrop,
    TickResult,
    TriggerSummary,
    WorkflowDeletion,
)
from flowforge_graph.schedules import DropReason
from flowforge_graph.testing.strategies.names import names, numbered_ids, workflow_ids
from flowforge_graph.testing.strategies.triggers import CONDITION
from flowforge_graph.testing.strategies.values import several, whole_minutes

_COUNT = st.integers(0, 1_000)


@st.composite
def dependency_validations(draw: st.DrawFn) -> DependencyValidation:
    """Of two workflows, that one can depend on the other; or of one and more the cycle that refuses it."""
    first, *others = draw(st.lists(workflow_ids(), min_size=1, max_size=4, unique=True))
    if draw(st.booleans()) or not others:
        chain = (first, *others, first)
        return DependencyValidation(valid=False, error=str(CycleError(chain)), chain=chain)
    return DependencyValidation(valid=True, message=f"'{others[0]}' can depend on '{first}'")


def dependency_links() -> st.SearchStrategy[DependencyLink]:
    """Dependency triggers, seen from one end."""
    return st.builds(
        DependencyLink,
        trigger_id=numbered_ids("t"),
        workflow_id=workflow_ids(),
        workflow_name=names(),
        condition=CONDITION,
    )


@st.composite
def dependency_graphs(draw: st.DrawFn) -> DependencyGraph:
    """The triggers into and out of a workflow, none of them both."""
    links = draw(several(dependency_links(), by="trigger_id"))
    inwards = draw(st.integers(0, len(links)))
    return DependencyGraph(upstream=links[:inwards], downstream=links[inwards:])


@st.composite
def trigger_summaries(draw: st.DrawFn) -> TriggerSummary:
    """How many triggers a workflow has, at times with a next run where there are any."""
    count, next_run_at = draw(_COUNT), draw(st.none() | whole_minutes())
    return TriggerSummary(trigger_count=count, next_run_at=next_run_at if count else None)


def workflow_deletions() -> st.SearchStrategy[WorkflowDeletion]:
    """Deleted workflows with the ids of what went."""
    return st.builds(
        WorkflowDeletion,
        workflow_id=workflow_ids(),
        deleted_trigger_ids=several(numbered_ids("t")),
        cancelled_execution_ids=several(numbered_ids("e")),
    )


@st.composite
def schedule_drops(draw: st.DrawFn) -> ScheduleDrop:
    """Fire times at even distances, all of them missed when they were dropped."""
    count, distance = draw(st.integers(1, 1_000)), draw(st.integers(1, 1_440))
    first = draw(whole_minutes())
    last = first + timedelta(minutes=(count - 1) * distance)
    return ScheduleDrop(
        trigger_id=draw(numbered_ids("t")),
        workflow_id=draw(workflow_ids()),
        first=first,
        last=last,
        count=count,
        reason=draw(st.sampled_from(get_args(DropReason))),
        recorded_at=last + timedelta(seconds=draw(st.integers(61, 86_400))),
    )


def tick_results() -> st.SearchStrategy[TickResult]:
    """What ticks started and dropped, often nothing."""
    return st.builds(TickResult, started_execution_ids=several(numbered_ids("e")), drops=several(schedule_drops()))


def prune_results() -> st.SearchStrategy[PruneResult]:
    """Cascades of at least one execution each; no verdicts where there are no cascades."""
    return st.builds(
        lambda cascades, downstream, verdicts: PruneResult(
            cascades=cascades, executions=cascades * (1 + downstream), verdicts=cascades * (downstream + verdicts)
        ),
        _COUNT,
        _COUNT,
        _COUNT,
    )


@st.composite
def healths(draw: st.DrawFn) -> Health:
    """What waits and runs; nothing waits for any time where nothing waits."""
    due, age = draw(_COUNT), draw(st.integers(0, 86_400))
    return Health(
        pending_due=due,
        oldest_due_age_seconds=age if due else 0,
        running=draw(_COUNT),
        live_claims=draw(_COUNT),
        dead_letters=draw(_COUNT),
    )
