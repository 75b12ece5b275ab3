"""Deployments, as documents."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict

from flowforge_graph.model import Deployment
from flowforge_graph.wire.documents import Document, taken


class DeploymentDocument(Document):
    """What Prefect has of a scheduled trigger."""

    model_config = ConfigDict(title="Deployment")

    id: str
    name: str
    trigger_id: str
    cron_expression: str | None
    timezone: str | None
    paused: bool
    details: dict[str, Any] | None

    @classmethod
    def of(cls, deployment: Deployment) -> Self:
        """The document of a deployment."""
        return taken(cls, deployment)
