"""Deployments on a real server, seen as the server itself has them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse

from flowforge_graph import ScheduledTrigger, TriggerEngine
from flowforge_graph.executors.prefect.deployments import PrefectDeployments
from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer
from tests.executors.prefect.flows import ask

T = TypeVar("T")
_HANG_SECONDS = 120.0


class Deployed:
    """A flow with a deployment, a workflow that runs on it, and an engine that is connected to the server."""

    def __init__(self, server: PrefectServer, database: str = "sqlite://") -> None:
        self.server = server
        self.flow = f"flow-{uuid4().hex[:8]}"
        self.base_id = self.deploy(self.flow, "base")
        self.engine = TriggerEngine(database, deployments=PrefectDeployments(server))
        self.workflow_id = f"w-{self.flow}"
        self.engine.create_workflow(self.workflow_id, run={"prefect": f"{self.flow}/base"})

    def ask(self, question: Callable[[SyncPrefectClient], T]) -> T:
        """What the server answers at last: on SQLite it says 503 while it writes something else."""
        answer: T = ask(self.server, question)
        return answer

    def find(self, question: Callable[[SyncPrefectClient], T]) -> T | None:
        """As :meth:`ask`; None for what it does not have."""
        try:
            return self.ask(question)
        except PrefectFault as fault:
            if fault.status_code == 404:
                return None
            raise

    def deploy(self, flow: str, name: str, **fields: Any) -> UUID:
        """A deployment that somebody else made."""
        flow_id = self.ask(lambda client: client.create_flow_from_name(flow))
        return self.ask(lambda client: client.create_deployment(flow_id, name, **fields))

    def trigger(self, cron: str = "30 2 * * *", zone: str = "America/New_York", **fields: Any) -> ScheduledTrigger:
        """A stored schedule of the workflow's."""
        trigger = ScheduledTrigger(workflow_id=self.workflow_id, cron_expression=cron, timezone=zone, **fields)
        stored = self.engine.create_trigger(trigger)
        assert isinstance(stored, ScheduledTrigger)
        return stored

    def seen(self, trigger: ScheduledTrigger, flow: str | None = None) -> DeploymentResponse | None:
        """The deployment of a trigger as the server has it."""
        name = f"{flow or self.flow}/flowforge-trigger-{trigger.id}"
        return self.find(lambda client: client.read_deployment_by_name(name))

    def whole(self, trigger: ScheduledTrigger) -> DeploymentResponse:
        """As :meth:`seen`, of one that is there."""
        found = self.seen(trigger)
        assert found is not None
        return found

    def runs(self, deployment_id: UUID) -> list[FlowRun]:
        """The flow runs of a deployment, by the instant that they are for."""
        wanted = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment_id]))
        found = self.ask(lambda client: client.read_flow_runs(flow_run_filter=wanted, limit=200))
        return sorted(found, key=start_of)

    def scheduled_runs(self, deployment_id: UUID) -> list[FlowRun]:
        """Wait for those that Prefect's scheduler makes by itself."""
        return eventually(lambda: [run for run in self.runs(deployment_id) if run.auto_scheduled])

    def wait_for_the_scheduler(self) -> None:
        """Wait until it has looked at everything that was changed before this call."""
        witness = self.trigger("* * * * *", "UTC", schedule_owner="prefect", trigger_name=uuid4().hex)
        self.scheduled_runs(self.whole(witness).id)
        self.engine.delete_trigger(witness.id)


def start_of(run: FlowRun) -> datetime:
    """The instant that a run is for, as a plain datetime."""
    assert run.expected_start_time is not None
    return datetime.fromtimestamp(run.expected_start_time.timestamp(), UTC)


def eventually(question: Callable[[], T]) -> T:
    """The first answer that says something."""
    deadline = time.monotonic() + _HANG_SECONDS
    while not (answer := question()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return answer
