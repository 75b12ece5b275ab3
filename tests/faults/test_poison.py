"""Does one execution that nobody can run, store or stop keep its neighbours from running?"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.engine import Settings
from flowforge_graph.errors import DispatchError, FlowforgeGraphError, InvalidExecution
from flowforge_graph.executors import LocalExecutor
from flowforge_graph.model import CompletionResult, DependencyTrigger, EventTrigger, Execution, Workflow
from flowforge_graph.testing import FixedClock
from tests.faults import actions
from tests.faults.rows import assert_history_is_sound
from tests.faults.waiting import eventually
from tests.faults.workers import workers

MakeEngine = Callable[..., TriggerEngine]
NEIGHBOURS = 60
FAILURES = 4


def deep(levels: int) -> dict[str, Any]:
    """A JSON object so many levels deep."""
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


UNSTORABLE = {
    "NUL": {"a": "b\0c"},
    "NUL in a key": {"b\0c": 1},
    "a lone surrogate": {"a": ["\ud800"]},
    "10 MB": {"a": "x" * 10_000_000},
    "3,000 deep": deep(3_000),
}
UNSPEAKABLE = {
    "NUL": "b\0c",
    "a lone surrogate": "\udfff",
    "10 MB": "x" * 10_000_000,
    "3,000 deep": "[" * 3_000,
}

# What each of them writes is as bad as it looks; the deaf one must be killed.
COMMANDS = {
    "NUL": "sys.stdout.buffer.write(b'a\\0b')",
    "a lone surrogate": "sys.stdout.buffer.write(b'a\\xed\\xa0\\x80b')",
    "10 MB": "sys.stdout.write('x' * 10_000_000)",
    "3,000 deep": "sys.stdout.write('[' * 3_000)",
    "ignores SIGTERM": "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(1_000)",
    "closes its output": "os.close(1); os.close(2)",
    "kills its own group": "os.killpg(0, signal.SIGKILL)",
}
CALLABLES = """
def unspeakable(execution):
    raise ValueError("b\\0c\\ud800" + "x" * 10_000_000)

def endless(execution):
    return endless(execution)

def leaves(execution):
    raise SystemExit(3)

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("not even that")

def mute(execution):
    raise Mute
