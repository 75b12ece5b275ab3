"""Ends of another engine's runs: each (external id, run count) is one execution, whoever tells of it, once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph import CompletionConflict, CompletionResult, ExternalEnd, TriggerEngine, WorkflowNotFound
from flowforge_graph.model import ScheduledTrigger
from flowforge_graph.testing import FixedClock, fresh_database
from tests.engine.support import depends, make_workflows

MakeEngine = Callable[..., TriggerEngine]


def end(external_id: str = "run", run_count: int = 1, status: str = "completed", **fields: Any) -> ExternalEnd:
    """An end as a hook or a reconciler tells it."""
    return ExternalEnd(external_id=external_id, run_count=run_count, status=status, **{"workflow_id": "A", **fields})


def ids_of(answers: list[Any]) -> list[str]:
    """The executions that ends were recorded for."""
    assert all(isinstance(answer, CompletionResult) for answer in answers), answers
    return [answer.execution_id for answer in answers]


def world(engine: TriggerEngine) -> TriggerEngine:
    """A → B, on any end of A."""
    make_workflows(engine, "A", "B")
    engine.create_trigger(depends("B", "A", "on_completion"))
    return engine


def started(engine: TriggerEngine) -> list[str]:
    """The causes of B's executions."""
    return sorted(str(execution.upstream_execution_id) for execution in engine.list_executions("B"))


def test_the_run_of_an_execution_completes_it(make_engine: MakeEngine) -> None:
    """Told by a hook, by a reconciler, again, and by the flow itself: once."""
    engine = world(make_engine())
    execution = engine.start("A")
    told = [end(execution_id=execution.id)] * 3
    answers = [*engine.record_external_ends(told), *engine.record_external_ends(told)]
    assert ids_of(answers) == [execution.id] * 6
    assert engine.complete(execution.id, "completed").verdicts == answers[0].verdicts  # type: ignore[union-attr]
    assert started(engine) == [execution.id]


def test_a_run_that_nobody_here_started_is_recorded(make_engine: MakeEngine) -> None:
    """By its own id, with its parameters: a person's, or a schedule's of that engine with its trigger and fire time."""
    engine, fire_time = world(make_engine()), datetime(2026, 1, 2, 2, tzinfo=UTC)
    engine.create_trigger(
        ScheduledTrigger(id="nightly", trigger_name="Nightly", workflow_id="A", cron_expression="@daily")
    )
    by_schedule = {"trigger_id": "nightly", "fire_time": fire_time}
    answers = engine.record_external_ends(
        [
            end("by-hand", parameters={"day": 1}),
            end("by-schedule", **by_schedule),
            end("by-schedule-again", **by_schedule),
        ]
    )
    assert ids_of(answers) == ["by-hand", "by-schedule", "by-schedule-again"]
    recorded = [engine.get_execution(execution_id) for execution_id in ids_of(answers)]
    assert [execution.trigger_type for execution in recorded] == ["manual", "scheduled", "scheduled"]
    assert [execution.trigger_name for execution in recorded] == [None, "Nightly", "Nightly"]
    assert recorded[0].parameters == {"day": 1}
    # One execution for each fire time, as everywhere.
    assert [execution.fire_time for execution in recorded] == [None, fire_time, None]
    assert started(engine) == ["by-hand", "by-schedule", "by-schedule-again"]


@pytest.mark.parametrize(("owner", "last"), [("prefect", -1), ("engine", None)])
def test_a_schedule_of_prefects_shows_when_it_fired_last(make_engine: MakeEngine, owner: str, last: int | None) -> None:
    """The latest fire time that was told, in whatever order; nobody else says when the engine's own fired."""
    engine = world(make_engine())
    engine.create_trigger(
        ScheduledTrigger(id="nightly", workflow_id="A", cron_expression="@daily", schedule_owner=owner)
    )
    now = engine.get_workflow("A").created_at
    assert now is not None
    days = {day: now + timedelta(days=day) for day in (-3, -2, -1, 1)}

    def fired(day: int, **fields: Any) -> ExternalEnd:
        return end(f"run-{day}{fields}", trigger_id="nightly", fire_time=days[day], **fields)

    for batch in ([-2], [-1, -3], [-3]):
        ids_of(engine.record_external_ends([fired(day) for day in batch]))
    # Called off before it began, of another workflow, or of none: nothing fired.
    engine.record_external_ends(
        [
            fired(1, run_count=0, status="cancelled"),
            end("theirs", workflow_id="B", trigger_id="nightly", fire_time=now),
            end("nobody's", workflow_id="gone", trigger_id="nightly", fire_time=now),
        ]
    )
    trigger = engine.get_trigger("nightly")
    assert isinstance(trigger, ScheduledTrigger)
    assert trigger.last_run_at == (None if last is None else days[last])


