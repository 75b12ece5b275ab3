"""The REST API beside the same calls of the engine in this process, and beside an empty endpoint of FastAPI.

What the API adds is its time without the engine's, in empty endpoints: both are asked over a connection that is kept,
one request after another. How many it answers in a second, and its slowest, come from many connections at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median, quantiles
from typing import Any

from benchmarks.databases import KINDS, Databases
from benchmarks.graphs import Pair, dense
from benchmarks.http import in_turn, request, served, together
from benchmarks.measure import Measured, Row, at_most, duration, each, per_second, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from flowforge_graph import TriggerEngine

_DOWNSTREAM = 5
_CONNECTIONS = 16
_EMPTY = request("GET", "/empty")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call: over REST, of the engine, and what both must agree on.

    ``made`` answers the arguments of so many calls that nobody has made before.
    """

    work: str
    made: Callable[[int], Sequence[Any]]
    request: Callable[[Any], bytes]
    engine: Callable[[TriggerEngine, Any], Any]
    told_by_api: Callable[[Any], Any]
    told_by_engine: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Who is asked: the engine in this process, and the URLs of its API and of the empty endpoint."""

    engine: TriggerEngine
    ours: str
    empty: str


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """Three calls on a large graph, on each kind of database."""
    pairs = dense(sizes.edges, per_workflow=_DOWNSTREAM)
    for kind in KINDS:
        url = databases.filled(kind, pairs)
        with TriggerEngine(url) as engine, served("ours", url) as ours, served("empty") as empty:
            sides = Sides(engine=engine, ours=ours, empty=empty)
            for call in _calls(pairs):
                yield from _one_after_another(kind, call, sides, sizes)
                yield _many(kind, call, sides, sizes)


def _calls(pairs: Sequence[Pair]) -> list[Call]:
    edges, chance, numbers = f"{len(pairs):,} edges", random.Random(len(pairs)), count()
    upstream = _with_so_many_downstream(pairs)
    return [
        Call(
            work=f"list triggers, {edges}",
            made=lambda size: [chance.choice(pairs)[1] for _ in range(size)],
            request=lambda workflow_id: request("GET", f"/api/workflows/{workflow_id}/triggers"),
            engine=_listed,
            told_by_api=lambda answer: [trigger["id"] for trigger in answer["triggers"]],
            told_by_engine=lambda triggers: [trigger.id for trigger in triggers],
        ),
        Call(
            work=f"validate a dependency, {edges}",
            made=lambda size: [(chance.choice(pairs)[1], chance.choice(pairs)[0]) for _ in range(size)],
            request=lambda pair: request(
                "POST", f"/api/workflows/{pair[0]}/triggers/validate-dependency", {"dependsOnWorkflowId": pair[1]}
            ),
            engine=lambda engine, pair: engine.validate_dependency(*pair),
            told_by_api=lambda answer: (answer["valid"], answer.get("chain")),
            told_by_engine=lambda answer: (answer.valid, None if answer.chain is None else list(answer.chain)),
        ),
        Call(
            work=f"complete, {_DOWNSTREAM} downstream, {edges}",
            made=lambda size: [f"e{next(numbers)}" for _ in range(size)],
            request=lambda execution_id: request(
                "POST", f"/api/executions/{execution_id}/complete", {"status": "completed", "workflowId": upstream}
            ),
            engine=lambda engine, execution_id: engine.complete(execution_id, "completed", workflow_id=upstream),
            told_by_api=lambda answer: [one["workflowId"] for one in answer["triggered"]],
            told_by_engine=lambda result: [one.workflow_id for one in result.triggered],
        ),
    ]


def _listed(engine: TriggerEngine, workflow_id: str) -> Any:
    """The triggers and the names of their upstream, which the API shows too."""
    triggers = engine.get_triggers(workflow_id)
    engine.get_workflow_names({trigger.depends_on_workflow_id for trigger in triggers})  # type: ignore[union-attr]
    return triggers


def _with_so_many_downstream(pairs: Sequence[Pair]) -> str:
    downstream: dict[str, int] = {}
    for upstream, _ in pairs:
        downstream[upstream] = downstream.get(upstream, 0) + 1
    return next(workflow_id for workflow_id, number in downstream.items() if number == _DOWNSTREAM)


def _one_after_another(kind: str, call: Call, sides: Sides, sizes: Sizes) -> Iterator[Row]:
    size = sizes.completions
    _assert_both_agree(call, sides)

    def over_rest() -> float:
        return in_turn(sides.ours, [call.request(arguments) for arguments in call.made(size)])[1]

    def in_process() -> float:
        made = call.made(size)
        return seconds_of(lambda: [call.engine(sides.engine, arguments) for arguments in made])

    measured = side_by_side(
        sizes.rounds,
        ours=over_rest,
        engine=in_process,
        empty=lambda: in_turn(sides.empty, [_EMPTY] * size)[1],
    )
    ours_each, engine_each = (each(measured.seconds(side), size) for side in ("ours", "engine"))
    yield Row(
        work=f"{call.work}, {kind}",
        ours=ours_each,
        floor=f"engine in this process {engine_each}",
        ratio=measured.ratio("ours", to="engine"),
    )
    yield Row(
        work=f"{call.work}, {kind}: what the API adds",
        ours=each(measured.seconds("ours") - measured.seconds("engine"), size),
        floor=f"empty endpoint {each(measured.seconds('empty'), size)}",
        ratio=_added(measured),
        target=at_most(3),
    )


def _assert_both_agree(call: Call, sides: Sides) -> None:
    """What they answer to the same calls (a completion is answered again from what was stored)."""
    made = call.made(4)
    answers, _ = in_turn(sides.ours, [call.request(arguments) for arguments in made])
    told = [call.told_by_engine(call.engine(sides.engine, arguments)) for arguments in made]
    assert [call.told_by_api(answer) for answer in answers] == told


def _added(measured: Measured) -> float:
    sides = (measured.rounds[side] for side in ("ours", "engine", "empty"))
    return median((ours - engine) / empty for ours, engine, empty in zip(*sides, strict=True))


def _many(kind: str, call: Call, sides: Sides, sizes: Sizes) -> Row:
    size = sizes.completions * 4
    latencies: dict[str, list[float]] = {"ours": [], "empty": []}

    def asked(side: str, url: str, requests: Sequence[bytes]) -> float:
        return seconds_of(lambda: latencies[side].extend(together(url, requests, connections=_CONNECTIONS)))

    measured = side_by_side(
        sizes.rounds,
        ours=lambda: asked("ours", sides.ours, [call.request(arguments) for arguments in call.made(size)]),
        empty=lambda: asked("empty", sides.empty, [_EMPTY] * size),
    )
    assert {len(seconds) for seconds in latencies.values()} == {size * sizes.rounds}
    ours_p99, empty_p99 = (duration(quantiles(latencies[side], n=100)[98]) for side in ("ours", "empty"))
    return Row(
        work=f"{call.work}, {kind}: {_CONNECTIONS} connections",
        ours=f"{per_second(size, measured.seconds('ours'))}, p99 {ours_p99}",
        floor=f"empty endpoint {per_second(size, measured.seconds('empty'))}, p99 {empty_p99}",
        ratio=measured.ratio("ours", to="empty"),
    )
