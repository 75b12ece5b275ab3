"""Rules 10–12 at the engine: claims are committed before the executor is called, and leases are observed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph import (
    DependencyTrigger,
    DispatchError,
    Execution,
    InvalidTime,
    LeaseLost,
    PermanentDispatchError,
    TriggerEngine,
    Workflow,
)
from flowforge_graph.testing import FixedClock, RecordingExecutor
from tests.engine.support import chain_of, depends, make_workflows, reasons, rows, write

MakeEngine = Callable[..., TriggerEngine]
LEASE = 15.0


class Looking:
    """An executor that calls back when it is asked to start something."""

    def __init__(self, look: Callable[[Execution], str | None]) -> None:
        self.look = look

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        assert execution.workflow_id == workflow.id
        return self.look(execution)


# Claims and hand-over


def test_token_and_attempt_are_committed_before_the_executor_is_called(make_engine: MakeEngine) -> None:
    """Another process sees the claim at the moment of the start; the execution id is the idempotency key."""
    other = make_engine()
    seen = []

    def look(execution: Execution) -> str:
        query = "SELECT status, attempt, claim_token IS NOT NULL FROM executions WHERE id = :id"
        seen.append(rows(other, query, id=execution.id))
        return f"there-{execution.id}"

    engine = make_engine(executor=Looking(look))
    make_workflows(engine, "A")
    engine.start("A", execution_id="one")
    assert engine.dispatch_due() == 1
    assert seen == [[("pending", 1, True)]]
    execution = engine.get_execution("one")
    assert (execution.status, execution.external_id, execution.attempt) == ("running", "there-one", 1)


def test_a_database_has_one_name_by_whatever_url_it_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 12: the locks that keep attempts apart are of the database, not of its spelling."""

    def name_of(url: str) -> str:
        with TriggerEngine(url) as engine:
            return engine._dispatcher._held.namespace

    monkeypatch.chdir(tmp_path)
    assert name_of("sqlite:///one.db") == name_of(f"sqlite:///{tmp_path}/one.db")
    assert name_of("sqlite:///one.db") != name_of("sqlite:///two.db")


def test_an_engine_without_an_executor_dispatches_nothing(make_engine: MakeEngine) -> None:
    """The host claims by itself; a naive time is refused all the same."""
    engine = make_engine()
    make_workflows(engine, "A")
    engine.start("A")
    assert engine.dispatch_due() == 0
    with pytest.raises(InvalidTime):
        engine.dispatch_due(datetime(2026, 1, 1))
    assert len(engine.claim_due(1)) == 1


def test_claims_go_out_once_and_in_order(make_engine: MakeEngine, clock: FixedClock) -> None:
    """The longest waiting first, never two claims on one execution."""
    engine, other = make_engine(), make_engine()
    make_workflows(engine, "A")
    for number in range(5):
        engine.start("A", execution_id=f"e{number}")
        clock.advance(seconds=1)
    assert [claim.execution_id for claim in engine.claim_due(2)] == ["e0", "e1"]
    assert [claim.execution_id for claim in other.claim_due(10)] == ["e2", "e3", "e4"]
    assert engine.claim_due(10) == []


def test_a_claim_carries_what_to_run(make_engine: MakeEngine) -> None:
    """The workflow with its run, and the execution with its attempt."""
    engine = make_engine()
    engine.create_workflow("A", run={"command": ["true"]}, run_folder="/srv")
    engine.start("A", {"x": 1}, execution_id="one")
    (claim,) = engine.claim_due()
    assert (claim.execution_id, claim.execution.attempt, claim.execution.parameters) == ("one", 1, {"x": 1})
    assert claim.workflow == engine.get_workflow("A")


def test_run_until_idle_runs_a_cascade_to_its_end(make_engine: MakeEngine) -> None:
    """An executor that completes at once leads from workflow to workflow."""
    ran = []

    def run(execution: Execution) -> None:
        ran.append(execution.workflow_id)
        engine.complete(execution.id, "completed")

    engine = make_engine(executor=Looking(run))
    chain_of(engine, "ABC")
    engine.start("A")
    engine.run_until_idle()
    assert ran == ["A", "B", "C"]
    assert {execution.status for execution in engine.list_executions()} == {"completed"}


