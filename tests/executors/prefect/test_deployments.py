"""The deployment of a scheduled trigger, from its making to its end, as the server itself sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.states import Pending

from flowforge_graph import DependencyTrigger, ScheduledTrigger, TriggerEngine
from flowforge_graph.errors import DeploymentError, DeploymentNotFound, DeploymentsUnreachable
from flowforge_graph.executors.prefect import PrefectReconciler
from flowforge_graph.executors.prefect.deployments import PrefectDeployments
from flowforge_graph.executors.prefect.server import PrefectServer
from flowforge_graph.facts import Fact
from tests.executors.prefect.deployed import Deployed, start_of
from tests.executors.prefect.flows import set_state
from tests.support.prefect_servers import free_port


@pytest.fixture
def deployed(prefect: PrefectServer) -> Iterator[Deployed]:
    """A workflow on a deployment of its own."""
    made = Deployed(prefect)
    with made.engine:
        yield made


# Everything that a deployment can be given.
_WHOLE: dict[str, Any] = {
    "version": "7",
    "description": "nightly rows",
    "parameters": {"rows": 3},
    "tags": ["team-a"],
    "work_queue_name": "night",
    "path": "/srv/flows",
    "entrypoint": "flows.py:rows",
    "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": "/srv/flows"}}],
    "parameter_openapi_schema": {"type": "object", "properties": {"rows": {"type": "integer"}}},
    "enforce_parameter_schema": True,
    "job_variables": {"env": {"PASSWORD": "s3cret"}},
    "concurrency_limit": 3,
    "concurrency_options": ConcurrencyOptions(collision_strategy="CANCEL_NEW"),
}
_COPIED = (
    "version",
    "description",
    "parameters",
    "work_pool_name",
    "work_queue_name",
    "path",
    "entrypoint",
    "pull_steps",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
    "job_variables",
    "concurrency_options",
    "flow_id",
)


def test_it_is_a_whole_copy_of_the_workflows_own_and_stays_one(deployed: Deployed) -> None:
    """Nothing is wiped, neither when it is made nor when it is brought up to date; its limit is its own."""
    pool = f"pool-{deployed.flow}"
    deployed.ask(lambda client: client.create_work_pool(WorkPoolCreate(name=pool, type="process")))
    base_id = deployed.deploy(deployed.flow, "base", work_pool_name=pool, **_WHOLE)
    base = deployed.ask(lambda client: client.read_deployment(base_id))
    trigger = deployed.trigger()
    for again in (1, 2):
        answered = deployed.engine.sync_deployment(trigger.id)
        made = deployed.whole(trigger)
        assert {name: getattr(made, name) for name in _COPIED} == {name: getattr(base, name) for name in _COPIED}, again
        assert made.tags[0] == "team-a"
        assert set(made.tags[1:]) >= {
            "flowforge",
            f"flowforge-trigger:{trigger.id}",
            f"flowforge-workflow:{deployed.workflow_id}",
        }
        assert made.global_concurrency_limit is not None
        assert base.global_concurrency_limit is not None
        assert made.global_concurrency_limit.limit == 3
        assert made.global_concurrency_limit.id != base.global_concurrency_limit.id
        assert answered.id == str(made.id)
        assert "s3cret" not in answered.model_dump_json(), "what may hold secrets is shown as a digest"
        assert not any("work pool" in note for note in answered.notes)
    deployed.engine.delete_deployment(trigger.id)
    assert deployed.ask(lambda client: client.read_deployment(base_id)).global_concurrency_limit is not None


def test_its_schedule_is_the_triggers(deployed: Deployed) -> None:
    """Cron and zone as stored, days combined as ours are, under a constant slug."""
    trigger = deployed.trigger("0 0 */2 * 1", "Europe/Berlin", schedule_owner="prefect", enabled=False)
    deployed.engine.sync_deployment(trigger.id)
    made = deployed.whole(trigger)
    (schedule,) = made.schedules
    assert schedule.schedule.model_dump() == {"cron": "0 0 */2 * 1", "timezone": "Europe/Berlin", "day_or": False}
    assert (schedule.slug, schedule.active, made.paused) == ("flowforge", True, True)


def test_only_its_owner_starts_a_schedule(deployed: Deployed) -> None:
    """The engine's is inactive in Prefect and has no runs, as the answer says; Prefect's has runs with our tags."""
    engines = deployed.trigger("* * * * *", "UTC")
    answered = deployed.engine.sync_deployment(engines.id)
    assert answered.schedule_active is False
    assert "the engine owns this schedule, so that it is inactive in Prefect" in answered.notes
    prefects = deployed.trigger("*/2 * * * *", "UTC", schedule_owner="prefect")
    runs = deployed.scheduled_runs(deployed.whole(prefects).id)
    assert {"flowforge", f"flowforge-trigger:{prefects.id}", f"flowforge-workflow:{deployed.workflow_id}"} <= set(
        runs[0].tags
    )
    assert deployed.runs(deployed.whole(engines).id) == []
    assert deployed.engine.tick().started_execution_ids == ()


def test_what_prefect_started_by_schedule_is_an_execution_of_its_trigger(deployed: Deployed) -> None:
    """The reconciler finds it by the tags that the deployment gave it; what depends on the workflow starts."""
    engine = deployed.engine
    engine.create_workflow("after")
    engine.create_trigger(DependencyTrigger(workflow_id="after", depends_on_workflow_id=deployed.workflow_id))
    trigger = deployed.trigger("* * * * *", "UTC", schedule_owner="prefect")
    reconciler = PrefectReconciler(engine, deployed.server)
    reconciler.reconcile()
    run = deployed.scheduled_runs(deployed.whole(trigger).id)[0]
    set_state(deployed.server, str(run.id), "running", "completed")
    reconciler.reconcile()
    (execution,) = engine.get_trigger_history(trigger.id)
    assert (execution.workflow_id, execution.trigger_type, execution.status, execution.external_id) == (
        deployed.workflow_id,
        "scheduled",
        "completed",
        str(run.id),
    )
    stored = engine.get_trigger(trigger.id)
    assert isinstance(stored, ScheduledTrigger)
    assert stored.last_run_at == execution.fire_time == run.expected_start_time
    assert [started.upstream_execution_id for started in engine.list_executions("after")] == [execution.id]


def test_the_owner_moves_with_an_update(deployed: Deployed) -> None:
    """Never both: Prefect begins after the engine has stopped, and stops before the engine begins."""
    trigger = deployed.trigger("* * * * *", "UTC")
    deployed.engine.update_trigger(trigger.id, schedule_owner="prefect")
    deployment_id = deployed.whole(trigger).id
    deployed.scheduled_runs(deployment_id)
    deployed.engine.update_trigger(trigger.id, schedule_owner="engine")
    assert deployed.runs(deployment_id) == []
    made = deployed.whole(trigger)
    assert (made.id, made.paused, made.schedules[0].active) == (deployment_id, False, False)
    deployed.wait_for_the_scheduler()
    assert deployed.runs(deployment_id) == []


def test_a_changed_schedule_drops_the_old_runs_and_gets_new_ones(deployed: Deployed) -> None:
    """The scheduler's quick loop sees it, and the schedule keeps its id."""
    trigger = deployed.trigger("0 * * * *", "UTC", schedule_owner="prefect")
    before = deployed.whole(trigger)
    assert {start_of(run).minute for run in deployed.scheduled_runs(before.id)} == {0}
    deployed.engine.update_trigger(trigger.id, cron_expression="7 * * * *")
    assert {start_of(run).minute for run in deployed.scheduled_runs(before.id)} == {7}
    assert deployed.whole(trigger).schedules[0].id == before.schedules[0].id


