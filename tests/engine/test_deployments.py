"""What Prefect is told when triggers change, and what the engine makes of its answers; Prefect is a fake here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flowforge_graph import DependencyTrigger, ManualTrigger, ScheduledTrigger, TriggerEngine
from flowforge_graph.engine.changes import DefinitionChanges
from flowforge_graph.errors import (
    CycleError,
    DeploymentError,
    DeploymentNotFound,
    DeploymentsUnreachable,
    InvalidTrigger,
)
from flowforge_graph.facts import Fact
from flowforge_graph.model import Deployment
from flowforge_graph.schedules import CronExpression, fire_times
from flowforge_graph.testing import FixedClock, MemoryDeployments
from tests.engine.support import write


@pytest.fixture
def prefect() -> MemoryDeployments:
    """A Prefect that is well."""
    return MemoryDeployments()


@pytest.fixture
def told() -> list[str]:
    """The errors of what did not follow."""
    return []


@pytest.fixture
def engine(prefect: MemoryDeployments, told: list[str]) -> Iterator[TriggerEngine]:
    """An engine with two workflows."""

    def listen(fact: Fact) -> None:
        if fact.event == "deployment.not_followed":
            told.append(fact.error)  # type: ignore[attr-defined]

    with TriggerEngine("sqlite://", clock=FixedClock(), deployments=prefect) as opened:
        opened.subscribe(listen)
        opened.create_workflow("a", run={"prefect": "flow/a"})
        opened.create_workflow("b", run={"prefect": "flow/b"})
        yield opened


def schedule(engine: TriggerEngine, cron: str = "0 2 * * *", **fields: Any) -> ScheduledTrigger:
    """A stored schedule of workflow a."""
    stored = engine.create_trigger(ScheduledTrigger(workflow_id="a", cron_expression=cron, **fields))
    assert isinstance(stored, ScheduledTrigger)
    return stored


def state(prefect: MemoryDeployments) -> dict[str, tuple[str | None, bool, bool]]:
    """Cron, active and paused of each deployment, by its id."""
    return {i: (d.cron_expression, d.schedule_active, d.paused) for i, d in prefect.kept.items()}


# Following


def test_only_prefects_schedules_get_a_deployment_by_themselves(engine: TriggerEngine, prefect: Any) -> None:
    """The engine's get one when somebody asks for it."""
    ours, theirs = schedule(engine), schedule(engine, "0 3 * * *", schedule_owner="prefect")
    assert state(prefect) == {f"flow/flowforge-trigger-{theirs.id}": ("0 3 * * *", True, False)}
    engine.sync_deployment(ours.id)
    assert state(prefect)[f"flow/flowforge-trigger-{ours.id}"] == ("0 2 * * *", False, False)


@pytest.mark.parametrize("owner", ["engine", "prefect"])
def test_a_deployment_follows_its_trigger(engine: TriggerEngine, prefect: MemoryDeployments, owner: str) -> None:
    """Its schedule, whether it is enabled, and its end; a name or a policy is none of its business."""
    trigger = schedule(engine, schedule_owner=owner)
    engine.sync_deployment(trigger.id)
    key, active = f"flow/flowforge-trigger-{trigger.id}", owner == "prefect"
    engine.update_trigger(trigger.id, cron_expression="0 4 * * *")
    assert state(prefect) == {key: ("0 4 * * *", active, False)}
    engine.disable_trigger(trigger.id)
    assert state(prefect) == {key: ("0 4 * * *", active, True)}
    engine.update_trigger(trigger.id, enabled=True)
    assert state(prefect) == {key: ("0 4 * * *", active, False)}
    before = prefect.kept[key]
    engine.update_trigger(trigger.id, trigger_name="nightly", misfire_policy="all")
    assert prefect.kept[key] is before
    engine.delete_trigger(trigger.id)
    assert prefect.kept == {}


def test_what_the_engine_owns_and_nobody_synchronised_is_not_made(engine: TriggerEngine, prefect: Any) -> None:
    """Following makes no deployment of it."""
    trigger = schedule(engine)
    engine.update_trigger(trigger.id, cron_expression="0 4 * * *")
    engine.disable_trigger(trigger.id)
    engine.enable_trigger(trigger.id)
    assert prefect.kept == {}


