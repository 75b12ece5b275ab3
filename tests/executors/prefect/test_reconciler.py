"""The reconciler: every end that Prefect has stored reaches the engine once, whatever was down meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from flowforge_graph import DependencyTrigger, TriggerEngine
from flowforge_graph.executors.prefect import PrefectExecutor, PrefectReconciler, PrefectServer, queries
from flowforge_graph.testing import FixedClock
from tests.executors.prefect.flows import ask, deploy, run_by_hand, runs_of, set_state

MakeEngine = Callable[..., TriggerEngine]


class World:
    """A → B on any end of A, both deployed; A's executions are handed over, and the reconciler has begun."""

    def __init__(self, make_engine: MakeEngine, clock: FixedClock, server: PrefectServer) -> None:
        self.server = server
        self.clock = clock
        self.a, self.b = deploy(server), deploy(server)
        self.engine = make_engine(executor=PrefectExecutor(server))
        self.engine.create_workflow("A", run={"prefect": self.a})
        self.engine.create_workflow("B", run={"prefect": self.b})
        self.engine.create_trigger(
            DependencyTrigger(workflow_id="B", depends_on_workflow_id="A", dependency_condition="on_completion")
        )
        self.reconciler = PrefectReconciler(self.engine, server, sweep_seconds=0.0)
        self.reconciler.reconcile()

    def started(self, **parameters: object) -> str:
        """An execution of A that runs on Prefect, by its flow run's id."""
        execution = self.engine.start("A", parameters)
        while (external_id := self.engine.get_execution(execution.id).external_id) is None:
            self.engine.dispatch_due()
            self.clock.advance(120)
        return external_id

    def ends(self) -> list[str]:
        """How A's executions stand, the oldest first."""
        return [execution.status for execution in reversed(self.engine.list_executions("A"))]


@pytest.fixture
def world(make_engine: MakeEngine, clock: FixedClock, prefect: PrefectServer) -> World:
    """A world of its own on the server of all."""
    return World(make_engine, clock, prefect)


@pytest.mark.parametrize(
    ("state", "status"),
    [("completed", "completed"), ("failed", "failed"), ("crashed", "failed"), ("cancelled", "cancelled")],
)
def test_an_end_is_recorded_once(world: World, state: str, status: str) -> None:
    """As Prefect calls it, with its words; the second look finds nothing new."""
    run_id = world.started()
    set_state(world.server, run_id, "running", state, message="so it was")
    seen = [world.reconciler.reconcile().ends for _ in range(3)]
    assert (seen, world.ends()) == ([1, 0, 0], [status])
    [ended] = world.engine.list_executions("A")
    assert ended.error == (None if status == "completed" else "so it was")
    assert len(world.engine.list_executions("B")) == (status != "cancelled")


def test_what_is_no_end_is_not_recorded(world: World) -> None:
    """A run that awaits its retry, that is paused or being cancelled goes on."""
    for states in (["running", "scheduled"], ["running", "paused"], ["running", "cancelling"], ["pending"]):
        set_state(world.server, world.started(), *states)
    assert world.reconciler.reconcile().ends == 0
    assert world.ends() == ["running"] * 4


def test_nothing_is_missed_while_the_engine_is_down(world: World, make_engine: MakeEngine) -> None:
    """Twenty completions while nobody looked: whoever comes next records them all, from the stored cursor."""
    run_ids = [world.started() for _ in range(20)]
    for run_id in run_ids:
        set_state(world.server, run_id, "running", "completed")
    later = PrefectReconciler(world.engine, world.server)
    assert later.reconcile().ends == 20
    assert world.ends() == ["completed"] * 20
    assert len(world.engine.list_executions("B")) == 20


def test_runs_that_prefect_started_are_adopted(world: World) -> None:
    """Of the deployment of a workflow, with their parameters; those of other deployments are nobody's."""
    mine = run_by_hand(world.server, world.a, parameters={"day": 1})
    other = run_by_hand(world.server, deploy(world.server))
    for run_id in (mine, other):
        set_state(world.server, run_id, "running", "completed")
    assert world.reconciler.reconcile().ends == 1
    [adopted] = world.engine.list_executions("A")
    assert (adopted.id, adopted.external_id, adopted.parameters) == (mine, mine, {"day": 1})
    [downstream] = world.engine.list_executions("B")
    assert downstream.parameters == {"day": 1}


