"""What the engine answers to questions about the graph and to deletions."""

from __future__ import annotations

from flowforge_graph.model.values import Instant, Value


class DependencyValidation(Value):
    """Whether a dependency could be added. ``chain`` is the cycle it would close, in data-flow order."""

    valid: bool
    error: str | None = None
    chain: tuple[str, ...] | None = None
    message: str | None = None


class DependencyLink(Value):
    """One dependency trigger, seen from one of its ends: ``workflow_id`` is the workflow at the other end."""

    trigger_id: str
    workflow_id: str
    workflow_name: str
    condition: str


class DependencyGraph(Value):
    """The dependency triggers into (``upstream``) and out of (``downstream``) one workflow."""

    upstream: tuple[DependencyLink, ...]
    downstream: tuple[DependencyLink, ...]


class TriggerSummary(Value):
    """What starts one workflow, in numbers: how many triggers, and the next fire time of its enabled schedules."""

    trigger_count: int = 0
    next_run_at: Instant | None = None


class WorkflowDeletion(Value):
    """What went with a deleted workflow: its triggers (in and out) and its pending executions."""

    workflow_id: str
    deleted_trigger_ids: tuple[str, ...]
    cancelled_execution_ids: tuple[str, ...]


class ScheduleDrop(Value):
    """Fire times that were due and that the misfire policy did not start: ``count`` from ``first`` to ``last``."""

    trigger_id: str
    workflow_id: str
    first: Instant
    last: Instant
    count: int
    reason: str
    recorded_at: Instant


class PruneResult(Value):
    """How much history a prune removed."""

    cascades: int
    executions: int
    verdicts: int


class Health(Value):
    """What waits and what runs, as of one instant.

    ``pending_due``: executions that may start now and nobody has claimed; ``oldest_due_age_seconds``: for how long
    the oldest of them has waited, 0 where there is none. ``running``; ``live_claims``: claims on executions that have
    not ended. ``dead_letters``: executions that ended failed within a day because they could not be dispatched or
    their holder was lost.
    """

    pending_due: int
    oldest_due_age_seconds: int
    running: int
    live_claims: int
    dead_letters: int


class TickResult(Value):
    """What one tick did: the executions it started, by id, and the fire times it dropped."""

    started_execution_ids: tuple[str, ...] = ()
    drops: tuple[ScheduleDrop, ...] = ()