"""


@pytest.mark.parametrize("poison", UNSTORABLE)
def test_what_no_database_can_hold_is_refused_at_the_door(make_engine: MakeEngine, poison: str) -> None:
    """In one sentence, for a start and for an event; nothing is stored, and neighbours start as before."""
    engine = make_engine()
    engine.create_workflow("w")
    engine.create_trigger(EventTrigger(workflow_id="w", event_type="came"))
    for refused in (
        lambda: engine.start("w", UNSTORABLE[poison]),
        lambda: engine.emit("came", UNSTORABLE[poison], key="k"),
    ):
        with pytest.raises(InvalidExecution) as refusal:
            refused()
        assert len(str(refusal.value)) < 300
    assert engine.list_executions() == []
    assert engine.start("w", {"a": 1}).status == "pending"
    assert len(engine.emit("came", {"a": 1}, key="k")) == 1


def test_a_poisoned_completion_harms_none_that_came_with_it(make_engine: MakeEngine) -> None:
    """In one list: what is no id is answered by its own error, an unspeakable error is kept as far as it can be."""
    engine = make_engine()
    engine.create_workflow("w")
    engine.create_workflow("next")
    engine.create_trigger(
        DependencyTrigger(workflow_id="next", depends_on_workflow_id="w", dependency_condition="on_completion")
    )
    items: list[Any] = []
    for number, text in enumerate(UNSPEAKABLE.values()):
        items += [
            {"execution_id": f"good-{number}", "status": "completed", "workflow_id": "w"},
            {"execution_id": text, "status": "completed", "workflow_id": "w"},
            {"execution_id": f"said-{number}", "status": "failed", "workflow_id": "w", "error": text},
            {"execution_id": f"status-{number}", "status": text, "workflow_id": "w"},
            {"execution_id": f"where-{number}", "status": "completed", "workflow_id": text},
        ]
    answers = engine.complete_many(items)
    refused = [answer for answer in answers if isinstance(answer, FlowforgeGraphError)]
    recorded = [answer for answer in answers if isinstance(answer, CompletionResult)]
    # "[[[…" is unusual, but printable: as an id it is only too long.
    assert len(refused) == 3 * len(UNSPEAKABLE)
    assert all(len(str(error)) < 300 for error in refused)
    assert {answer.execution_id.partition("-")[0] for answer in recorded} == {"good", "said"}
    assert all(len(answer.triggered) == 1 for answer in recorded)
    assert all(len(execution.error or "") <= 10_000 for execution in engine.list_executions("w"))


def test_what_cannot_be_dispatched_ends_as_a_dead_letter_and_neighbours_flow(
    make_engine: MakeEngine, clock: FixedClock, saw: Callable[..., None]
) -> None:
    """After so many failures each ends ``failed`` through the normal path; its neighbours were started at once."""
    started: list[str] = []
    refused: list[str] = []

    class Choking:
        def start(self, execution: Execution, workflow: Workflow) -> str:
            if workflow.id in UNSPEAKABLE:
                refused.append(execution.id)
                raise DispatchError(UNSPEAKABLE[workflow.id])
            started.append(execution.id)
            return f"there-{execution.id}"

    engine = make_engine(executor=Choking(), max_dispatch_failures=FAILURES)
    for workflow_id in (*UNSPEAKABLE, "neighbour", "handler"):
        engine.create_workflow(workflow_id)
    engine.create_triggers(
        DependencyTrigger(workflow_id="handler", depends_on_workflow_id=poison, dependency_condition="on_failure")
        for poison in UNSPEAKABLE
    )
    poisons = [engine.start(workflow_id).id for workflow_id in UNSPEAKABLE]
    neighbours = [engine.start("neighbour").id for _ in range(NEIGHBOURS)]
    engine.dispatch_due()
    assert started == neighbours
    while any(not engine.get_execution(poison).has_ended for poison in poisons):
        clock.advance(minutes=1)
        engine.dispatch_due()
    letters = [engine.get_execution(poison) for poison in poisons]
    assert {(letter.status, letter.reason) for letter in letters} == {("failed", "dispatch_failed")}
    assert len(refused) == FAILURES * len(poisons)
    assert len(engine.list_executions("handler")) == len(poisons)
    flowed = sum(started.count(neighbour) == 1 for neighbour in neighbours)
    saw(poisons=len(poisons), failures_of_each=FAILURES, neighbours=NEIGHBOURS, neighbours_started_once=flowed)


def test_commands_that_misbehave_are_isolated_and_neighbours_all_finish(
    database_url: str, tmp_path: Path, saw: Callable[..., None]
) -> None:
    """Whatever a command or callable writes, raises or ignores ends with it; what runs beside it completes."""
    (tmp_path / "poison.py").write_text(CALLABLES)
    callables = ("unspeakable", "endless", "leaves", "mute")
    executor = LocalExecutor(state_folder=tmp_path / "state", grace_seconds=0.3)
    with TriggerEngine(database_url, executor=executor) as engine:
        for name, body in COMMANDS.items():
            program = [sys.executable, "-c", f"import os, signal, sys, time; {body}"]
            engine.create_workflow(name, run={"command": program, "timeout_seconds": 5}, run_folder=str(tmp_path))
        for name in callables:
            engine.create_workflow(name, run={"python": f"poison:{name}"}, run_folder=str(tmp_path))
        engine.create_workflow("neighbour", run={"command": ["true"]}, run_folder=str(tmp_path))
        poisons = {name: engine.start(name).id for name in (*COMMANDS, *callables)}
        neighbours = [engine.start("neighbour").id for _ in range(NEIGHBOURS)]
        engine.run_until_idle()
        ends = {name: engine.get_execution(execution_id) for name, execution_id in poisons.items()}
        completed = [engine.get_execution(execution_id).status for execution_id in neighbours].count("completed")
    harmless = {"NUL", "a lone surrogate", "10 MB", "3,000 deep", "closes its output"}
    assert {name: end.status for name, end in ends.items()} == {
        name: "completed" if name in harmless else "failed" for name in ends
    }
    assert all(len(end.output or "") < 70_000 for end in ends.values())
    assert all("\0" not in f"{end.output}{end.error}" for end in ends.values())
    assert ends["ignores SIGTERM"].output == "deaf\n"
    assert completed == NEIGHBOURS
    assert_history_is_sound(database_url)
    saw(poisons=len(poisons), neighbours=NEIGHBOURS, neighbours_completed=completed)


def test_a_callable_that_kills_its_process_is_started_so_often_and_no_more(
    database_url: str, tmp_path: Path, saw: Callable[..., None]
) -> None:
    """It ends ``failed``, reason ``lost``, after its last attempt, and all that waits behind it runs.

    One runs at a time here: what runs beside such a callable, in the same process, dies with it and is lost as often.
    """
    (tmp_path / "deadly.py").write_text("import os, signal\ndef kill(_):\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    stop, state, attempts = tmp_path / "stop", str(tmp_path / "state"), Settings().max_attempts
    with TriggerEngine(database_url) as engine:
        engine.create_workflow("deadly", run={"python": "deadly:kill"}, run_folder=str(tmp_path))
        for name in ("neighbour", "handler"):
            engine.create_workflow(name, run={"command": ["true"]}, run_folder=str(tmp_path))
        engine.create_trigger(
            DependencyTrigger(workflow_id="handler", depends_on_workflow_id="deadly", dependency_condition="on_failure")
        )
        deadly = engine.start("deadly").id
        neighbours = [engine.start("neighbour").id for _ in range(NEIGHBOURS // 4)]
        for is_last in (*[False] * attempts, True):
            with workers(1) as (worker,):
                worker.call(actions.open_dispatcher, database_url, state, max_concurrent=1, lease_seconds=2.0)
                worker.ask(actions.dispatch_until, str(stop))
                if not is_last:
                    assert worker.join() == -signal.SIGKILL
                    continue
                eventually(lambda: all(execution.has_ended for execution in engine.list_executions()))
                stop.touch()
                worker.answer()
        end = engine.get_execution(deadly)
        assert (end.status, end.reason, end.attempt) == ("failed", "lost", attempts)
        completed = [engine.get_execution(neighbour).status for neighbour in neighbours].count("completed")
        assert [execution.status for execution in engine.list_executions("handler")] == ["completed"]
    assert completed == len(neighbours)
    assert_history_is_sound(database_url)
    saw(kills=attempts, neighbours=len(neighbours), neighbours_completed=completed)