def test_what_is_started_again_there_is_a_new_execution(make_engine: MakeEngine) -> None:
    """In the same cascade, caused by what the run was before; its downstream runs once more."""
    engine = world(make_engine())
    first = engine.start("A", {"day": 1})
    told = [end(execution_id=first.id, run_count=count, status="failed") for count in (1, 2, 4)]
    answers = engine.record_external_ends(told)
    assert ids_of(answers) == [first.id, "run", "run.4"]
    second, third = (engine.get_execution(execution_id) for execution_id in ("run", "run.4"))
    assert (second.caused_by_execution_id, third.caused_by_execution_id) == (first.id, "run")
    assert (second.root_execution_id, second.hop, second.parameters) == (first.id, 0, {"day": 1})
    assert started(engine) == sorted([first.id, "run", "run.4"])
    assert engine.record_external_ends(told) == answers


def test_a_copied_run_does_not_take_anothers_execution(make_engine: MakeEngine) -> None:
    """Who copies a run copies its tags: the copy is an execution of its own."""
    engine = world(make_engine())
    execution = engine.start("A")
    answers = engine.record_external_ends(
        [end("run", execution_id=execution.id), end("copy", execution_id=execution.id)]
    )
    assert ids_of(answers) == [execution.id, "copy"]


def test_another_status_of_the_same_run_is_a_conflict(make_engine: MakeEngine) -> None:
    """The first stands, the other is noted beside it, and nothing fires again."""
    engine = world(make_engine())
    engine.record_external_ends([end()])
    for _ in range(2):
        [answer] = engine.record_external_ends([end(status="failed")])
        assert isinstance(answer, CompletionConflict)
    recorded = engine.get_external_end("run")
    assert recorded is not None
    assert (recorded.status, recorded.conflicting_status) == ("completed", "failed")
    assert started(engine) == ["run"]


def test_a_contradiction_of_what_the_flow_said_itself_is_noted(make_engine: MakeEngine) -> None:
    """``notify_completion`` knows no run; what it said stands when the run's own end comes."""
    engine = world(make_engine())
    execution = engine.start("A")
    engine.complete(execution.id, "completed")
    engine.record_external_ends([end(execution_id=execution.id, status="failed")])
    recorded = engine.get_external_end(execution.id)
    assert recorded is not None
    assert (recorded.status, recorded.conflicting_status) == ("completed", "failed")


def test_a_run_of_no_workflow_is_refused_alone(make_engine: MakeEngine) -> None:
    """One that names nothing here does not keep the others from being recorded."""
    engine = world(make_engine())
    answers = engine.record_external_ends([end("one", workflow_id="gone"), end("two")])
    assert isinstance(answers[0], WorkflowNotFound)
    assert ids_of(answers[1:]) == ["two"]


def test_a_pruned_run_told_again_starts_nothing(make_engine: MakeEngine, clock: FixedClock) -> None:
    """Its tombstone answers."""
    engine = world(make_engine())
    engine.record_external_ends([end()])
    for execution in engine.list_executions("B"):
        engine.complete(execution.id, "completed")
    clock.advance(10)
    engine.prune(clock.now())
    assert engine.get_external_end("run") is None
    assert ids_of(engine.record_external_ends([end()])) == ["run"]
    assert started(engine) == []


def test_hooks_and_reconcilers_at_once_count_once(make_engine: MakeEngine) -> None:
    """Eight tell of the same runs at the same time, each from a connection of its own."""
    engines = [make_engine() for _ in range(4)]
    world(engines[0])
    told = [end(f"run-{number}", run_count=count) for number in range(10) for count in (1, 2)]
    with ThreadPoolExecutor(8) as pool:
        tellers = [pool.submit(engines[n % 4].record_external_ends, told if n % 2 else told[::-1]) for n in range(8)]
        answers = [teller.result() for teller in tellers]
    assert all(isinstance(answer, CompletionResult) for some in answers for answer in some)
    ids = {answer.execution_id for some in answers for answer in some}  # type: ignore[union-attr]
    assert len(ids) == len(told)
    assert started(engines[0]) == sorted(ids)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "y"]),
            st.integers(1, 3),
            st.sampled_from(["completed", "failed"]),
            st.sampled_from([None, "one", "two"]),
        ),
        max_size=12,
    ),
    st.data(),
)
def test_however_ends_are_told_each_run_is_one_execution(
    told: list[tuple[str, int, str, str | None]], data: st.DataObject
) -> None:
    """In any order, in any batches, carrying whatever: as many executions of A as runs, each with the first status."""
    with TemporaryDirectory() as folder, TriggerEngine(fresh_database(Path(folder))) as engine:
        world(engine)
        rest = list(told)
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            engine.record_external_ends(
                [end(run, count, status, execution_id=carried) for run, count, status, carried in rest[:size]]
            )
            rest = rest[size:]
        first = {(run, count): status for run, count, status, _ in reversed(told)}
        executions = engine.list_executions("A")
        assert len(executions) == len(first)
        assert sorted(execution.status for execution in executions) == sorted(first.values())
        assert started(engine) == sorted(execution.id for execution in executions)


def test_a_cursor_only_moves_forwards(make_engine: MakeEngine) -> None:
    """Two followers share it, and the slower one does not move it back."""
    engine, instant = make_engine(), datetime(2026, 1, 1, tzinfo=UTC)
    assert engine.get_cursor("prefect") is None
    for position in (instant, instant + timedelta(hours=1), instant):
        engine.advance_cursor("prefect", position)
    assert engine.get_cursor("prefect") == instant + timedelta(hours=1)
