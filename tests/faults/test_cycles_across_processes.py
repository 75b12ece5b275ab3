"""Can processes that write at once store a cycle?"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import networkx as nx
import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.engine import DefinitionChanges
from flowforge_graph.model import Workflow
from tests.faults import actions
from tests.faults.forms import so_many
from tests.faults.rows import assert_graph_is_sound, rows, stored_digraph
from tests.faults.workers import all_call, each_calls, workers

ROUNDS = so_many(short=2_000, long=10_000)
# Four processes on two cores take their time; what they add is a longer chain.
ROUNDS_OF_FOUR = ROUNDS // 4


def make_workflows(url: str, ids: list[str]) -> None:
    with TriggerEngine(url) as engine:
        workflows = tuple(Workflow(id=workflow_id) for workflow_id in ids)
        engine.change_definitions(lambda _: DefinitionChanges(put_workflows=workflows))


@pytest.mark.parametrize(
    ("size", "rounds"), [(2, ROUNDS), (3, ROUNDS), (4, ROUNDS_OF_FOUR)], ids=["pair", "triangle", "square"]
)
def test_processes_that_close_a_ring_at_once_leave_it_open(
    database_url: str, size: int, rounds: int, saw: Callable[..., None]
) -> None:
    """Of n processes that each add one edge of a ring, exactly n - 1 succeed; the last is told the whole ring."""
    rings = [[f"{letter}{number}" for letter in "abcd"[:size]] for number in range(rounds)]
    make_workflows(database_url, [workflow for ring in rings for workflow in ring])
    edges = [[(ring[place], ring[(place + 1) % size]) for ring in rings] for place in range(size)]
    with workers(size) as crew:
        all_call(crew, actions.open_engine, database_url)
        outcomes = each_calls(crew, actions.race_edges, *[[own] for own in edges])
    for number, ring in enumerate(rings):
        refused = [place for place in range(size) if outcomes[place][number] is not None]
        assert len(refused) == 1, (ring, [outcome[number] for outcome in outcomes])
        first = (refused[0] + 1) % size
        assert outcomes[refused[0]][number] == tuple(ring[(first + step) % size] for step in range(size + 1))
    assert len(rows(database_url, "SELECT id FROM workflow_triggers")) == rounds * (size - 1)
    assert_graph_is_sound(database_url)
    refusals = [sum(chain is not None for chain in outcome) for outcome in outcomes]
    saw(rounds=rounds, processes=size, refused=sum(refusals), refused_by_each=" ".join(map(str, refusals)), cycles=0)


def test_processes_that_add_random_edges_at_once_store_no_cycle(database_url: str) -> None:
    """Whatever is refused would close a cycle; its chain is a real path through what is stored, and closes."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    nodes = [f"n{number}" for number in range(14)]
    make_workflows(database_url, nodes)
    pairs = [(upstream, downstream) for upstream in nodes for downstream in nodes if upstream != downstream]
    random.Random(seed).shuffle(pairs)
    shares = [pairs[place::2] for place in range(2)]
    with workers(2) as crew:
        all_call(crew, actions.open_engine, database_url)
        outcomes = each_calls(crew, actions.race_edges, *[[share] for share in shares])
    stored = stored_digraph(database_url)
    for share, own in zip(shares, outcomes, strict=True):
        for (upstream, downstream), chain in zip(share, own, strict=True):
            if chain is None:
                assert stored.has_edge(upstream, downstream)
                continue
            assert (chain[0], chain[-2], chain[-1]) == (downstream, upstream, downstream)
            assert all(stored.has_edge(*step) for step in pairwise(chain[:-1]))
    # Every pair was tried both ways, so what is stored is a whole order.
    assert stored.number_of_edges() == len(pairs) // 2
    assert len(nx.dag_longest_path(stored)) == len(nodes)
    assert_graph_is_sound(database_url)