# Failed dispatches


def test_a_failed_dispatch_waits_longer_each_time(make_engine: MakeEngine, clock: FixedClock) -> None:
    """available_at moves on, run_after never; the attempt is not consumed."""
    executor = RecordingExecutor([DispatchError("busy") for _ in range(4)])
    engine = make_engine(executor=executor, backoff_seconds=10, max_backoff_seconds=40)
    make_workflows(engine, "A")
    due = engine.start("A", execution_id="one").run_after
    for failures, full in enumerate((10, 20, 40, 40), 1):
        assert engine.dispatch_due() == 0
        waiting = engine.get_execution("one")
        assert (waiting.status, waiting.attempt, waiting.dispatch_failures) == ("pending", 0, failures)
        assert waiting.run_after == due
        assert waiting.error == "busy"
        wait = (waiting.available_at - clock.now()).total_seconds()
        assert full / 2 <= wait <= full + 1
        clock.advance(seconds=wait - 1)
        assert engine.dispatch_due() == 0
        assert engine.get_execution("one") == waiting
        clock.advance(seconds=1)
    assert engine.dispatch_due() == 1
    assert engine.get_execution("one").attempt == 1
    engine.complete("one", "completed")
    assert engine.get_execution("one").error is None


def test_a_dead_letter_takes_the_completion_path(make_engine: MakeEngine, clock: FixedClock) -> None:
    """After the last failure it ends failed, reason dispatch_failed, and on_failure triggers fire."""
    engine = make_engine(executor=RecordingExecutor([DispatchError("busy")] * 3), max_dispatch_failures=3)
    make_workflows(engine, *"ABC")
    engine.create_triggers([depends("B", "A"), depends("C", "A", "on_failure")])
    engine.start("A", execution_id="one")
    for _ in range(3):
        engine.dispatch_due()
        clock.advance(minutes=5)
    ended = engine.get_execution("one")
    assert (ended.status, ended.reason, ended.error) == ("failed", "dispatch_failed", "busy")
    assert reasons(engine.get_verdicts("one")) == [("B", "condition_not_met"), ("C", "triggered")]
    assert engine.complete("one", "failed").triggered


def test_a_permanent_failure_ends_at_once(make_engine: MakeEngine) -> None:
    """No retry."""
    engine = make_engine(executor=RecordingExecutor([PermanentDispatchError("no such deployment")]))
    make_workflows(engine, "A")
    engine.start("A", execution_id="one")
    engine.dispatch_due()
    ended = engine.get_execution("one")
    assert (ended.status, ended.reason, ended.error) == ("failed", "dispatch_failed", "no such deployment")


def test_an_unspeakable_failure_is_kept_as_far_as_it_can_be(make_engine: MakeEngine) -> None:
    """An executor may say what no database can hold, at any length."""
    failures: list[Exception] = [DispatchError("a\0b\ud800" + "x" * 20_000), PermanentDispatchError("c\0d")]
    engine = make_engine(executor=RecordingExecutor(failures))
    make_workflows(engine, "A")
    first, second = engine.start("A").id, engine.start("A").id
    assert engine.dispatch_due() == 0
    error = engine.get_execution(first).error
    assert error is not None
    assert error.startswith("a\ufffdb\ufffdx")
    assert len(error) == 10_000
    assert engine.get_execution(second).error == "c\ufffdd"


class HandsOver:
    """An executor that answers with the external ids it is given, by workflow."""

    def __init__(self, external_ids: dict[str, Any]) -> None:
        self.external_ids = external_ids

    def start(self, execution: Execution, workflow: Workflow) -> Any:
        """The external id of the workflow."""
        return self.external_ids[workflow.id]