def test_enabling_makes_what_prefect_lacks(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """Otherwise nobody would start it."""
    trigger = schedule(engine, schedule_owner="prefect", enabled=False)
    prefect.kept.clear()
    engine.enable_trigger(trigger.id)
    assert state(prefect) == {f"flow/flowforge-trigger-{trigger.id}": ("0 2 * * *", True, False)}


def test_a_workflow_takes_its_deployments_along(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """To another flow when its run changes, away when it is deleted."""
    trigger = schedule(engine, schedule_owner="prefect")
    engine.update_workflow("a", name="Alpha")
    engine.update_workflow("a", run={"prefect": "other/a"})
    assert list(prefect.kept) == [f"other/flowforge-trigger-{trigger.id}"]
    engine.delete_workflow("a")
    assert prefect.kept == {}


def test_a_file_is_followed_as_well(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """New, changed, moved, removed and rerouted in one decision."""
    new = ScheduledTrigger(workflow_id="b", cron_expression="0 1 * * *", schedule_owner="prefect")
    changed, gone, moved, rerouted = (
        schedule(engine, f"{minute} 2 * * *", schedule_owner="prefect") for minute in range(4)
    )
    workflow = engine.get_workflow("b")
    engine.update_trigger(rerouted.id, enabled=False)

    def decide(_: object) -> DefinitionChanges:
        return DefinitionChanges(
            delete_trigger_ids=(gone.id,),
            put_workflows=(workflow.evolve(run={"prefect": "elsewhere/b"}),),
            put_triggers=(
                new,
                changed.evolve(cron_expression="9 2 * * *"),
                moved.evolve(schedule_owner="engine"),
                ManualTrigger(workflow_id="b"),
            ),
        )

    engine.change_definitions(decide)
    assert state(prefect) == {
        f"elsewhere/flowforge-trigger-{new.id}": ("0 1 * * *", True, False),
        f"flow/flowforge-trigger-{changed.id}": ("9 2 * * *", True, False),
        f"flow/flowforge-trigger-{moved.id}": ("2 2 * * *", False, False),
        f"flow/flowforge-trigger-{rerouted.id}": ("3 2 * * *", True, True),
    }
    engine.change_definitions(lambda stored: DefinitionChanges(delete_workflow_ids=("a",)))
    assert list(prefect.kept) == [f"elsewhere/flowforge-trigger-{new.id}"]


# Prefect is away


def test_what_prefect_does_not_hear_is_told_and_mended(
    engine: TriggerEngine, prefect: MemoryDeployments, told: list[str]
) -> None:
    """Every change stands; a repair brings Prefect to it."""
    kept, gone = schedule(engine, schedule_owner="prefect"), schedule(engine, "0 3 * * *", schedule_owner="prefect")
    prefect.fault = "connection refused"
    engine.update_trigger(kept.id, cron_expression="0 4 * * *")
    engine.disable_trigger(kept.id)
    engine.delete_trigger(gone.id)
    engine.update_workflow("a", run={"prefect": "flow/a2"})
    new = schedule(engine, "0 5 * * *", schedule_owner="prefect")
    assert len(told) == 5
    assert set(told) == {"Prefect did not answer"}
    prefect.fault = None
    assert {(d.trigger_id, d.kind) for d in engine.check_deployments()} == {
        (kept.id, "schedule"),
        (kept.id, "paused"),
        (gone.id, "orphan"),
        (new.id, "missing"),
    }
    assert {(r.trigger_id, r.action) for r in engine.repair_deployments()} == {
        (kept.id, "synchronised"),
        (gone.id, "deleted"),
        (new.id, "synchronised"),
    }
    assert engine.check_deployments() == []


def test_of_many_only_the_first_waits_for_a_prefect_that_is_away(
    engine: TriggerEngine, prefect: MemoryDeployments, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand time limits would be hours; each is told nonetheless."""
    asked: list[str | None] = []
    ask = prefect.meet_fault
    monkeypatch.setattr(prefect, "meet_fault", lambda: (asked.append(prefect.fault), ask()))
    prefect.fault = "connection refused"
    engine.create_triggers(
        [
            ScheduledTrigger(workflow_id="a", cron_expression=f"{minute} 2 * * *", schedule_owner="prefect")
            for minute in range(9)
        ]
    )
    assert (len(asked), len(told)) == (1, 9)


def test_a_schedule_leaves_prefect_only_once_prefect_let_go(
    engine: TriggerEngine, prefect: MemoryDeployments, told: list[str]
) -> None:
    """Otherwise both would start it: nothing is changed, by an update or by a file."""
    trigger = schedule(engine, schedule_owner="prefect")
    prefect.fault = "connection refused"
    with pytest.raises(DeploymentsUnreachable):
        engine.update_trigger(trigger.id, schedule_owner="engine")
    with pytest.raises(DeploymentsUnreachable):
        engine.change_definitions(
            lambda stored: DefinitionChanges(
                put_triggers=(stored.triggers[trigger.id].evolve(schedule_owner="engine"),),
            )
        )
    assert engine.get_trigger(trigger.id) == trigger
    prefect.fault = None
    engine.update_trigger(trigger.id, schedule_owner=None)
    assert state(prefect) == {f"flow/flowforge-trigger-{trigger.id}": ("0 2 * * *", False, False)}
    assert told == []


def test_what_was_let_go_of_and_then_refused_is_taken_up_again(
    engine: TriggerEngine, prefect: MemoryDeployments
) -> None:
    """The change that asked for it failed on something else."""
    trigger = schedule(engine, schedule_owner="prefect")
    key = f"flow/flowforge-trigger-{trigger.id}"
    with pytest.raises(InvalidTrigger):
        engine.update_trigger(trigger.id, schedule_owner="engine", delay_minutes=5)
    assert state(prefect) == {key: ("0 2 * * *", True, False)}
    loop = DependencyTrigger(workflow_id="a", depends_on_workflow_id="a")
    with pytest.raises(CycleError):
        engine.change_definitions(
            lambda stored: DefinitionChanges(put_triggers=(trigger.evolve(schedule_owner="engine"), loop))
        )
    assert state(prefect) == {key: ("0 2 * * *", True, False)}


def test_prefect_has_let_go_before_the_engine_owns_it(
    engine: TriggerEngine, prefect: MemoryDeployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the moment of the commit the deployment is paused."""
    trigger = schedule(engine, schedule_owner="prefect")
    seen: list[tuple[bool, str]] = []
    pause = prefect.pause

    def look(deployment: Deployment) -> Deployment | None:
        paused = pause(deployment)
        stored = engine.get_trigger(trigger.id)
        assert isinstance(stored, ScheduledTrigger)
        seen.append((paused is not None and paused.paused, stored.schedule_owner))
        return paused

    monkeypatch.setattr(prefect, "pause", look)
    engine.update_trigger(trigger.id, schedule_owner="engine")
    assert seen == [(True, "prefect")]


# Checking


def test_a_deployment_of_a_workflow_that_left_prefect_is_deleted(
    engine: TriggerEngine, prefect: MemoryDeployments, told: list[str]
) -> None:
    """Nothing could run there; that nobody starts the trigger now stays in the check."""
    trigger = schedule(engine, schedule_owner="prefect")
    prefect.missing.add("flow/a")
    (drift,) = engine.check_deployments()
    assert (drift.kind, drift.message, drift.mendable) == ("unrunnable", "Prefect has no deployment 'flow/a'", True)
    assert [repair.action for repair in engine.repair_deployments()] == ["deleted"]
    assert prefect.kept == {}
    (drift,) = engine.check_deployments()
    assert (drift.trigger_id, drift.mendable) == (trigger.id, False)
    assert [repair.action for repair in engine.repair_deployments()] == ["left"]


def test_a_repair_goes_on_after_what_it_cannot_mend(
    engine: TriggerEngine, prefect: MemoryDeployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refusal is one line."""
    bad, good = (schedule(engine, f"{minute} 2 * * *", schedule_owner="prefect") for minute in range(2))
    prefect.kept.clear()
    put = prefect.put

    def refuse_one(planned: Deployment, *rest: Any, **named: Any) -> Deployment:
        if planned.trigger_id == bad.id:
            raise DeploymentError("Prefect refused")
        return put(planned, *rest, **named)

    monkeypatch.setattr(prefect, "put", refuse_one)
    repairs = {repair.trigger_id: (repair.action, repair.message) for repair in engine.repair_deployments()}
    assert repairs[bad.id] == ("left", "Prefect refused")
    assert repairs[good.id][0] == "synchronised"


def test_a_prefect_that_is_away_is_no_drift(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """Nothing can be said then."""
    schedule(engine, schedule_owner="prefect")
    prefect.fault = "connection refused"
    for ask in (engine.check_deployments, engine.repair_deployments):
        with pytest.raises(DeploymentsUnreachable):
            ask()


def test_a_deployment_in_two_flows_becomes_one(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """A process died between the two."""
    trigger = schedule(engine, schedule_owner="prefect")
    (made,) = prefect.kept.values()
    prefect.kept["old/it"] = made.evolve(id="old/it", flow_id="old")
    assert [drift.kind for drift in engine.check_deployments()] == ["flow"]
    engine.repair_deployments()
    assert list(prefect.kept) == [f"flow/flowforge-trigger-{trigger.id}"]


# Pausing by hand, previews, and without a Prefect


def test_a_disabled_triggers_deployment_is_not_resumed(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """Disabled starts nothing, whoever owns it; an enabled one may be paused, which the check calls drift."""
    trigger = schedule(engine, schedule_owner="prefect")
    assert engine.pause_deployment(trigger.id).paused is True
    assert [drift.kind for drift in engine.check_deployments()] == ["paused"]
    assert engine.resume_deployment(trigger.id).paused is False
    engine.disable_trigger(trigger.id)
    with pytest.raises(InvalidTrigger, match="enabling it resumes its deployment"):
        engine.resume_deployment(trigger.id)
    engine.delete_deployment(trigger.id)
    with pytest.raises(DeploymentNotFound):
        engine.pause_deployment(trigger.id)


def test_differences_are_counted_and_the_first_ones_named(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """Twenty are enough to see what it is about."""
    prefect.rule = lambda expression, zone, after: iter(())
    deployment = engine.sync_deployment(schedule(engine).id)
    assert (deployment.difference_count, len(deployment.differences)) == (400, 20)
    assert {(d.only, d.reason) for d in deployment.differences} == {("engine", None)}


def test_a_preview_is_by_the_owners_rule(engine: TriggerEngine, prefect: MemoryDeployments) -> None:
    """An hour later, for a Prefect that has it so."""
    start = datetime(2026, 1, 1, tzinfo=UTC)

    def an_hour_later(expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        return (at + timedelta(hours=1) for at in fire_times(expression, zone, after))

    prefect.rule = an_hour_later
    trigger = schedule(engine)
    ours = engine.preview_trigger(trigger.id, count=2)
    assert ours == engine.preview_schedule("0 2 * * *", count=2, start=start)
    engine.update_trigger(trigger.id, schedule_owner="prefect")
    theirs = engine.preview_trigger(trigger.id, count=2, start=start)
    assert theirs == replace(ours, next_runs=tuple(at + timedelta(hours=1) for at in ours.next_runs))


def test_without_a_prefect_everything_says_so() -> None:
    """And the stored triggers change as ever, in either direction."""
    with TriggerEngine("sqlite://") as engine:
        engine.create_workflow("a")
        trigger = schedule(engine, schedule_owner="prefect")
        for ask in (
            engine.sync_deployment,
            engine.get_deployment,
            engine.delete_deployment,
            engine.pause_deployment,
            engine.resume_deployment,
            engine.preview_trigger,
        ):
            with pytest.raises(DeploymentError, match="no Prefect is connected to this engine"):
                ask(trigger.id)
        for ask_all in (engine.check_deployments, engine.repair_deployments):
            with pytest.raises(DeploymentError, match="no Prefect is connected to this engine"):
                ask_all()
        engine.update_trigger(trigger.id, schedule_owner="engine")
        assert len(engine.preview_trigger(trigger.id).next_runs) == 5


@pytest.mark.parametrize("name", ["sync_deployment", "pause_deployment", "preview_trigger"])
def test_other_kinds_have_none(engine: TriggerEngine, name: str) -> None:
    """Only a schedule has a deployment and fire times."""
    manual = engine.create_trigger(ManualTrigger(workflow_id="a"))
    with pytest.raises(InvalidTrigger, match="is of type manual: only scheduled ones have"):
        getattr(engine, name)(manual.id)


@pytest.fixture
def unconnected(told: list[str]) -> Iterator[TriggerEngine]:
    """An engine without a Prefect, with two workflows; the ids of what Prefect should know of are told."""

    def listen(fact: Fact) -> None:
        if fact.event == "deployment.not_followed":
            assert "no Prefect is connected" in fact.error  # type: ignore[attr-defined]
            told.append(fact.trigger_id)  # type: ignore[attr-defined]

    with TriggerEngine("sqlite://", clock=FixedClock()) as opened:
        opened.subscribe(listen)
        opened.create_workflow("a", run={"prefect": "flow/a"})
        opened.create_workflow("b", run={"prefect": "flow/b"})
        yield opened


def test_without_a_prefect_nothing_is_said_of_what_is_not_its_own(unconnected: TriggerEngine, told: list[str]) -> None:
    """The engine's schedules, and triggers of other kinds."""
    trigger = schedule(unconnected)
    unconnected.update_trigger(trigger.id, cron_expression="0 4 * * *")
    manual = unconnected.create_trigger(ManualTrigger(workflow_id="a"))
    unconnected.disable_trigger(manual.id)
    unconnected.update_workflow("a", run={"prefect": "other/a"})
    unconnected.delete_trigger(trigger.id)
    unconnected.delete_workflow("a")
    assert told == []


def test_enabling_brings_what_prefect_did_not_hear_of(
    engine: TriggerEngine, prefect: MemoryDeployments, told: list[str]
) -> None:
    """A trigger that was changed while it was disabled starts as it is now, not as it was."""
    trigger = schedule(engine, schedule_owner="prefect")
    engine.disable_trigger(trigger.id)
    prefect.fault = "connection refused"
    engine.update_trigger(trigger.id, cron_expression="0 9 * * *")
    engine.update_workflow("a", run={"prefect": "other/a"})
    prefect.fault = None
    engine.enable_trigger(trigger.id)
    assert state(prefect) == {f"other/flowforge-trigger-{trigger.id}": ("0 9 * * *", True, False)}
    assert engine.check_deployments() == []
    assert len(told) == 2


def test_without_a_prefect_each_change_of_its_schedules_is_told(unconnected: TriggerEngine, told: list[str]) -> None:
    """Silence would leave a schedule with two owners, or with none."""
    trigger = schedule(unconnected, schedule_owner="prefect")
    changes: list[dict[str, Any]] = [
        {"cron_expression": "0 4 * * *"},
        {"enabled": False},
        {"cron_expression": "0 5 * * *"},
        {"enabled": True},
        {"schedule_owner": "engine"},
        {"schedule_owner": "prefect"},
    ]
    for change in changes:
        unconnected.update_trigger(trigger.id, **change)
    unconnected.update_workflow("a", run={"prefect": "other/a"})
    unconnected.delete_workflow("a")
    assert told == [trigger.id] * (1 + len(changes) + 2)
    unconnected.update_workflow("b", name="Beta", run={"prefect": "flow/b"})
    assert len(told) == 1 + len(changes) + 2


def test_without_a_prefect_none_is_told_twice_or_for_a_name(unconnected: TriggerEngine, told: list[str]) -> None:
    """What changes neither rhythm nor owner is none of its business; one file tells of each trigger once."""
    kept, gone, moved = (
        schedule(unconnected, f"{minute} 2 * * *", schedule_owner="prefect", trigger_name="n") for minute in range(3)
    )
    told.clear()
    unconnected.update_trigger(kept.id, trigger_name="nightly", misfire_policy="all", enabled=True)
    assert told == []
    stored = unconnected.get_workflow("a")
    unconnected.change_definitions(
        lambda _: DefinitionChanges(
            delete_trigger_ids=(gone.id,),
            put_workflows=(stored.evolve(run={"prefect": "elsewhere/a"}),),
            put_triggers=(moved.evolve(schedule_owner="engine"),),
        )
    )
    assert sorted(told) == sorted([kept.id, gone.id, moved.id])
    assert len(unconnected.list_triggers("a")) == 2
    told.clear()
    unconnected.delete_trigger(kept.id)
    assert told == [kept.id]


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_workflow_goes_with_a_schedule_that_cannot_be_read(
    make_engine: Callable[..., TriggerEngine], prefect: MemoryDeployments, told: list[str], is_connected: bool
) -> None:
    """No value is read of what is deleted; Prefect's deployment goes as well, or it is said that it does not."""
    engine = make_engine(deployments=prefect if is_connected else None)
    engine.subscribe(lambda fact: told.append(fact.event))
    engine.create_workflow("a", run={"prefect": "flow/a"})
    schedule(engine, schedule_owner="prefect")
    told.clear()
    write(engine, f"UPDATE workflow_triggers SET created_at = {10**16}")
    engine.delete_workflow("a")
    assert prefect.kept == {}
    assert ("deployment.not_followed" in told) is not is_connected
