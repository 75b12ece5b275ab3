"""The executor: one execution is one flow run of its workflow's deployment, however often it is handed over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowforge_graph import DependencyTrigger, EventTrigger, TriggerEngine
from flowforge_graph.executors.prefect import PrefectExecutor, PrefectServer
from flowforge_graph.testing import FixedClock
from tests.executors.prefect.flows import deploy, dispatch_all, runs_of
from tests.executors.prefect.proxy import Proxy
from tests.support.prefect_servers import free_port

MakeEngine = Callable[..., TriggerEngine]


def test_a_due_execution_becomes_a_flow_run(make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock) -> None:
    """With its parameters and with tags that say whose it is; the run's id is stored, and the lease has ended."""
    deployment = deploy(prefect)
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze", run={"prefect": deployment})
    execution = engine.start("bronze", {"day": "2026-01-20"})
    assert dispatch_all(engine, clock) == 1
    [run] = runs_of(prefect, deployment)
    assert run.parameters == {"day": "2026-01-20"}
    whose = {"execution": execution.id, "workflow": "bronze", "database": engine.namespace}
    assert set(run.tags) == {"flowforge", *(f"flowforge-{kind}:{identifier}" for kind, identifier in whose.items())}
    stored = engine.get_execution(execution.id)
    assert (stored.status, stored.external_id, stored.attempt) == ("running", str(run.id), 1)
    assert engine.health().live_claims == 0


def test_what_a_trigger_started_names_it(make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock) -> None:
    """The downstream execution's run carries the trigger as well."""
    deployment = deploy(prefect)
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze")
    engine.create_workflow("silver", run={"prefect": deployment})
    engine.create_trigger(DependencyTrigger(id="after", workflow_id="silver", depends_on_workflow_id="bronze"))
    engine.complete("b", "completed", workflow_id="bronze")
    dispatch_all(engine, clock)
    [run] = runs_of(prefect, deployment)
    assert "flowforge-trigger:after" in run.tags


def test_the_same_execution_again_is_the_same_run(make_engine: MakeEngine, prefect: PrefectServer) -> None:
    """A crash between Prefect's answer and its storing, a lost reply, another process: one run."""
    deployment = deploy(prefect)
    engine, executor = make_engine(), PrefectExecutor(prefect)
    workflow = engine.create_workflow("bronze", run={"prefect": deployment})
    execution = engine.start("bronze")
    first = executor.start(execution, workflow)
    again = PrefectExecutor(prefect).start(execution.evolve(attempt=2), workflow)
    assert (first, len(runs_of(prefect, deployment))) == (again, 1)


def test_equal_ids_of_two_databases_are_two_runs(
    make_engine: MakeEngine, prefect: PrefectServer, tmp_path_factory: pytest.TempPathFactory, clock: FixedClock
) -> None:
    """A database that was thrown away does not answer for the next one."""
    deployment = deploy(prefect)
    for _ in range(2):
        url = f"sqlite:///{tmp_path_factory.mktemp('own') / 'own.db'}"
        engine = make_engine(url, executor=PrefectExecutor(prefect))
        engine.create_workflow("bronze", run={"prefect": deployment})
        engine.start("bronze", execution_id="nightly")
        dispatch_all(engine, clock)
    assert len(runs_of(prefect, deployment)) == 2