def test_an_instant_that_a_worker_has_taken_is_not_scheduled_again(deployed: Deployed) -> None:
    """An upsert would give the schedule another id, and that instant a second run."""
    trigger = deployed.trigger("* * * * *", "UTC", schedule_owner="prefect")
    deployment_id = deployed.whole(trigger).id
    taken = deployed.scheduled_runs(deployment_id)[-1]
    deployed.ask(lambda client: client.set_flow_run_state(taken.id, Pending(), force=True))
    deployed.engine.sync_deployment(trigger.id)
    deployed.wait_for_the_scheduler()
    others = [run for run in deployed.scheduled_runs(deployment_id) if start_of(run) == start_of(taken)]
    assert [run.id for run in others] == [taken.id]


@pytest.mark.parametrize("by", ["deployment", "trigger"])
def test_a_pause_drops_what_prefect_scheduled_and_keeps_what_people_started(deployed: Deployed, by: str) -> None:
    """Nothing comes by itself until it is resumed; a disabled trigger's deployment is paused likewise."""
    engine, trigger = deployed.engine, deployed.trigger("* * * * *", "UTC", schedule_owner="prefect")
    deployment_id = deployed.whole(trigger).id
    deployed.scheduled_runs(deployment_id)
    by_hand = deployed.ask(lambda client: client.create_flow_run_from_deployment(deployment_id))
    engine.pause_deployment(trigger.id) if by == "deployment" else engine.disable_trigger(trigger.id)
    assert deployed.whole(trigger).paused
    assert [run.id for run in deployed.runs(deployment_id)] == [by_hand.id]
    deployed.wait_for_the_scheduler()
    assert [run.id for run in deployed.runs(deployment_id)] == [by_hand.id]
    engine.resume_deployment(trigger.id) if by == "deployment" else engine.enable_trigger(trigger.id)
    assert not deployed.whole(trigger).paused
    deployed.scheduled_runs(deployment_id)


