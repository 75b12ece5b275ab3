"""Families of cycle-free graphs, as pairs of workflow ids and as triggers, always the same for the same sizes."""

from __future__ import annotations

import random
from collections.abc import Sequence

from flowforge_graph import DependencyTrigger

Pair = tuple[str, str]

LAYERS = 10
ORDERS = ("topological", "random", "reverse")


def layered(edges: int) -> list[Pair]:
    """Ten layers and twice as many edges as workflows, each from a layer to any later one; in topological order."""
    count = max(edges // 2, 2 * LAYERS)
    width = count // LAYERS
    chance = random.Random(edges)
    found: set[tuple[int, int]] = set()
    while len(found) < edges:
        upstream, downstream = chance.randrange(count), chance.randrange(count)
        if upstream // width < downstream // width:
            found.add((upstream, downstream))
    return _named(found, count, chance)


def dense(edges: int, *, per_workflow: int) -> list[Pair]:
    """``per_workflow`` times as many random edges as workflows; in topological order."""
    count = max(edges // per_workflow, 4 * per_workflow)
    chance = random.Random(edges + per_workflow)
    found: set[tuple[int, int]] = set()
    while len(found) < edges:
        one, other = chance.randrange(count), chance.randrange(count)
        if one != other:
            found.add((min(one, other), max(one, other)))
    return _named(found, count, chance)


def chain(edges: int) -> list[Pair]:
    """One chain, from its beginning."""
    return [(f"w{number}", f"w{number + 1}") for number in range(edges)]


def in_order(pairs: Sequence[Pair], order: str) -> list[Pair]:
    """``pairs``, given in topological order, as they are, backwards or shuffled."""
    if order == "random":
        return random.Random(len(pairs)).sample(pairs, len(pairs))
    return list(pairs) if order == "topological" else list(reversed(pairs))


def triggers_of(pairs: Sequence[Pair]) -> list[DependencyTrigger]:
    """A trigger for each pair."""
    return [
        DependencyTrigger(id=f"t{number}", workflow_id=downstream, depends_on_workflow_id=upstream)
        for number, (upstream, downstream) in enumerate(pairs)
    ]


def _named(found: set[tuple[int, int]], count: int, chance: random.Random) -> list[Pair]:
    """Names that do not give the order away."""
    names = [f"w{number}" for number in range(count)]
    chance.shuffle(names)
    return [(names[upstream], names[downstream]) for upstream, downstream in sorted(found)]
