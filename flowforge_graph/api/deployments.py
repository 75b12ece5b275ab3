"""Prefect's deployments of scheduled triggers over REST."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from flowforge_graph.api.answers import DeploymentAnswer, answer, answers
from flowforge_graph.api.paths import trigger_of
from flowforge_graph.api.refusals import refusal
from flowforge_graph.api.requests import TriggerId, WorkflowId
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import DeploymentError
from flowforge_graph.wire import DeploymentDocument, deployment_sentence


class DeploymentRoutes:
    """The routes on deployments."""

    def __init__(self, engine: TriggerEngine) -> None:
        self._engine = engine

    def add_to(self, *, read: APIRouter, write: APIRouter) -> None:
        """Add them to the routers of their scopes."""
        path = "/workflows/{workflow_id}/triggers/{trigger_id}/sync-deployment"
        tags: dict[str, Any] = {"tags": ["deployments"]}
        read.get(path, **answers(DeploymentAnswer, 400, 404), **tags)(self.get_deployment)
        write.post(path, **answers(DeploymentAnswer, 400, 404, 500), **tags)(self.sync_deployment)
        write.delete(path, **answers(DeploymentAnswer, 400, 404), **tags)(self.delete_deployment)

    def sync_deployment(self, workflow_id: WorkflowId, trigger_id: TriggerId) -> Response:
        """Create or update Prefect's deployment of a scheduled trigger."""
        trigger_of(self._engine, workflow_id=workflow_id, trigger_id=trigger_id)
        try:
            deployment = self._engine.sync_deployment(trigger_id)
        except DeploymentError as error:
            return refusal(error, 500)
        done = f"synchronised deployment '{deployment.name}'"
        return _answer(DeploymentDocument.of(deployment), deployment_sentence(deployment, done))

    def get_deployment(self, workflow_id: WorkflowId, trigger_id: TriggerId) -> Response:
        """Prefect's deployment of a scheduled trigger."""
        trigger_of(self._engine, workflow_id=workflow_id, trigger_id=trigger_id)
        deployment = self._engine.get_deployment(trigger_id)
        state = "paused" if deployment.paused else "active"
        sentence = deployment_sentence(deployment, f"deployment '{deployment.name}' is {state}")
        return _answer(DeploymentDocument.of(deployment), sentence)

    def delete_deployment(self, workflow_id: WorkflowId, trigger_id: TriggerId) -> Response:
        """Delete Prefect's deployment of a scheduled trigger; again and again, if need be."""
        trigger_of(self._engine, workflow_id=workflow_id, trigger_id=trigger_id)
        was_there = self._engine.delete_deployment(trigger_id)
        return _answer(None, "deleted the deployment" if was_there else "there was no deployment")


def _answer(deployment: DeploymentDocument | None, message: str) -> Response:
    return answer(DeploymentAnswer(success=True, deployment=deployment, message=message))