def test_an_unspeakable_external_id_is_kept_as_far_as_it_can_be(make_engine: MakeEngine) -> None:
    """The execution runs there: it is not handed over again, and its neighbours start."""
    given = {"A": "a\0b", "B": "\ud800", "C": "x" * 5_000, "D": 17, "E": "run-5"}
    engine = make_engine(executor=HandsOver(given))
    make_workflows(engine, *given)
    for workflow_id in given:
        engine.start(workflow_id, execution_id=workflow_id)
    assert engine.dispatch_due() == len(given)
    stored = {execution.id: execution.external_id for execution in engine.list_executions(status="running")}
    assert stored == {"A": "a\ufffdb", "B": "\ufffd", "C": "x" * 999 + "…", "D": "17", "E": "run-5"}


def test_an_executor_that_breaks_is_asked_again(make_engine: MakeEngine, caplog: pytest.LogCaptureFixture) -> None:
    """Any exception counts as a failed dispatch; it is logged, and the others start."""
    executor = RecordingExecutor([KeyError("oops")])
    engine = make_engine(executor=executor)
    make_workflows(engine, "A")
    engine.start("A", execution_id="one")
    engine.start("A", execution_id="two")
    with caplog.at_level(logging.ERROR):
        assert engine.dispatch_due() == 1
    assert "failed to start execution one" in caplog.text
    assert [execution.id for execution in executor.started] == ["two"]
    assert engine.get_execution("one").dispatch_failures == 1


def test_what_was_taken_away_while_it_failed_harms_no_other(make_engine: MakeEngine) -> None:
    """Somebody cancels during the failing start: the rest of the batch starts."""
    started = []

    def start(execution: Execution) -> str:
        if execution.id == "one":
            engine.cancel("one")
            raise DispatchError("busy")
        started.append(execution.id)
        return "there"

    engine = make_engine(executor=Looking(start))
    make_workflows(engine, "A")
    engine.start("A", execution_id="one")
    engine.start("A", execution_id="two")
    assert engine.dispatch_due() == 1
    assert started == ["two"]
    assert engine.get_execution("one").status == "cancelled"


# Leases


@pytest.fixture
def two(make_engine: MakeEngine) -> tuple[TriggerEngine, FixedClock, TriggerEngine, FixedClock]:
    """Two engines on one database, each with a clock of its own."""
    clocks = FixedClock(), FixedClock()
    first, second = (make_engine(clock=clock, lease_seconds=LEASE) for clock in clocks)
    make_workflows(first, "A")
    return first, clocks[0], second, clocks[1]


Two = tuple[TriggerEngine, FixedClock, TriggerEngine, FixedClock]


def test_a_lease_is_believed_for_as_long_as_one_watched_it(two: Two) -> None:
    """Not taken over before one lease seen by the taker itself, however long ago it was claimed."""
    holder, holders_clock, other, clock = two
    holder.start("A", execution_id="one")
    (claim,) = holder.claim_due()
    holder.mark_running(claim)
    holders_clock.advance(seconds=10 * LEASE)
    clock.set(clock.now() + timedelta(days=1))
    assert other.claim_due() == []
    clock.advance(seconds=LEASE - 0.001)
    assert other.claim_due() == []
    clock.advance(seconds=0.001)
    (taken,) = other.claim_due()
    assert (taken.execution_id, taken.execution.attempt) == ("one", 2)
    assert taken.token != claim.token


def test_a_renewed_lease_is_not_taken(two: Two) -> None:
    """Each renewal begins a new lease in the eyes of the others."""
    holder, _, other, clock = two
    holder.start("A", execution_id="one")
    (claim,) = holder.claim_due()
    holder.mark_running(claim)
    for _ in range(5):
        assert other.claim_due() == []
        clock.advance(seconds=LEASE - 1)
        assert holder.renew(claim).renewals > 0
    assert other.claim_due() == []
    clock.advance(seconds=LEASE)
    assert len(other.claim_due()) == 1