def test_a_missing_deployment_is_a_dead_letter(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """Asking again would not help: the execution ends, and says what to do."""
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze", run={"prefect": "nobody/knows"})
    execution = engine.start("bronze")
    dispatch_all(engine, clock)
    ended = engine.get_execution(execution.id)
    assert (ended.status, ended.reason) == ("failed", "dispatch_failed")
    assert "Prefect has no deployment 'nobody/knows': deploy the flow" in str(ended.error)


def test_a_deployment_made_anew_is_found(make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock) -> None:
    """It has the same name and another id than the one that this process knows."""
    deployment = deploy(prefect)
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze", run={"prefect": deployment})
    engine.start("bronze")
    dispatch_all(engine, clock)
    old = prefect.ask(lambda client: client.read_deployment_by_name(deployment))
    prefect.ask(lambda client: client.delete_deployment(old.id))
    deploy(prefect, deployment.split("/")[0])
    second = engine.start("bronze")
    dispatch_all(engine, clock)
    assert engine.get_execution(second.id).status == "running"


def test_parameters_that_the_flow_does_not_take_are_a_dead_letter(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """Prefect's own words are kept."""
    schema = {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}
    deployment = deploy(prefect, parameter_openapi_schema=schema, enforce_parameter_schema=True)
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze", run={"prefect": deployment})
    execution = engine.start("bronze", {"day": "today"})
    dispatch_all(engine, clock)
    ended = engine.get_execution(execution.id)
    assert ended.reason == "dispatch_failed"
    assert "'today' is not of type 'integer'" in str(ended.error)


def test_a_flow_that_asks_for_its_execution_is_told(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """``execution_id`` and ``workflow_id`` are filled in where the flow has such parameters; what is given stands."""
    schema = {"type": "object", "properties": {"execution_id": {}, "workflow_id": {}, "day": {}}}
    deployment = deploy(prefect, parameter_openapi_schema=schema)
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze", run={"prefect": deployment})
    execution = engine.start("bronze", {"workflow_id": "given"})
    dispatch_all(engine, clock)
    [run] = runs_of(prefect, deployment)
    assert run.parameters == {"execution_id": execution.id, "workflow_id": "given"}


def test_parameters_are_values_and_no_templates(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """A payload that came from outside must not be rendered by Prefect's server."""
    deployment = deploy(prefect)
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze", run={"prefect": deployment})
    hostile = {"note": [{"__prefect_kind": "jinja", "template": "{{ 6 * 7 }}"}], "plain": {"a": [1, None]}}
    engine.start("bronze", hostile)
    dispatch_all(engine, clock)
    [run] = runs_of(prefect, deployment)
    assert run.parameters == hostile


def test_while_prefect_is_away_executions_wait(make_engine: MakeEngine, clock: FixedClock) -> None:
    """None is lost and none ends, however long it takes: they wait longer and longer, and nobody is asked in vain."""
    with PrefectServer(f"http://127.0.0.1:{free_port()}/api") as nobody:
        engine = make_engine(executor=PrefectExecutor(nobody), max_dispatch_failures=2)
        engine.create_workflow("bronze", run={"prefect": "a/b"})
        started = [engine.start("bronze") for _ in range(5)]
        # Each look costs 1.5 s: the connection pool of Prefect's client has retries of its own.
        for _ in range(4):
            assert engine.dispatch_due() == 0
            clock.advance(120)
        stored = [engine.get_execution(execution.id) for execution in started]
    assert {execution.status for execution in stored} == {"pending"}
    assert {(execution.attempt, execution.dispatch_failures) for execution in stored} == {(0, 0)}
    assert all("could not be reached" in str(execution.error) for execution in stored)


def test_a_404_of_another_server_is_no_missing_deployment(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """An address without its ``/api`` must not end what is due: it waits, and says what is wrong."""
    deployment = deploy(prefect)
    with PrefectServer(prefect.api_url.removesuffix("/api")) as wrong:
        engine = make_engine(executor=PrefectExecutor(wrong))
        engine.create_workflow("bronze", run={"prefect": deployment})
        execution = engine.start("bronze")
        engine.dispatch_due()
    stored = engine.get_execution(execution.id)
    assert stored.status == "pending"
    assert "is not Prefect's API, whose address ends in /api" in str(stored.error)


def test_a_flow_is_given_what_it_takes_of_its_cascade(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """What it does not take is left out where it was inherited, and refused where a person asks for it."""
    from prefect.utilities.callables import parameter_schema

    deployment = deploy(prefect, parameter_openapi_schema={"type": "object", "properties": {"day": {}}})
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze")
    engine.create_workflow("silver", run={"prefect": deployment})
    engine.create_trigger(DependencyTrigger(workflow_id="silver", depends_on_workflow_id="bronze"))
    bronze = engine.start("bronze", {"day": "monday", "rows": 7})
    engine.complete(bronze.id, "completed")
    dispatch_all(engine, clock)
    [run] = runs_of(prefect, deployment)
    assert run.parameters == {"day": "monday"}
    alert = deploy(prefect, parameter_openapi_schema=parameter_schema(lambda: None).model_dump_for_openapi())
    engine.create_workflow("alert", run={"prefect": alert})
    engine.create_trigger(EventTrigger(workflow_id="alert", event_type="late"))
    engine.emit("late", {"by": "an hour"}, key="once")
    dispatch_all(engine, clock)
    assert [run.parameters for run in runs_of(prefect, alert)] == [{}]
    by_hand = engine.start("silver", {"rows": 7})
    dispatch_all(engine, clock)
    ended = engine.get_execution(by_hand.id)
    assert (ended.status, ended.error) == ("failed", "the flow takes no parameter 'rows': it takes day")


def test_a_flow_deployed_anew_takes_its_new_parameters_at_once(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """Under the same name and id: what this process knows of it is no reason to refuse."""
    deployment = deploy(prefect, parameter_openapi_schema={"type": "object", "properties": {}})
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("bronze", run={"prefect": deployment})
    engine.start("bronze")
    dispatch_all(engine, clock)
    deploy(
        prefect,
        deployment.split("/")[0],
        parameter_openapi_schema={"type": "object", "properties": {"day": {}}},
    )
    engine.start("bronze", {"day": "monday"})
    dispatch_all(engine, clock)
    assert [run.parameters for run in runs_of(prefect, deployment)] == [{}, {"day": "monday"}]


def test_other_runs_are_left_to_others(make_engine: MakeEngine, prefect: PrefectServer) -> None:
    """Commands wait for an engine with a local executor, and workflows without a run for their host."""
    engine = make_engine(executor=PrefectExecutor(prefect))
    engine.create_workflow("command", run={"command": ["true"]})
    engine.create_workflow("host")
    for workflow_id in ("command", "host"):
        engine.start(workflow_id)
    assert engine.dispatch_due() == 0
    assert engine.health().pending_due == 2


def test_what_is_cancelled_while_it_is_handed_over_does_not_run(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """The flow run is there already when the cancel comes: it ends before it starts."""
    deployment = deploy(prefect)
    engine = make_engine()

    class Cancelling(PrefectExecutor):
        def start(self, execution: object, workflow: object) -> str:
            external_id = super().start(execution, workflow)  # type: ignore[arg-type]
            engine.cancel(execution.id)  # type: ignore[attr-defined]
            return external_id

    handing_over = make_engine(executor=Cancelling(prefect))
    handing_over.create_workflow("bronze", run={"prefect": deployment})
    execution = handing_over.start("bronze")
    dispatch_all(handing_over, clock)
    [run] = runs_of(prefect, deployment)
    assert (engine.get_execution(execution.id).status, run.state.type.value) == ("cancelled", "CANCELLED")


def test_an_execution_that_the_server_cannot_take_holds_up_no_other(
    make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock
) -> None:
    """Prefect answers 500 to this one alone: it is tried again by itself, and given up."""
    deployment = deploy(prefect)
    with Proxy(prefect.api_url) as proxy, PrefectServer(proxy.api_url) as server:
        proxy.refuse(500, containing=b"poison")
        engine = make_engine(executor=PrefectExecutor(server))
        engine.create_workflow("bronze", run={"prefect": deployment})
        poison = engine.start("bronze", {"note": "poison"})
        others = [engine.start("bronze") for _ in range(3)]
        assert dispatch_all(engine, clock) == 3
    assert engine.get_execution(poison.id).reason == "dispatch_failed"
    assert {engine.get_execution(other.id).status for other in others} == {"running"}


def test_a_server_that_is_busy_for_a_moment_is_not_away(make_engine: MakeEngine, prefect: PrefectServer) -> None:
    """On SQLite it says 503 while it writes something else: asked again at once, it takes the run. Others need not
    wait, as they do for a server that says so for longer."""
    with Proxy(prefect.api_url) as proxy, PrefectServer(proxy.api_url) as server:
        engine = make_engine(executor=PrefectExecutor(server))
        engine.create_workflow("A", run={"prefect": deploy(prefect)})
        for name in ("busy", "after"):
            engine.start("A", execution_id=name)
        proxy.refuse(503, containing=b"flowforge-execution:busy", times=2)
        assert engine.dispatch_due() == 2
        engine.start("A", execution_id="away")
        proxy.refuse(503, containing=b"flowforge-execution:away")
        assert engine.dispatch_due() == 0
        assert engine.next_available_at() is not None


def test_a_lost_reply_is_no_second_run(make_engine: MakeEngine, prefect: PrefectServer, clock: FixedClock) -> None:
    """Prefect has accepted, and the connection is cut before it can say so."""
    deployment = deploy(prefect)
    with Proxy(prefect.api_url) as proxy, PrefectServer(proxy.api_url) as server:
        engine = make_engine(executor=PrefectExecutor(server))
        engine.create_workflow("bronze", run={"prefect": deployment})
        executions = [engine.start("bronze") for _ in range(3)]
        for execution in executions:
            proxy.cut_replies(1, containing=execution.id.encode())
        for _ in range(8):
            engine.dispatch_due()
            clock.advance(120)
    runs = runs_of(prefect, deployment)
    assert {engine.get_execution(execution.id).external_id for execution in executions} == {str(run.id) for run in runs}
    assert len(runs) == len(executions)
    assert proxy.cut == len(executions)