@pytest.mark.parametrize("by", ["deployment", "trigger", "workflow"])
def test_it_goes_with_its_runs(deployed: Deployed, by: str) -> None:
    """Deleted by itself, with its trigger, or with the workflow: nothing is left that would start."""
    engine, trigger = deployed.engine, deployed.trigger("* * * * *", "UTC", schedule_owner="prefect")
    deployment_id = deployed.whole(trigger).id
    deployed.scheduled_runs(deployment_id)
    match by:
        case "deployment":
            assert engine.delete_deployment(trigger.id) is True
            assert engine.delete_deployment(trigger.id) is False
            with pytest.raises(DeploymentNotFound):
                engine.get_deployment(trigger.id)
        case "trigger":
            engine.delete_trigger(trigger.id)
        case _:
            engine.delete_workflow(deployed.workflow_id)
    assert deployed.seen(trigger) is None
    assert deployed.runs(deployment_id) == []
    assert deployed.find(lambda client: client.read_deployment(deployed.base_id)) is not None


def test_it_moves_with_the_workflow_to_another_flow(deployed: Deployed) -> None:
    """There is one, in the flow on whose deployment the workflow runs."""
    trigger = deployed.trigger(schedule_owner="prefect")
    other = f"{deployed.flow}-2"
    deployed.deploy(other, "base", entrypoint="other.py:f")
    deployed.engine.update_workflow(deployed.workflow_id, run={"prefect": f"{other}/base"})
    assert deployed.seen(trigger) is None
    moved = deployed.seen(trigger, flow=other)
    assert moved is not None
    assert (moved.entrypoint, moved.schedules[0].active) == ("other.py:f", True)


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (None, "does not run on Prefect, so that there is no deployment to schedule"),
        ({"command": ["true"]}, "does not run on Prefect, so that there is no deployment to schedule"),
        ({"prefect": "no-flow/base"}, "Prefect has no deployment 'no-flow/base', on which workflow 'other' runs"),
    ],
)
def test_a_workflow_without_a_deployment_to_copy_is_refused(deployed: Deployed, run: Any, sentence: str) -> None:
    """In one sentence that says what to do."""
    deployed.engine.create_workflow("other", run=run)
    trigger = deployed.engine.create_trigger(ScheduledTrigger(workflow_id="other", cron_expression="@daily"))
    with pytest.raises(DeploymentError, match=sentence):
        deployed.engine.sync_deployment(trigger.id)


def test_without_an_answer_of_prefect_what_is_stored_changes_nonetheless() -> None:
    """But for the one change that would have both start a schedule: Prefect cannot let go of what it does not hear."""
    told: list[Fact] = []
    nobody = PrefectServer(f"http://127.0.0.1:{free_port()}/api")
    with nobody, TriggerEngine("sqlite://", deployments=PrefectDeployments(nobody)) as engine:
        engine.subscribe(told.append)
        engine.create_workflow("w", run={"prefect": "flow/base"})
        value = ScheduledTrigger(workflow_id="w", cron_expression="@daily", schedule_owner="prefect")
        trigger = engine.create_trigger(value)
        assert engine.disable_trigger(trigger.id).enabled is False
        assert engine.enable_trigger(trigger.id).enabled is True
        with pytest.raises(DeploymentsUnreachable, match="could not be reached"):
            engine.update_trigger(trigger.id, schedule_owner="engine")
        assert engine.get_trigger(trigger.id).schedule_owner == "prefect"  # type: ignore[union-attr]
        engine.delete_trigger(trigger.id)
    assert [fact.event for fact in told].count("deployment.not_followed") == 4
