"""Whose a flow run is: of which workflow of this database, or of none."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import UUID

from flowforge_graph.engine import TriggerEngine
from flowforge_graph.executors.prefect.flow_runs import DATABASE_TAG, WORKFLOW_TAG, tagged
from flowforge_graph.executors.prefect.server import PrefectServer
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import FlowRunNotAdopted
from flowforge_graph.model import PrefectRun

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun


class MappedWorkflows:
    """The workflows that run with Prefect, by the deployments that their runs name.

    Several databases may share a Prefect, and have workflows of equal ids. What one of them started is nobody else's.
    """

    def __init__(self, engine: TriggerEngine, server: PrefectServer) -> None:
        self._engine = engine
        self._server = server
        self._names: dict[UUID, str | None] = {}
        self._workflows: dict[str, list[str]] | None = None

    def forget(self) -> None:
        """Ask the engine anew at the next question: workflows come, change and go."""
        self._workflows = None

    def workflow_of(self, run: FlowRun) -> str | None:
        """The workflow of a flow run: the one that we started it for, else its deployment's; None for nobody's.

        Of two workflows that name one deployment neither is taken: the run may be either's. That is logged.
        """
        database = tagged(run.tags, DATABASE_TAG)
        if database is not None:
            return tagged(run.tags, WORKFLOW_TAG) if database == self._engine.namespace else None
        name = self._name_of(run.deployment_id)
        workflow_ids = self._known().get(name or "", [])
        if len(workflow_ids) > 1:
            log(FlowRunNotAdopted(flow_run_id=str(run.id), deployment=name or "", workflows=", ".join(workflow_ids)))
        return workflow_ids[0] if len(workflow_ids) == 1 else None

    def _known(self) -> dict[str, list[str]]:
        if self._workflows is None:
            self._workflows = defaultdict(list)
            for workflow in self._engine.list_workflows():
                if isinstance(workflow.run, PrefectRun):
                    self._workflows[workflow.run.prefect].append(workflow.id)
        return self._workflows

    def _name_of(self, deployment_id: UUID | None) -> str | None:
        """``flow/deployment``; None for a deployment that is gone. Neither changes while the deployment lives."""
        if deployment_id is None:
            return None
        if deployment_id not in self._names:
            self._names[deployment_id] = self._read_name(deployment_id)
        return self._names[deployment_id]

    def _read_name(self, deployment_id: UUID) -> str | None:
        deployment = self._server.find(lambda client: client.read_deployment(deployment_id))
        if deployment is None:
            return None
        flow_id = deployment.flow_id
        flow = self._server.find(lambda client: client.read_flow(flow_id))
        return None if flow is None else f"{flow.name}/{deployment.name}"
