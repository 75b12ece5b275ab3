"""What drifts between the database and a real server is found, each by its kind, and mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentScheduleUpdate, DeploymentUpdate
from prefect.client.schemas.schedules import CronSchedule

from flowforge_graph import ScheduledTrigger, TriggerEngine
from flowforge_graph.errors import DeploymentError
from flowforge_graph.executors.prefect.deployments import PrefectDeployments
from flowforge_graph.executors.prefect.server import PrefectServer
from tests.executors.prefect.deployed import Deployed


@pytest.fixture
def deployed(prefect: PrefectServer) -> Iterator[Deployed]:
    """A workflow on a deployment of its own."""
    made = Deployed(prefect)
    with made.engine:
        yield made


@pytest.fixture
def trigger(deployed: Deployed) -> ScheduledTrigger:
    """A schedule of Prefect's, in step."""
    made = deployed.trigger(schedule_owner="prefect")
    assert deployed.engine.check_deployments() == []
    return made


def change(deployed: Deployed, trigger: ScheduledTrigger, **fields: Any) -> None:
    """Change a deployment of ours as somebody would in Prefect's own pages."""
    deployment_id = deployed.whole(trigger).id
    deployed.ask(lambda client: client.update_deployment(deployment_id, DeploymentUpdate(**fields)))


def delete(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """Delete it there."""
    deployment_id = deployed.whole(trigger).id
    deployed.ask(lambda client: client.delete_deployment(deployment_id))


def reschedule(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """Another cron expression."""
    schedule = CronSchedule(cron="0 5 * * *", timezone="America/New_York")
    change(deployed, trigger, schedules=[DeploymentScheduleUpdate(schedule=schedule, slug="flowforge")])


def add_a_schedule(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """A second one beside ours."""
    added = DeploymentScheduleCreate(schedule=CronSchedule(cron="0 5 * * *", timezone="UTC"), slug="theirs")
    deployment_id = deployed.whole(trigger).id
    deployed.ask(lambda client: client.create_deployment_schedules(deployment_id, [added]))


def switch_off(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """The schedule alone."""
    change(deployed, trigger, schedules=[DeploymentScheduleUpdate(active=False, slug="flowforge")])


def pause(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """The whole deployment."""
    change(deployed, trigger, paused=True)


def deploy_again(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """The workflow's own deployment gets another entry point and other variables."""
    deployed.deploy(deployed.flow, "base", entrypoint="new.py:f", job_variables={"image": "v2"})


@pytest.mark.parametrize(
    ("meanwhile", "kind", "words"),
    [
        (delete, "missing", "Prefect should start it and has no deployment of it"),
        (reschedule, "schedule", "Prefect has the schedule '0 5 * * *' America/New_York"),
        (add_a_schedule, "schedule", "and 1 more, stored is '30 2 * * *'"),
        (switch_off, "owner", "Prefect owns the schedule, and it is inactive in Prefect"),
        (pause, "paused", "the trigger is enabled, and its deployment is paused"),
        (deploy_again, "base", "the workflow's own deployment has changed since: entrypoint, job_variables"),
    ],
)
def test_what_drifted_is_found_and_mended(
    deployed: Deployed,
    trigger: ScheduledTrigger,
    meanwhile: Callable[[Deployed, ScheduledTrigger], None],
    kind: str,
    words: str,
) -> None:
    """One drift, in words; after the repair none, and a second repair has nothing to do."""
    meanwhile(deployed, trigger)
    (drift,) = deployed.engine.check_deployments()
    assert (drift.trigger_id, drift.workflow_id, drift.kind) == (trigger.id, deployed.workflow_id, kind)
    assert words in drift.message
    (repair,) = deployed.engine.repair_deployments()
    assert (repair.trigger_id, repair.action) == (trigger.id, "synchronised")
    assert deployed.engine.check_deployments() == []
    assert deployed.engine.repair_deployments() == []
    made = deployed.whole(trigger)
    assert [schedule.schedule.cron for schedule in made.schedules if schedule.active] == ["30 2 * * *"]  # type: ignore[union-attr]
    assert not made.paused


def test_a_deployment_that_lost_its_trigger_is_deleted(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """It went while no Prefect was connected."""
    store = deployed.engine._context.store
    with store.database.write() as connection:
        connection.exec_driver_sql(f"DELETE FROM workflow_triggers WHERE id = '{trigger.id}'")
    (drift,) = deployed.engine.check_deployments()
    assert (drift.kind, drift.trigger_id) == ("orphan", trigger.id)
    assert [repair.action for repair in deployed.engine.repair_deployments()] == ["deleted"]
    assert deployed.seen(trigger) is None


def test_another_databases_deployments_are_left_alone(deployed: Deployed, trigger: ScheduledTrigger) -> None:
    """Two databases that the same file was applied to have the same trigger ids: neither takes the other's."""
    before = deployed.whole(trigger)
    with TriggerEngine("sqlite://", deployments=PrefectDeployments(deployed.server)) as other:
        assert other.check_deployments() == [], "they are nobody's orphans"
        other.create_workflow(deployed.workflow_id, run={"prefect": f"{deployed.flow}/base"})
        other.create_trigger(trigger)
        (drift,) = other.check_deployments()
        assert (drift.kind, drift.mendable) == ("taken", False)
        assert [repair.action for repair in other.repair_deployments()] == ["left"]
        with pytest.raises(DeploymentError, match="another database's engine has made the deployment"):
            other.sync_deployment(trigger.id)
        assert other.delete_deployment(trigger.id) is False
        other.disable_trigger(trigger.id)
        other.delete_trigger(trigger.id)
    assert deployed.whole(trigger) == before


def test_a_deployment_that_nobody_signed_is_named_and_kept(deployed: Deployed) -> None:
    """Somebody made it by hand under our name."""
    deployed.deploy(deployed.flow, "flowforge-trigger-by-hand")
    drifts = [drift for drift in deployed.engine.check_deployments() if drift.trigger_id == "by-hand"]
    assert [(drift.kind, drift.mendable) for drift in drifts] == [("orphan", False)]
    assert "left" in [repair.action for repair in deployed.engine.repair_deployments()]
    by_hand = deployed.ask(lambda c: c.read_deployment_by_name(f"{deployed.flow}/flowforge-trigger-by-hand"))
    deployed.ask(lambda client: client.delete_deployment(by_hand.id))
