"""Prefect's deployments of scheduled triggers: what it has, how that drifts from what is stored, and what mended it."""

from __future__ import annotations

from typing import Any, Literal

from flowforge_graph.model.triggers import ScheduleOwner
from flowforge_graph.model.values import Instant, Value
from flowforge_graph.schedules import ClockChange

DriftKind = Literal["missing", "schedule", "owner", "paused", "base", "flow", "orphan", "taken", "unrunnable"]
RepairAction = Literal["synchronised", "deleted", "left"]


class ScheduleDifference(Value):
    """A fire time that only one of the two schedulers would start, and the change of the clocks that it is due to.

    ``reason``: ``gap`` where they go forward, ``overlap`` where they go back, None where it is neither.
    """

    at: Instant
    only: ScheduleOwner
    reason: ClockChange | None = None


class Deployment(Value):
    """What Prefect has of a scheduled trigger: the deployment ``name`` (``flowforge-trigger-{trigger_id}``).

    ``id`` and ``flow_id`` are Prefect's; an ``id`` of None: it is planned and not made yet. ``database`` names the
    database whose engine made it. ``paused``: nothing starts by itself; neither does it where not ``schedule_active``,
    because the engine owns the schedule. ``details`` is whatever else it was given, as JSON; what may hold secrets is
    there as a digest. ``differences`` are the first ones of ``difference_count`` over the next 400 days. ``notes``
    are sentences that a person should read.
    """

    id: str | None
    name: str
    trigger_id: str
    workflow_id: str | None = None
    flow_id: str | None = None
    database: str | None = None
    cron_expression: str | None = None
    timezone: str | None = None
    schedule_active: bool = False
    paused: bool = False
    details: dict[str, Any] | None = None
    differences: tuple[ScheduleDifference, ...] = ()
    difference_count: int = 0
    notes: tuple[str, ...] = ()


class DeploymentDrift(Value):
    """One thing in which Prefect differs from what is stored; ``mendable``: a repair puts it right.

    ``kind``: ``missing`` (Prefect should start it and has no deployment), ``schedule`` (another cron expression, zone
    or way to combine days), ``owner`` (active although the engine owns it, or the reverse), ``paused`` (it differs
    from enabled), ``base`` (the workflow's own deployment says something else by now), ``flow`` (it is in another
    flow than the workflow's), ``orphan`` (no such trigger), ``taken`` (another database has the deployment of this
    name), ``unrunnable`` (the workflow has no deployment that could be copied).
    """

    trigger_id: str
    workflow_id: str | None
    kind: DriftKind
    message: str
    mendable: bool = True


class DeploymentRepair(Value):
    """What a repair did about the drift of one trigger; ``left``: nothing, and ``message`` says why."""

    trigger_id: str
    kinds: tuple[DriftKind, ...]
    action: RepairAction
    message: str
