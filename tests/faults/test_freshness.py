"""Does every process and thread decide on the graph as it was last committed?"""

from __future__ import annotations

import random
import sys
from functools import partial
from typing import Any

import networkx as nx
import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import CycleError, DuplicateTrigger
from flowforge_graph.model import DependencyTrigger
from tests.faults import actions
from tests.faults.rows import assert_graph_is_sound, assert_history_is_sound, stored_digraph
from tests.faults.workers import all_call, workers

ROUNDS = 30
THREADS = 8
TURNS = 40


def test_each_engine_sees_the_others_triggers_in_its_next_decision(database_url: str) -> None:
    """What one process committed, the other's next completion, refusal and question know, and the other way round."""
    with workers(2) as crew:
        all_call(crew, actions.open_engine, database_url)
        for letter in ("a", "b"):
            crew[0].call(actions.with_engine, "create_workflow", letter)
        for number in range(ROUNDS):
            writer, other = crew[number % 2], crew[1 - number % 2]
            trigger = DependencyTrigger(workflow_id="b", depends_on_workflow_id="a")
            writer.call(actions.with_engine, "create_trigger", trigger)
            result = other.call(actions.with_engine, "complete", f"made-{number}", "completed", workflow_id="a")
            assert [verdict.trigger_id for verdict in result.triggered] == [trigger.id]
            assert other.call(actions.depend, "a", "b") == ("a", "b", "a")
            writer.call(actions.with_engine, "disable_trigger", trigger.id)
            result = other.call(actions.with_engine, "complete", f"off-{number}", "completed", workflow_id="a")
            assert [verdict.reason for verdict in result.skipped] == ["trigger_disabled"]
            other.call(actions.with_engine, "delete_trigger", trigger.id)
            result = writer.call(actions.with_engine, "complete", f"gone-{number}", "completed", workflow_id="a")
            assert result.verdicts == ()
            assert writer.call(actions.graph_of_this_process) == {"a": [], "b": []}
    assert_graph_is_sound(database_url)


def test_a_workflow_that_another_process_deleted_and_made_again_is_a_new_one(database_url: str) -> None:
    """The live graph follows deletions, cascades and new names of other processes."""
    with workers(2) as crew:
        all_call(crew, actions.open_engine, database_url)
        for letter in ("a", "b", "c"):
            crew[0].call(actions.with_engine, "create_workflow", letter)
        for number in range(ROUNDS):
            writer, other = crew[number % 2], crew[1 - number % 2]
            assert writer.call(actions.depend, "b", "a") is None
            assert other.call(actions.depend, "c", "b") is None
            assert writer.call(actions.depend, "a", "c") == ("a", "b", "c", "a")
            other.call(actions.with_engine, "delete_workflow", "b")
            assert writer.call(actions.depend, "a", "c") is None
            writer.call(actions.with_engine, "create_workflow", "b", name=f"b {number}")
            links = other.call(actions.with_engine, "get_dependency_graph", "c")
            assert [link.workflow_id for link in links.downstream] == ["a"]
            other.call(actions.with_engine, "delete_trigger", links.downstream[0].trigger_id)
    assert_graph_is_sound(database_url)


@pytest.mark.parametrize("processes", [1, 2])
def test_threads_that_change_complete_and_read_at_once_end_with_the_stored_graph(
    database_url: str, processes: int
) -> None:
    """Eight threads of an engine create, delete, complete and read: no error, and the graph equals the rows."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    with TriggerEngine(database_url) as engine:
        for number in range(10):
            engine.create_workflow(f"w{number}")
    with workers(processes) as crew:
        all_call(crew, actions.open_engine, database_url)
        for number, worker in enumerate(crew):
            worker.ask(churn, seed + number)
        for worker in crew:
            assert worker.answer() == [None] * THREADS
        stored = stored_digraph(database_url)
        for worker in crew:
            seen = worker.call(actions.graph_of_this_process)
            assert {node: sorted(stored.successors(node)) for node in stored} == seen
    assert_graph_is_sound(database_url)
    assert_history_is_sound(database_url)


def churn(seed: int) -> list[Any]:
    """In a worker: half of the threads change triggers, the others complete executions and read the graph."""
    engine = actions.this.engine
    # Threads take turns so often that what is not locked is met half changed.
    sys.setswitchinterval(1e-6)

    def turn(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        for step in range(TURNS):
            upstream, downstream = chance.sample([f"w{place}" for place in range(10)], 2)
            (change if number % 2 else look)(upstream, downstream, chance, f"{seed}-{number}-{step}")

    def change(upstream: str, downstream: str, chance: random.Random, _: str) -> None:
        try:
            trigger = engine.create_trigger(DependencyTrigger(workflow_id=downstream, depends_on_workflow_id=upstream))
        except (CycleError, DuplicateTrigger):
            trigger = next(iter(engine.list_triggers(downstream)), None)
        if trigger is not None:
            # Another thread may have deleted it already.
            for move in chance.choice([(), (engine.disable_trigger,), (engine.delete_trigger,)]):
                actions.outcome_of(partial(move, trigger.id))

    def look(upstream: str, downstream: str, _: random.Random, name: str) -> None:
        engine.complete(name, "completed", workflow_id=upstream)
        graph = engine.graph
        for _ in range(20):
            assert upstream not in graph.downstream(upstream)
            graph.upstream(downstream)
            graph.generations()
            graph.edges_out_of(upstream)
            assert nx.is_directed_acyclic_graph(graph.snapshot().digraph)
        engine.get_dependency_graph(upstream, transitive=True)

    return actions.in_threads(THREADS, turn)
