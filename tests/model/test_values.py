"""Values are frozen and strict, and refuse with one sentence that names the field and the value."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import pytz

from flowforge_graph import (
    Claim,
    Completion,
    DependencyTrigger,
    EventTrigger,
    Execution,
    FlowforgeGraphError,
    InvalidExecution,
    InvalidSchedule,
    InvalidTime,
    InvalidTrigger,
    InvalidWorkflow,
    ManualTrigger,
    ScheduledTrigger,
    Workflow,
    errors,
    parse_trigger,
)
from flowforge_graph.model import CommandRun, PrefectRun, PythonRun, as_instant, parse_run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRIGGERS = [
    ManualTrigger(workflow_id="a", trigger_name="x"),
    ScheduledTrigger(workflow_id="a", cron_expression="0 2 * * *", timezone="Europe/Berlin", planned_until=NOW),
    DependencyTrigger(workflow_id="a", depends_on_workflow_id="b", delay_minutes=60),
    EventTrigger(workflow_id="a", event_type="arrived", event_config={"x": [1]}),
]
EXECUTION = Execution(
    id="e", workflow_id="a", workflow_name="A", root_execution_id="e", created_at=NOW, run_after=NOW, available_at=NOW
)
VALUES = [
    *TRIGGERS,
    Workflow(id="a", run={"command": ["true", "x"], "timeout_seconds": 5}, tags=["y", "x", "y"]),
    EXECUTION,
    Claim(execution=EXECUTION, workflow=Workflow(id="a"), token="t"),
    Completion(execution_id="e", status="failed"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_frozen_and_equal_by_content(value: Any) -> None:
    """A changed value is a new one; they hash where they may be keys, and cross processes."""
    name = next(iter(type(value).model_fields))
    with pytest.raises(Exception, match="frozen"):
        setattr(value, name, "other")
    assert value.evolve() == value
    assert pickle.loads(pickle.dumps(value)) == value
    assert not hasattr(value, "__dict__") or value.evolve() is not value
    if not isinstance(value, Workflow | Completion):
        assert hash(value.evolve()) == hash(value)


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.trigger_type)
def test_triggers_are_told_apart_by_their_type(trigger: Any) -> None:
    """A mapping with ``trigger_type`` becomes that kind."""
    fields = {name: getattr(trigger, name) for name in type(trigger).model_fields}
    assert parse_trigger(fields) == trigger


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: parse_trigger({"workflow_id": "a"}), InvalidTrigger, "trigger_type must be one of manual, scheduled"),
        (lambda: parse_trigger({"trigger_type": ["x"]}), InvalidTrigger, "trigger_type must be one of"),
        (ManualTrigger, InvalidTrigger, "workflow_id is missing"),
        (
            lambda: ManualTrigger(workflow_id="a", enabled="yes"),
            InvalidTrigger,
            "enabled must be true or false, not 'yes'",
        ),
        (lambda: ManualTrigger(workflow_id="a", enabled=1), InvalidTrigger, "enabled must be true or false, not 1"),
        (
            lambda: ManualTrigger(workflow_id="a", trigger_name=""),
            InvalidTrigger,
            "trigger_name must be text of 1 to 200",
        ),
        (lambda: ManualTrigger(workflow_id="a", trigger_name="a\nb"), InvalidTrigger, "trigger_name must be text"),
        (
            lambda: ManualTrigger(workflow_id="a", trigger_nam="x"),
            InvalidTrigger,
            "no field 'trigger_nam'; did you mean",
        ),
        (
            lambda: DependencyTrigger(workflow_id="a", depends_on_workflow_id="b", delay_minutes=61),
            InvalidTrigger,
            "trigger of 'a': delay_minutes must be between 0 and 60, not 61",
        ),
        (
            lambda: DependencyTrigger(workflow_id="a", depends_on_workflow_id="b", delay_minutes="5"),
            InvalidTrigger,
            "delay_minutes must be a whole number, not '5'",
        ),
        (
            lambda: DependencyTrigger(workflow_id="a", depends_on_workflow_id="b", delay_minutes=True),
            InvalidTrigger,
            "delay_minutes must be a whole number, not True",
        ),
        (
            lambda: DependencyTrigger(workflow_id="a", depends_on_workflow_id="b", delay_minutes=2.5),
            InvalidTrigger,
            "delay_minutes must be a whole number, not 2.5",
        ),
        (
            lambda: DependencyTrigger(workflow_id="a", depends_on_workflow_id="b", dependency_condition="x"),
            InvalidTrigger,
            "dependency_condition must be one of 'on_success', 'on_failure' or 'on_completion', not 'x'",
        ),
        (lambda: ScheduledTrigger(workflow_id="a", cron_expression="nonsense"), InvalidSchedule, "nonsense"),
        (lambda: ScheduledTrigger(workflow_id="a", cron_expression=5), InvalidSchedule, "5"),
        (
            lambda: ScheduledTrigger(workflow_id="a", cron_expression="@daily", timezone="No/Where"),
            InvalidSchedule,
            "No/Where",
        ),
        (
            lambda: ScheduledTrigger(workflow_id="a", cron_expression="@daily", misfire_policy="some"),
            InvalidTrigger,
            "misfire_policy must be one of 'latest', 'all' or 'skip', not 'some'",
        ),
        (
            lambda: ScheduledTrigger(workflow_id="a", cron_expression="@daily", planned_until=datetime(2026, 1, 1)),
            InvalidTime,
            "must be a datetime with a time zone",
        ),
        (lambda: EventTrigger(workflow_id="a", event_type="a/b"), InvalidTrigger, "event_type must have printable"),
        (lambda: Workflow(id="a", tags="abc"), InvalidWorkflow, "tags must be a list of at most 50 names, not 'abc'"),
        (lambda: Workflow(id="a", tags=[1]), InvalidWorkflow, "tags must be text"),
        (lambda: Workflow(id="a", name="\n"), InvalidWorkflow, "name must be text"),
        (
            lambda: Workflow(id="a", description="x" * 10_001),
            InvalidWorkflow,
            "description must be text of at most 10,000",
        ),
        (lambda: Workflow(id="a", run={"command": []}), InvalidWorkflow, "command must be a list of the program"),
        (lambda: Workflow(id="a", run={"command": "true"}), InvalidWorkflow, "command must be a list of the program"),
        (lambda: Workflow(id="a", run={"command": ["a", 5]}), InvalidWorkflow, "command must hold text only"),
        (lambda: Workflow(id="a", run={"command": ["a\0"]}), InvalidWorkflow, "command must hold text only"),
        (lambda: Workflow(id="a", run={"command": [" "]}), InvalidWorkflow, "command must begin with a program"),
        (
            lambda: Workflow(id="a", run={"command": ["a"], "timeout_seconds": 0}),
            InvalidWorkflow,
            "timeout_seconds must be a whole number of at least 1, not 0",
        ),
        (lambda: Workflow(id="a", run={"python": "module"}), InvalidWorkflow, "python must be 'module:function'"),
        (lambda: Workflow(id="a", run={"prefect": "flow"}), InvalidWorkflow, "prefect must be 'flow/deployment'"),
        (lambda: Workflow(id="a", run={}), InvalidWorkflow, "run must have exactly one of command, python or prefect"),
        (
            lambda: Workflow(id="a", run={"command": ["a"], "python": "a:b"}),
            InvalidWorkflow,
            "run must have exactly one of",
        ),
        (lambda: Workflow(id="a", run="true"), InvalidWorkflow, "run must have exactly one of"),
        (lambda: Completion(execution_id="e", status="done"), InvalidExecution, "status must be one of 'completed'"),
        (lambda: Completion(execution_id="", status="failed"), InvalidExecution, "execution_id must have 1 to 200"),
        (lambda: EXECUTION.evolve(status="done"), InvalidExecution, "status must be one of"),
        (lambda: EXECUTION.evolve(nonsense=1), InvalidExecution, "there is no field 'nonsense'"),
    ],
)
def test_refusals_are_one_sentence(build: Any, error: type[Exception], message: str) -> None:
    """The class, the field and the value."""
    with pytest.raises(error) as refused:
        build()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_evolve_checks_as_the_constructor_does() -> None:
    """A new value with the change; the old one stays."""
    trigger = DependencyTrigger(workflow_id="a", depends_on_workflow_id="b")
    assert trigger.evolve(delay_minutes=5).delay_minutes == 5
    assert trigger.delay_minutes == 0
    with pytest.raises(InvalidTrigger):
        trigger.evolve(delay_minutes=-1)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_trusted_fields_make_the_constructors_value(value: Any) -> None:
    """Unlooked at, the same fields give the same value, which prints, travels and evolves the same."""
    fields = {name: getattr(value, name) for name in type(value).model_fields}
    trusted = type(value).trusted(**fields)
    assert (trusted, repr(trusted), trusted.model_dump()) == (value, repr(value), value.model_dump())
    assert pickle.loads(pickle.dumps(trusted)) == value
    name = next(iter(fields))
    assert trusted.evolve_trusted(**{name: fields[name]}) == trusted.evolve(**{name: fields[name]}) == value
    with pytest.raises(Exception, match="frozen"):
        setattr(trusted, name, "other")


def test_trusted_fields_are_complete() -> None:
    """Defaults are filled in; what has none, or a new one each time, must be given, and nothing unknown."""
    given = {"id": "e", "workflow_id": "a", "workflow_name": "A", "root_execution_id": "e", "parameters": {}}
    instants = dict.fromkeys(("created_at", "run_after", "available_at"), NOW)
    assert Execution.trusted(**given, **instants) == EXECUTION
    assert Execution.trusted(**given, **instants).model_fields_set == {*given, *instants}
    with pytest.raises(TypeError, match="Execution"):
        Execution.trusted(**given)
    with pytest.raises(TypeError, match="Execution"):
        Execution.trusted(**{**given, **instants, "color": "red"})
    with pytest.raises(TypeError, match="ManualTrigger"):
        ManualTrigger.trusted(workflow_id="a")


def test_runs_are_told_apart_by_their_key() -> None:
    """A run value passes as it is."""
    assert parse_run({"command": ("a", "b")}) == CommandRun(command=("a", "b"))
    assert parse_run({"python": "a.b:c.d"}) == PythonRun(python="a.b:c.d")
    assert parse_run({"prefect": "flow/deployment"}) == PrefectRun(prefect="flow/deployment")
    run = CommandRun(command=["a"])  # type: ignore[arg-type]
    assert parse_run(run) is run
    assert Workflow(id="a", run=run).run == run


def test_names_and_tags_have_their_defaults() -> None:
    """A workflow is named as its id; tags are a sorted set."""
    workflow = Workflow(id="a", tags=["y", "x", "y"])
    assert (workflow.name, workflow.tags, workflow.run) == ("a", ("x", "y"), None)


def test_cron_and_zone_are_kept_canonical() -> None:
    """One spelling for one schedule; pytz zones are taken by name."""
    trigger = ScheduledTrigger(workflow_id="a", cron_expression=" 0  2 * * * ", timezone=pytz.timezone("Europe/Berlin"))
    assert (trigger.cron_expression, trigger.timezone) == ("0 2 * * *", "Europe/Berlin")
    assert trigger.misfire_policy == "latest"
    assert trigger.schedule_owner == "engine"


def test_instants_are_utc() -> None:
    """Whatever zone they came in."""
    assert as_instant(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == NOW
    assert as_instant(NOW).tzinfo is UTC
    for bad in (datetime(2026, 1, 1), "2026-01-01", 0, None):
        with pytest.raises(InvalidTime, match="when must be a datetime with a time zone"):
            as_instant(bad, field="when")
    with pytest.raises(InvalidTime, match=r"when .* is outside the years 1 to 9999 of UTC"):
        as_instant(datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))), field="when")


_SAMPLES: list[FlowforgeGraphError] = [
    errors.CycleError(("a", "b", "a"), "x.yaml"),
    errors.DuplicateTrigger("twice", "t"),
    errors.WorkflowNotFound("a"),
    errors.TriggerNotFound("t"),
    errors.ExecutionNotFound("e"),
    errors.CompletionConflict("e", "completed", "failed"),
    errors.LeaseLost("e"),
    errors.DeploymentError("no answer"),
    errors.DeploymentError("no answer", "timed out"),
    errors.ExtraMissing("the API", "api", "fastapi"),
    *(
        kind("a sentence")
        for kind in (
            errors.InvalidTrigger,
            errors.InvalidWorkflow,
            errors.InvalidExecution,
            errors.InvalidSchedule,
            errors.InvalidTime,
            errors.InvalidDefinition,
            errors.ImageError,
            errors.WorkflowConflict,
            errors.ExecutionConflict,
            errors.DispatchError,
            errors.PermanentDispatchError,
            errors.DatabaseError,
            errors.DatabaseNewer,
            errors.TableConflict,
        )
    ),
]


@pytest.mark.parametrize("error", _SAMPLES, ids=lambda error: type(error).__name__)
def test_errors_cross_processes(error: FlowforgeGraphError) -> None:
    """They pickle with what they carry, say one sentence, and are the builtin that a caller expects."""
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    assert isinstance(error, ValueError | LookupError | RuntimeError | ImportError)
    assert "\n" not in str(error)