@pytest.mark.parametrize("max_attempts", [1, 3])
@pytest.mark.parametrize("cancel", [False, True])
def test_a_renewal_between_look_and_take_over_stands(
    make_engine: MakeEngine, clock: FixedClock, max_attempts: int, cancel: bool
) -> None:
    """The take-over is guarded by the renewals that were seen, whether it would start again, fail or cancel."""
    holder, other = make_engine(), make_engine(max_attempts=max_attempts)
    make_workflows(holder, "A")
    holder.start("A", execution_id="one")
    (claim,) = holder.claim_due()
    holder.mark_running(claim)
    if cancel:
        holder.cancel("one")
    with other._context.store.database.read() as connection:
        (seen,) = other._context.store.executions.live_claims(connection)
    renewed = holder.renew(claim)
    assert not other._claims._take_over(seen)
    assert holder.get_execution("one").status == "running"
    assert holder.complete("one", "completed", claim=renewed).status == "completed"


def test_a_stale_token_can_do_nothing(two: Two) -> None:
    """Neither renew, nor mark running, nor release, nor complete; and the new holder is not disturbed."""
    holder, _, other, clock = two
    holder.start("A", execution_id="one")
    (stale,) = holder.claim_due()
    other.claim_due()
    clock.advance(seconds=LEASE)
    (fresh,) = other.claim_due()
    for use in (holder.renew, holder.mark_running, holder.release):
        with pytest.raises(LeaseLost, match="the claim on execution 'one' is lost"):
            use(stale)
    with pytest.raises(LeaseLost):
        holder.complete("one", "failed", claim=stale)
    (answer,) = holder.complete_many([{"execution_id": "one", "status": "failed", "claim": stale}])
    assert isinstance(answer, LeaseLost)
    other.mark_running(fresh)
    other.complete("one", "completed", claim=fresh)
    assert other.complete("one", "completed", claim=fresh).status == "completed"
    with pytest.raises(LeaseLost):
        holder.complete("one", "completed", claim=stale)
    assert holder.get_execution("one").status == "completed"


def test_a_completion_without_a_token_is_never_fenced(two: Two) -> None:
    """A hook or REST: the first terminal status wins."""
    holder, _, other, _ = two
    holder.start("A", execution_id="one")
    (claim,) = holder.claim_due()
    other.complete("one", "failed")
    with pytest.raises(LeaseLost):
        holder.renew(claim)
    assert holder.complete("one", "failed", claim=claim).status == "failed"


def test_lost_executions_start_again_up_to_the_limit(make_engine: MakeEngine) -> None:
    """The same id, one attempt more; after max_attempts it ends failed, reason lost, and on_failure fires."""
    clock = FixedClock()
    engine = make_engine(clock=clock, max_attempts=3)
    make_workflows(engine, *"AB")
    engine.create_trigger(depends("B", "A", "on_failure"))
    engine.start("A", execution_id="one")
    for attempt in (1, 2, 3):
        (claim,) = engine.claim_due()
        assert (claim.execution_id, claim.execution.attempt) == ("one", attempt)
        engine.mark_running(claim)
        clock.advance(seconds=LEASE)
    (after,) = engine.claim_due()
    assert after.workflow.id == "B"
    ended = engine.get_execution("one")
    assert (ended.status, ended.reason, ended.attempt) == ("failed", "lost", 3)
    assert ended.error == "its holder was lost 3 times"


def test_an_external_id_ends_the_lease(two: Two) -> None:
    """Handed over, another system has it: nobody takes it over, whenever the id is learnt."""
    holder, _, other, clock = two
    holder.start("A", execution_id="one")
    holder.start("A", execution_id="two")
    one, late = holder.claim_due(2)
    holder.mark_running(one, external_id="flow-run-1")
    holder.mark_running(late)
    holder.mark_running(late, external_id="flow-run-2")
    for _ in range(3):
        assert other.claim_due() == []
        clock.advance(seconds=LEASE)
    assert [other.get_execution(name).external_id for name in ("one", "two")] == ["flow-run-1", "flow-run-2"]
    with pytest.raises(LeaseLost):
        holder.renew(one)
    assert other.complete("one", "completed").status == "completed"


