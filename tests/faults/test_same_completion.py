"""Does the same completion, reported many times at once, have one effect and one answer?"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import CompletionConflict
from flowforge_graph.model import CompletionResult, DependencyTrigger
from tests.faults import actions
from tests.faults.forms import so_many
from tests.faults.rows import assert_history_is_sound, rows
from tests.faults.workers import all_call, each_calls, workers

AT_ONCE = 50
CREW = 2
CONDITIONS = ("on_success", "on_failure", "on_completion")


@pytest.fixture
def fan(database_url: str) -> str:
    """The URL of a database where ``w`` has three downstream workflows, one for each condition."""
    with TriggerEngine(database_url) as engine:
        engine.create_workflow("w")
        for condition in CONDITIONS:
            engine.create_workflow(condition)
            engine.create_trigger(
                DependencyTrigger(workflow_id=condition, depends_on_workflow_id="w", dependency_condition=condition)
            )
    return database_url


def started(url: str, count: int) -> list[str]:
    with TriggerEngine(url) as engine:
        return [engine.start("w").id for _ in range(count)]


def assert_effects(url: str, upstream_ids: Sequence[str], *, downstream: int) -> None:
    """Each completion wrote three verdicts and started so many executions, once."""
    verdicts = rows(url, "SELECT upstream_execution_id FROM verdicts")
    assert sorted(row.upstream_execution_id for row in verdicts) == sorted(upstream_ids * len(CONDITIONS))
    starts = rows(url, "SELECT upstream_execution_id FROM executions WHERE upstream_execution_id IS NOT NULL")
    assert sorted(row.upstream_execution_id for row in starts) == sorted(upstream_ids * downstream)
    assert_history_is_sound(url)


def test_one_completion_from_many_threads_has_one_answer(fan: str) -> None:
    """Fifty threads of one engine report the same completion: one effect, equal answers."""
    ids = started(fan, 5)
    with TriggerEngine(fan) as engine:
        for execution_id in ids:
            answers = actions.in_threads(AT_ONCE, lambda _, one=execution_id: engine.complete(one, "completed"))
            assert answers == [answers[0]] * AT_ONCE
            assert isinstance(answers[0], CompletionResult)
    assert_effects(fan, ids, downstream=2)


@pytest.mark.parametrize("seen", [True, False], ids=["started", "never-seen"])
def test_one_completion_from_many_processes_has_one_answer(fan: str, seen: bool) -> None:
    """Threads of several processes report the same completion, of an execution that is stored or not yet."""
    ids = started(fan, 8) if seen else [f"unseen-{number}" for number in range(8)]
    with workers(CREW) as crew:
        all_call(crew, actions.open_engine, fan)
        statuses = ["completed"] * (AT_ONCE // CREW)
        answers = all_call(crew, actions.complete_at_once, ids, statuses, workflow_id="w")
    for number in range(len(ids)):
        given = [answer for own in answers for answer in own[number]]
        assert given == [given[0]] * AT_ONCE
        assert isinstance(given[0], CompletionResult)
    assert_effects(fan, ids, downstream=2)


def test_of_two_statuses_at_once_the_first_stands(fan: str) -> None:
    """Half report completed, half failed: one of the two is recorded, everybody who said the other has a conflict."""
    ids = started(fan, 8)
    with workers(CREW) as crew:
        all_call(crew, actions.open_engine, fan)
        statuses = ["completed", "failed"] * (AT_ONCE // CREW // 2)
        answers = all_call(crew, actions.complete_at_once, ids, statuses)
    stored = {row.id: row.status for row in rows(fan, "SELECT id, status FROM executions")}
    for number, execution_id in enumerate(ids):
        for own in answers:
            for status, answer in zip(statuses, own[number], strict=True):
                wanted = CompletionResult if status == stored[execution_id] else CompletionConflict
                assert isinstance(answer, wanted), (status, stored[execution_id], answer)
    assert_effects(fan, ids, downstream=2)


def test_whatever_comes_early_late_or_in_contradiction_has_one_effect(fan: str, saw: Callable[..., None]) -> None:
    """Starts and three different ends of one id at once, in any order: one end stands, and still does once pruned."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    words = ["completed", "failed", "cancelled", "start", "start"] * (AT_ONCE // CREW // 5)
    said = {f"e{number}": chance.sample(words, len(words)) for number in range(so_many(short=20, long=300))}
    with workers(CREW) as crew:
        all_call(crew, actions.open_engine, fan)
        answers = all_call(crew, actions.report_at_once, said, workflow_id="w")
    stored = {row.id: row.status for row in rows(fan, "SELECT id, status FROM executions WHERE workflow_id = 'w'")}
    assert stored.keys() == said.keys()
    effects = 0
    for execution_id, own in said.items():
        given = [pair for answered in answers for pair in zip(own, answered[execution_id], strict=True)]
        told = [answer for word, answer in given if word == stored[execution_id]]
        assert told == [told[0]] * len(told)
        others = [answer for word, answer in given if word not in {stored[execution_id], "start"}]
        assert {type(answer) for answer in others} == {CompletionConflict}
        assert {answer.id for word, answer in given if word == "start"} == {execution_id}
        effects += len(told[0].triggered)
    down = rows(fan, "SELECT id, upstream_execution_id FROM executions WHERE upstream_execution_id IS NOT NULL")
    assert len(down) == effects == 2 * sum(status != "cancelled" for status in stored.values())
    assert_history_is_sound(fan)
    with TriggerEngine(fan) as engine:
        engine.complete_many((row.id, "completed") for row in down)  # type: ignore[misc]
        assert engine.prune(datetime.now(UTC) + timedelta(days=1)).executions == len(said) + len(down)
        for execution_id, status in stored.items():
            assert engine.complete(execution_id, status, workflow_id="w").verdicts == ()
            with pytest.raises(CompletionConflict):
                engine.complete(execution_id, "failed" if status != "failed" else "completed", workflow_id="w")
        assert engine.list_executions() == []
    saw(
        executions=len(said),
        reports_of_each=AT_ONCE,
        ends=len(set(stored.values())),
        effects=effects,
        twice=len(down) - effects,
    )


