"""Rules 13–15: delays are real and survive a restart, claims look twice, a cancel is answered at once or asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from flowforge_graph import (
    CompletionConflict,
    Execution,
    ExecutionConflict,
    ExecutionNotFound,
    InvalidTrigger,
    LeaseLost,
    ScheduledTrigger,
    TriggerEngine,
)
from flowforge_graph.testing import FixedClock, RecordingExecutor
from tests.engine.support import depends, make_workflows, reasons

MakeEngine = Callable[..., TriggerEngine]


@pytest.fixture
def engine(make_engine: MakeEngine) -> TriggerEngine:
    """An engine with A, B and C, in which B waits five minutes for A."""
    engine = make_engine()
    make_workflows(engine, *"ABC")
    engine.create_trigger(depends("B", "A", delay_minutes=5, id="t"))
    return engine


def waiting(engine: TriggerEngine) -> Execution:
    """The one pending execution."""
    (execution,) = engine.list_executions(status="pending")
    return execution


# Rule 13


def test_a_delay_survives_a_restart(engine: TriggerEngine, make_engine: MakeEngine, clock: FixedClock) -> None:
    """Stored and visible; due at the very second, not before; in whatever process looks then."""
    engine.complete("up", "completed", workflow_id="A")
    execution = waiting(engine)
    assert execution.run_after == clock.now() + timedelta(minutes=5)
    assert engine.next_available_at() == execution.run_after
    engine.close()
    executor = RecordingExecutor()
    restarted = make_engine(executor=executor)
    clock.advance(minutes=5, seconds=-1)
    assert restarted.dispatch_due() == 0
    clock.advance(seconds=1)
    assert restarted.dispatch_due() == 1
    assert executor.started_workflow_ids == ["B"]
    assert restarted.next_available_at() is None


def test_a_delay_is_waited_out_unless_it_is_ignored(engine: TriggerEngine, make_engine: MakeEngine) -> None:
    """``ignore_delays`` starts at once, within the cascades named, and does not hurry a retry."""
    engine.complete("up", "completed", workflow_id="A")
    engine.complete("other", "completed", workflow_id="A")
    executor = RecordingExecutor()
    dispatcher = make_engine(executor=executor)
    dispatcher.run_until_idle()
    assert executor.started == []
    assert dispatcher.dispatch_due(roots=["up"], ignore_delays=True) == 1
    assert [execution.root_execution_id for execution in executor.started] == ["up"]


@pytest.mark.parametrize("delay", [-1, 61, 2.5, "5", True, None])
def test_a_delay_is_a_whole_number_of_minutes(delay: object) -> None:
    """0 to 60, nothing coerced."""
    with pytest.raises(InvalidTrigger, match="delay_minutes must be"):
        depends("B", "A", delay_minutes=delay)


# Rule 14


def _move(engine: TriggerEngine) -> None:
    engine.update_trigger("t", depends_on_workflow_id="C")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda engine: engine.disable_trigger("t"), "trigger_disabled"),
        (lambda engine: engine.delete_trigger("t"), "trigger_deleted"),
        (_move, "trigger_moved"),
        (lambda engine: engine.delete_workflow("B"), "workflow_deleted"),
        (lambda engine: engine.delete_workflow("A"), "trigger_deleted"),
    ],
)
def test_what_changed_while_it_waited_cancels_it(
    engine: TriggerEngine, clock: FixedClock, change: Callable[[TriggerEngine], object], reason: str
) -> None:
    """With that reason, when it is claimed."""
    engine.complete("up", "completed", workflow_id="A")
    execution = waiting(engine)
    change(engine)
    clock.advance(minutes=5)
    assert engine.claim_due(10) == []
    ended = engine.get_execution(execution.id)
    assert (ended.status, ended.reason, ended.attempt) == ("cancelled", reason, 0)


def test_a_second_look_cancels_through_the_completion_path(engine: TriggerEngine, clock: FixedClock) -> None:
    """What waits further down answers upstream_cancelled."""
    engine.create_trigger(depends("C", "B", "on_completion"))
    engine.complete("up", "completed", workflow_id="A")
    execution = waiting(engine)
    engine.disable_trigger("t")
    clock.advance(minutes=5)
    engine.claim_due()
    assert reasons(engine.get_verdicts(execution.id)) == [("C", "upstream_cancelled")]


def test_a_changed_rule_is_not_read_again(engine: TriggerEngine, clock: FixedClock) -> None:
    """Delay, condition and name of the moment of the completion count; disabled and enabled again is enabled."""
    engine.complete("up", "completed", workflow_id="A")
    engine.update_trigger("t", delay_minutes=60, dependency_condition="on_failure", trigger_name="new")
    engine.disable_trigger("t")
    engine.enable_trigger("t")
    clock.advance(minutes=5)
    (claim,) = engine.claim_due(10)
    assert (claim.execution.delay_minutes, claim.execution.dependency_condition) == (5, "on_success")
    assert claim.execution.trigger_name is None


def test_an_undelayed_execution_is_looked_at_twice_as_well(engine: TriggerEngine) -> None:
    """Scheduled ones too."""
    engine.update_trigger("t", delay_minutes=0)
    engine.complete("up", "completed", workflow_id="A")
    engine.disable_trigger("t")
    assert engine.claim_due(10) == []
    assert engine.list_executions("B")[0].reason == "trigger_disabled"


def test_a_schedule_disabled_after_its_fire_cancels_it(engine: TriggerEngine, clock: FixedClock) -> None:
    """The fire is stored as pending; the claim looks at the trigger again."""
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="C", cron_expression="* * * * *"))
    clock.advance(minutes=1)
    assert len(engine.tick().started_execution_ids) == 1
    engine.disable_trigger(trigger.id)
    assert engine.claim_due(10) == []
    assert engine.list_executions("C")[0].reason == "trigger_disabled"


def test_many_refused_claims_do_not_hide_a_good_one(engine: TriggerEngine) -> None:
    """A claim goes on behind those that its second look cancelled."""
    engine.update_trigger("t", delay_minutes=0)
    for number in range(5):
        engine.complete(f"up{number}", "completed", workflow_id="A")
    engine.disable_trigger("t")
    good = engine.start("C")
    assert [claim.execution_id for claim in engine.claim_due(2)] == [good.id]


# Rule 15


def test_a_pending_execution_is_cancelled_at_once(engine: TriggerEngine) -> None:
    """It ends, its triggers are told, and nothing claims it; twice answers the same."""
    execution = engine.start("A")
    cancelled = engine.cancel(execution.id)
    assert (cancelled.status, cancelled.reason) == ("cancelled", "cancel_requested")
    assert reasons(engine.get_verdicts(execution.id)) == [("B", "upstream_cancelled")]
    assert engine.cancel(execution.id) == cancelled
    assert engine.claim_due() == []
    with pytest.raises(ExecutionNotFound):
        engine.cancel("nobody")


def test_a_delayed_execution_can_be_cancelled(engine: TriggerEngine, clock: FixedClock) -> None:
    """Rule 13: while it waits."""
    engine.complete("up", "completed", workflow_id="A")
    assert engine.cancel(waiting(engine).id).status == "cancelled"
    clock.advance(minutes=10)
    assert engine.claim_due() == []


@pytest.mark.parametrize("status", ["completed", "failed"])
def test_what_ended_cannot_be_cancelled(engine: TriggerEngine, status: str) -> None:
    """It stands as it ended."""
    engine.complete("one", status, workflow_id="A")
    with pytest.raises(ExecutionConflict, match=f"'one' has already ended as {status}"):
        engine.cancel("one")
    assert engine.get_execution("one").status == status


def test_the_holder_sees_the_request_when_it_renews(
    engine: TriggerEngine, make_engine: MakeEngine, clock: FixedClock
) -> None:
    """A running execution is asked, from any process; its holder settles. The first request keeps its instant."""
    engine.start("C", execution_id="one")
    (claim,) = engine.claim_due()
    engine.mark_running(claim)
    assert not engine.renew(claim).cancel_requested
    asked = make_engine().cancel("one")
    assert (asked.status, asked.cancel_requested_at) == ("running", clock.now())
    clock.advance(seconds=5)
    assert engine.cancel("one") == asked
    assert engine.renew(claim).cancel_requested
    engine.complete("one", "cancelled", claim=claim)
    assert engine.cancel("one").status == "cancelled"


def test_a_completion_that_arrives_first_stands(engine: TriggerEngine) -> None:
    """A request is no end."""
    engine.start("C", execution_id="one")
    (claim,) = engine.claim_due()
    engine.mark_running(claim)
    engine.cancel("one")
    assert engine.complete("one", "completed", claim=claim).status == "completed"
    with pytest.raises(ExecutionConflict):
        engine.cancel("one")
    with pytest.raises(CompletionConflict):
        engine.complete("one", "cancelled", claim=claim)


def test_a_claimed_execution_that_has_not_started_is_cancelled_at_once(engine: TriggerEngine) -> None:
    """Its dispatcher learns it when it marks it running."""
    engine.start("C", execution_id="one")
    (claim,) = engine.claim_due()
    assert engine.cancel("one").status == "cancelled"
    with pytest.raises(LeaseLost):
        engine.mark_running(claim)


def test_a_request_outlives_a_lost_holder(engine: TriggerEngine, clock: FixedClock) -> None:
    """Whoever takes over settles it; it does not start again."""
    engine.start("C", execution_id="one")
    (claim,) = engine.claim_due()
    engine.mark_running(claim)
    engine.cancel("one")
    clock.advance(seconds=15)
    assert engine.claim_due() == []
    ended = engine.get_execution("one")
    assert (ended.status, ended.reason) == ("cancelled", "cancel_requested")


def test_a_request_outlives_a_release(engine: TriggerEngine) -> None:
    """Handed back by its holder, it ends at the next claim."""
    engine.start("C", execution_id="one")
    (claim,) = engine.claim_due()
    engine.mark_running(claim)
    engine.cancel("one")
    engine.release(claim)
    assert engine.claim_due() == []
    assert engine.get_execution("one").reason == "cancel_requested"
