"""Deployments, what drifted of them and what mended it, as documents and sentences."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict

from flowforge_graph.model import Deployment, DeploymentDrift, DeploymentRepair, DriftKind, ScheduleOwner
from flowforge_graph.schedules import ClockChange
from flowforge_graph.wire.documents import Document, UnixSeconds, made, taken


class ScheduleDifferenceDocument(Document):
    """A fire time that only one of the two schedulers has; ``reason`` is the change of the clocks near it."""

    model_config = ConfigDict(title="ScheduleDifference")

    at: UnixSeconds
    only: ScheduleOwner
    reason: ClockChange | None


class DeploymentDocument(Document):
    """What Prefect has of a scheduled trigger."""

    model_config = ConfigDict(title="Deployment")

    id: str | None
    name: str
    trigger_id: str
    workflow_id: str | None
    flow_id: str | None
    cron_expression: str | None
    timezone: str | None
    schedule_active: bool
    paused: bool
    details: dict[str, Any] | None
    differences: list[ScheduleDifferenceDocument]
    difference_count: int
    notes: list[str]

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        """The document of a deployment."""
        differences = [
            made(ScheduleDifferenceDocument, at=int(d.at.timestamp()), only=d.only, reason=d.reason)
            for d in deployment.differences
        ]
        return taken(cls, deployment, differences=differences, notes=list(deployment.notes))


class DriftDocument(Document):
    """One thing in which Prefect differs from what is stored."""

    model_config = ConfigDict(title="DeploymentDrift")

    trigger_id: str
    workflow_id: str | None
    kind: DriftKind
    message: str
    mendable: bool

    @classmethod
    def of(cls, drift: DeploymentDrift) -> Self:
        """The document of a drift."""
        return taken(cls, drift)


class RepairDocument(Document):
    """What a repair did about the drift of one trigger."""

    model_config = ConfigDict(title="DeploymentRepair")

    trigger_id: str
    kinds: list[DriftKind]
    action: str
    message: str

    @classmethod
    def of(cls, repair: DeploymentRepair) -> Self:
        """The document of a repair."""
        return taken(cls, repair, kinds=list(repair.kinds))


def deployment_sentence(deployment: Deployment, done: str) -> str:
    """What was done with a deployment, and what a person should know of it."""
    count = deployment.difference_count
    differs = f"{count} fire times of the next 400 days differ between the engine's rule and Prefect's"
    return "; ".join([done, *deployment.notes, *([differs] if count else [])])
