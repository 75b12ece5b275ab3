"""Make what Prefect needs: a work pool, a deployment of each flow, and the automation that ends silent runs.

It may run again at any time: what is there is brought to what is written here.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from prefect import Flow, deploy, get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.workers.process import ProcessWorker

FOLDER = Path(__file__).parent
POOL = "flowforge"
# Three heartbeats, of which each comes 30 s after the one before.
SILENT = timedelta(seconds=90)

# A run whose process was killed along with its worker says nothing more, and would be "running" for ever.
END_OF_SILENT_RUNS = AutomationCore(
    name="Crash silent runs",
    description="A flow run without a heartbeat for 90 s has crashed.",
    trigger=EventTrigger(
        posture=Posture.Proactive,
        after={"prefect.flow-run.heartbeat"},
        expect={
            "prefect.flow-run.heartbeat",
            "prefect.flow-run.Completed",
            "prefect.flow-run.Failed",
            "prefect.flow-run.Crashed",
            "prefect.flow-run.Cancelled",
        },
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        for_each={"prefect.resource.id"},
        threshold=1,
        within=SILENT,
    ),
    actions=[ChangeFlowRunState(state=StateType.CRASHED, message="No heartbeat for 90 s.")],
)


def make_pool(client: SyncPrefectClient) -> None:
    """A pool whose workers run each flow as a process on their machine."""
    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
    client.create_work_pool(pool, overwrite=True)


def make_automation(client: SyncPrefectClient) -> None:
    """The automation, once."""
    found = client.read_automations_by_name(END_OF_SILENT_RUNS.name)
    if found:
        client.update_automation(found[0].id, END_OF_SILENT_RUNS)
    else:
        client.create_automation(END_OF_SILENT_RUNS)


def make_deployments() -> None:
    """A deployment of each flow, in the pool; workers find the source in this folder."""
    flows = [Flow.from_source(str(FOLDER), f"flows.py:{name}") for name in ("ingest", "clean", "publish", "alert")]
    deployments = [each.to_deployment("production") for each in flows]
    deploy(*deployments, work_pool_name=POOL, build=False, push=False, print_next_steps_message=False)


if __name__ == "__main__":
    with get_client(sync_client=True) as client:
        make_pool(client)
        make_automation(client)
    make_deployments()