@pytest.mark.parametrize("seen", [True, False], ids=["started", "never-seen"])
def test_overlapping_batches_end_without_a_deadlock(fan: str, seen: bool) -> None:
    """Processes report the same completions in batches of a random order: no error, and equal answers for each."""
    ids = started(fan, 60) if seen else [f"unseen-{number}" for number in range(60)]
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    with workers(CREW) as crew:
        all_call(crew, actions.open_engine, fan)
        for worker, own_seed in zip(crew, (seed, seed + 1), strict=True):
            worker.ask(actions.complete_batches, ids, size=20, rounds=10, seed=own_seed)
        answers: list[dict[str, list[Any]]] = [worker.answer() for worker in crew]
    for execution_id in ids:
        given = [answer for own in answers for answer in own[execution_id]]
        assert given == [given[0]] * len(given)
        assert isinstance(given[0], CompletionResult)
    assert_effects(fan, ids, downstream=2)


def test_completions_of_one_cascade_at_once_count_it_exactly(fan: str) -> None:
    """Processes that end executions of one cascade at once leave its size equal to its number of executions."""
    with TriggerEngine(fan) as engine:
        root = engine.start("w").id
        ids = [engine.start("w", caused_by=root).id for _ in range(40)]
    with workers(CREW) as crew:
        all_call(crew, actions.open_engine, fan)
        shares = [(ids[place::CREW], ["completed"]) for place in range(CREW)]
        each_calls(crew, actions.complete_at_once, *shares)
    (size,) = rows(fan, "SELECT cascade_size FROM executions WHERE id = :id", id=root)
    (count,) = rows(fan, "SELECT count(*) AS n FROM executions WHERE root_execution_id = :id", id=root)
    assert size.cascade_size == count.n == 1 + 40 + 80
    assert_history_is_sound(fan)
