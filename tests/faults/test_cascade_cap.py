"""Does a cascade that would double twenty times stop at its cap, though several processes drive it at once?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from flowforge_graph import TriggerEngine
from flowforge_graph.engine import DefinitionChanges
from flowforge_graph.model import CompletionResult, DependencyTrigger, Workflow
from tests.faults import actions
from tests.faults.forms import so_many
from tests.faults.rows import assert_history_is_sound, rows
from tests.faults.workers import all_call, workers

DIAMONDS = 20
# The long form takes the default.
CAP = so_many(short=2_000, long=100_000)
BATCH = 200


def test_twenty_diamonds_in_a_row_stop_at_the_cap(database_url: str, saw: Callable[..., None]) -> None:
    """Of more than a million executions exactly as many as allowed are made; each verdict beyond says cascade_limit."""
    with TriggerEngine(database_url) as engine:
        make_diamonds(engine)
        root = engine.start("a0").id
    with workers(2) as crew:
        all_call(crew, actions.open_engine, database_url, max_cascade_executions=CAP)
        all_call(crew, complete_until_nothing_is_pending)
    executions = rows(database_url, "SELECT id, status, root_execution_id, hop FROM executions")
    assert {(row.status, row.root_execution_id) for row in executions} == {("completed", root)}
    assert len(executions) == CAP
    verdicts = Counter(row.reason or row.outcome for row in rows(database_url, "SELECT outcome, reason FROM verdicts"))
    assert verdicts.keys() == {"triggered", "cascade_limit"}
    assert verdicts["triggered"] == CAP - 1
    assert_history_is_sound(database_url)
    saw(
        paths=2**DIAMONDS,
        executions=len(executions),
        cascade_limit=verdicts["cascade_limit"],
        hops=max(row.hop for row in executions),
    )


def make_diamonds(engine: TriggerEngine) -> None:
    """``a0`` → ``b0`` and ``c0`` → ``a1`` → …"""
    names = [f"{letter}{number}" for number in range(DIAMONDS + 1) for letter in "abc"]
    workflows = tuple(Workflow(id=name) for name in names)
    engine.change_definitions(lambda _: DefinitionChanges(put_workflows=workflows))
    engine.create_triggers(
        DependencyTrigger(workflow_id=downstream, depends_on_workflow_id=upstream)
        for here, there in pairwise(range(DIAMONDS + 1))
        for side in "bc"
        for upstream, downstream in ((f"a{here}", f"{side}{here}"), (f"{side}{here}", f"a{there}"))
    )


def complete_until_nothing_is_pending() -> int:
    """In a worker: complete whatever is pending, the newest first, though another process does the same."""
    engine, completed = actions.this.engine, 0
    while pending := engine.list_executions(status="pending", limit=BATCH):
        answers = engine.complete_many((execution.id, "completed") for execution in pending)  # type: ignore[misc]
        assert all(isinstance(answer, CompletionResult) for answer in answers)
        completed += len(answers)
    return completed