def test_a_released_claim_is_pending_again(two: Two) -> None:
    """At once, for everybody; an attempt that did not start is not counted, one that did is."""
    holder, _, other, _ = two
    holder.start("A", execution_id="one")
    (claim,) = holder.claim_due()
    holder.release(claim)
    (again,) = other.claim_due()
    assert again.execution.attempt == 1
    other.mark_running(again)
    other.release(again)
    released = holder.get_execution("one")
    assert (released.status, released.attempt, released.started_at) == ("pending", 1, None)
    assert holder.claim_due()[0].execution.attempt == 2
    with pytest.raises(LeaseLost):
        other.release(again)


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_what_is_released_in_its_last_attempt_ends(make_engine: MakeEngine, is_cancelled: bool) -> None:
    """It had started, so that another start would be one more than max_attempts; its triggers are asked."""
    engine = make_engine(max_attempts=2)
    make_workflows(engine, "A", "B")
    engine.create_trigger(
        DependencyTrigger(workflow_id="B", depends_on_workflow_id="A", dependency_condition="on_failure")
    )
    engine.start("A", execution_id="one")
    for _ in range(2):
        (claim,) = engine.claim_due()
        engine.mark_running(claim)
        if is_cancelled and claim.execution.attempt == 2:
            engine.cancel("one")
        engine.release(claim)
    ended = engine.get_execution("one")
    if is_cancelled:
        assert (ended.status, ended.reason, ended.error) == ("cancelled", "cancel_requested", None)
        assert engine.claim_due() == []
    else:
        assert (ended.status, ended.reason, ended.attempt) == ("failed", "lost", 2)
        assert ended.error == "its holder handed it back in attempt 2, the last"
        assert [c.execution.workflow_id for c in engine.claim_due(9)] == ["B"]
    with pytest.raises(LeaseLost):
        engine.release(claim)


def test_a_claim_of_the_last_attempt_that_never_started_is_pending_again(make_engine: MakeEngine) -> None:
    """Its attempt is given back, so that it has one left."""
    engine = make_engine(max_attempts=1)
    make_workflows(engine, "A")
    engine.start("A", execution_id="one")
    for _ in range(3):
        (claim,) = engine.claim_due()
        assert claim.execution.attempt == 1
        engine.release(claim)
    assert engine.get_execution("one").status == "pending"


def test_looking_from_two_threads_forgets_nobody(make_engine: MakeEngine) -> None:
    """While one thread looks at the leases, another one's look does not pull its sightings away."""

    class Interrupting(FixedClock):
        calls = 0

        def monotonic(self) -> float:
            Interrupting.calls += 1
            if Interrupting.calls == interrupt_at:
                write(engine, "UPDATE executions SET status = 'completed'")
                engine.claim_due()
            return super().monotonic()

    for interrupt_at in range(1, 30):
        Interrupting.calls = -1_000_000
        engine = make_engine(clock=Interrupting())
        if interrupt_at == 1:
            make_workflows(engine, "A")
        engine.start("A")
        engine.claim_due()
        Interrupting.calls = 0
        engine._claims.recover_lost(())
        if Interrupting.calls < interrupt_at:
            break
    assert Interrupting.calls < interrupt_at


def test_a_stream_of_immediate_starts_keeps_nothing_waiting_that_is_due(
    make_engine: MakeEngine, clock: FixedClock
) -> None:
    """What was delayed and is due now is claimed before what came later and may start at once."""
    engine = make_engine()
    make_workflows(engine, "A", "B")
    engine.create_trigger(depends("B", "A", delay_minutes=1))
    engine.complete("upstream", "completed", workflow_id="A")
    clock.advance(minutes=1)
    for _ in range(3):
        engine.start("A")
    assert [claim.execution.workflow_id for claim in engine.claim_due(2)] == ["B", "A"]
    assert [claim.execution.workflow_id for claim in engine.claim_due(9)] == ["A", "A"]