def test_a_run_is_named_by_its_tag_or_its_parameter(world: World) -> None:
    """As a hook and ``notify_completion`` name it: what the flow has told of itself is not told again."""
    by_parameter, told, by_tag = (world.engine.start("A") for _ in range(3))
    runs = [
        run_by_hand(world.server, world.a, parameters={"execution_id": by_parameter.id}),
        run_by_hand(world.server, world.a, parameters={"execution_id": told.id}),
        run_by_hand(
            world.server,
            world.a,
            parameters={"execution_id": "another"},
            tags=[f"flowforge-execution:{by_tag.id}"],
        ),
    ]
    world.engine.complete(told.id, "completed")
    for run_id in runs:
        set_state(world.server, run_id, "running", "completed")
    assert world.reconciler.reconcile().ends == 3
    assert world.ends() == ["completed"] * 3
    assert len(world.engine.list_executions("B")) == 3


def test_parameters_that_cannot_be_stored_hold_nothing_up(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Prefect takes a NUL, no database of ours does: the run is recorded without them, and those behind it too."""
    runs = [run_by_hand(world.server, world.a, parameters={"note": note}) for note in ("a\0b", "fine")]
    for run_id in runs:
        set_state(world.server, run_id, "running", "completed")
    with caplog.at_level(logging.WARNING):
        assert world.reconciler.reconcile().ends == 2
    assert f"flow run {runs[0]} is recorded without its parameters" in caplog.text
    assert [world.engine.get_execution(run_id).parameters for run_id in runs] == [{}, {"note": "fine"}]


def test_what_ended_before_anybody_followed_is_history(make_engine: MakeEngine, prefect: PrefectServer) -> None:
    """Connecting to a Prefect that has run for years starts nothing: not even what ended within the overlap."""
    deployment = deploy(prefect)
    set_state(prefect, run_by_hand(prefect, deployment), "running", "completed")
    [run] = runs_of(prefect, deployment)
    while queries.server_time(prefect) <= run.end_time:
        # Its clock tells whole seconds.
        pass
    engine = make_engine()
    engine.create_workflow("A", run={"prefect": deployment})
    reconciler = PrefectReconciler(engine, prefect, overlap_seconds=3600.0)
    assert [reconciler.reconcile().ends for _ in range(2)] == [0, 0]


def test_the_cursor_is_in_prefects_time(world: World) -> None:
    """The engine's clock, here in another year, decides nothing."""
    set_state(world.server, world.started(), "running", "completed")
    world.reconciler.reconcile()
    cursor = world.engine.get_cursor("prefect")
    assert cursor is not None
    assert abs(cursor - queries.server_time(world.server)) < timedelta(minutes=10)


def test_a_run_that_prefect_starts_again_is_a_new_execution(world: World) -> None:
    """Each end counts, also where both lie between two looks."""
    run_id = world.started(day=1)
    set_state(world.server, run_id, "running", "failed", "scheduled", "running", "completed")
    assert world.reconciler.reconcile().ends == 2
    set_state(world.server, run_id, "scheduled", "running", "failed")
    assert world.reconciler.reconcile().ends == 1
    assert world.ends() == ["failed", "completed", "failed"]
    first, *again = reversed(world.engine.list_executions("A"))
    assert {execution.root_execution_id for execution in again} == {first.id}
    assert len(world.engine.list_executions("B")) == 3


def test_retries_and_pauses_are_one_execution(world: World) -> None:
    """Two starts and one end; a pause is no start."""
    run_id = world.started()
    set_state(world.server, run_id, "running", "scheduled", "running", "completed")
    world.reconciler.reconcile()
    assert world.ends() == ["completed"]
    assert len(world.engine.list_executions("B")) == 1


def test_another_end_of_the_same_run_is_a_conflict(world: World) -> None:
    """Prefect takes Failed after Completed: the first stands, once it is recorded."""
    run_id = world.started()
    set_state(world.server, run_id, "running", "completed")
    world.reconciler.reconcile()
    set_state(world.server, run_id, "failed")
    assert [world.reconciler.reconcile().conflicts for _ in range(2)] == [1, 0]
    [execution] = world.engine.list_executions("A")
    recorded = world.engine.get_external_end(execution.id)
    assert recorded is not None
    assert (execution.status, recorded.conflicting_status) == ("completed", "failed")
    assert len(world.engine.list_executions("B")) == 1


def test_an_end_long_before_the_cursor_is_found_by_its_execution(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs by our account is looked up whenever it ended: no clock can hide it."""
    run_id = world.started()
    set_state(world.server, run_id, "running", "completed")
    world.engine.advance_cursor("prefect", queries.server_time(world.server) + timedelta(hours=1))
    monkeypatch.setattr("flowforge_graph.executors.prefect.reconciler.ended_since", lambda *_: [])
    assert world.reconciler.reconcile().ends == 1
    assert world.ends() == ["completed"]


def test_a_server_whose_clock_was_set_back_is_followed(world: World) -> None:
    """Then the cursor lies ahead of every end to come."""
    world.engine.advance_cursor("prefect", queries.server_time(world.server) + timedelta(days=1))
    set_state(world.server, run_by_hand(world.server, world.a), "running", "completed")
    assert world.reconciler.reconcile().ends == 1


def test_a_long_list_is_read_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pages, by the last end of each; also where more ends fall on one instant than a page holds."""
    monkeypatch.setattr(queries, "PAGE", 3)
    since = queries.server_time(world.server)
    run_ids = {run_by_hand(world.server, world.a) for _ in range(11)}
    for run_id in run_ids:
        set_state(world.server, run_id, "running", "completed")
    asked: list[tuple[datetime | None, int]] = []
    ask = queries._page_of_ended

    def one_instant(server: PrefectServer, since: datetime, before: datetime | None, offset: int) -> list[object]:
        asked.append((before, offset))
        page = ask(server, since, None, offset)
        return [run.model_copy(update={"end_time": since}) for run in page]

    assert run_ids <= {str(run.id) for run in queries.ended_since(world.server, since)}
    monkeypatch.setattr(queries, "_page_of_ended", one_instant)
    assert run_ids <= {str(run.id) for run in queries.ended_since(world.server, since)}
    assert max(offset for _, offset in asked) >= 9


def test_a_cancel_is_passed_on(world: World) -> None:
    """To a run that runs, once, and to one that has not started, which then ends; both count when Prefect says so."""
    running, waiting = world.started(), world.started()
    set_state(world.server, running, "running")
    for execution in world.engine.list_executions("A"):
        world.engine.cancel(execution.id)
    assert [world.reconciler.reconcile().cancels for _ in range(2)] == [2, 0]
    states = {str(run.id): run.state.type.value for run in runs_of(world.server, world.a)}
    assert states == {running: "CANCELLING", waiting: "CANCELLED"}
    assert world.ends() == ["running", "cancelled"]
    set_state(world.server, running, "cancelled")
    world.reconciler.reconcile()
    assert world.ends() == ["cancelled", "cancelled"]


def test_a_deleted_run_is_reported_and_can_be_cancelled(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody else will ever end it; that this is the right Prefect only a person can know."""
    run_id = world.started()
    [run] = runs_of(world.server, world.a)
    ask(world.server, lambda client: client.delete_flow_run(run.id))
    [execution] = world.engine.list_executions("A")
    with caplog.at_level(logging.WARNING):
        assert [world.reconciler.reconcile().missing for _ in range(2)] == [(execution.id,), (execution.id,)]
    assert caplog.text.count(f"Prefect has no flow run {run_id}") == 1
    world.engine.cancel(execution.id)
    world.reconciler.reconcile()
    assert world.ends() == ["cancelled"]


def test_an_end_that_is_faster_than_a_cancel_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flow run is gone, and while Prefect says so somebody tells that it completed."""
    world.started()
    [execution] = world.engine.list_executions("A")
    world.engine.cancel(execution.id)

    def gone_and_told(*_: object) -> bool:
        world.engine.complete(execution.id, "completed")
        return False

    monkeypatch.setattr("flowforge_graph.executors.prefect.reconciler.cancel", gone_and_told)
    assert world.reconciler.reconcile().cancels == 1
    assert world.ends() == ["completed"]


def test_a_running_run_without_heartbeats_is_reported(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Once; one that beats is not."""
    silent, beating = world.started(), world.started()
    for run_id in (silent, beating):
        set_state(world.server, run_id, "running")
    ask(world.server, lambda client: client.request("POST", "/events", json=[heartbeat(beating)]))
    reconciler = PrefectReconciler(world.engine, world.server, sweep_seconds=0.0, silent_after_seconds=0.5)
    found: set[str] = set()
    with caplog.at_level(logging.WARNING):
        while not found:
            found = set(reconciler.reconcile().silent)
        reconciler.reconcile()
    quiet = next(each for each in world.engine.list_executions("A") if each.external_id == silent)
    assert quiet.id in found
    assert caplog.text.count(f"flow run {silent} of execution {quiet.id} has given no heartbeat") == 1


def test_a_run_of_two_workflows_is_not_adopted(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Both name the deployment: what the engine started says whose it is, what a person started does not."""
    world.engine.create_workflow("A2", run={"prefect": world.a})
    run_id = run_by_hand(world.server, world.a)
    for each in (run_id, world.started()):
        set_state(world.server, each, "running", "completed")
    with caplog.at_level(logging.WARNING):
        assert world.reconciler.reconcile().ends == 1
    assert f"flow run {run_id} of {world.a} is not recorded: it may be of any of A, A2" in caplog.text


def heartbeat(run_id: str) -> dict[str, object]:
    """The event that a flow run's process sends now and then."""
    from datetime import UTC
    from uuid import uuid4

    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{run_id}"},
    }
