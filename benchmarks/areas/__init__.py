"""What is measured: each area answers the rows of its table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from benchmarks.areas import (
    api,
    bulk,
    completions,
    diagrams,
    dispatching,
    fan_out,
    guarded_insert,
    imports,
    on_prefect,
    peers,
    poison,
    questions,
    schedules,
    synchronizing,
)
from benchmarks.databases import Databases
from benchmarks.measure import Row
from benchmarks.sizes import Sizes

Measure = Callable[[Sizes, Databases], Iterator[Row]]

AREAS: Final[Mapping[str, tuple[str, Measure]]] = {
    "guarded-insert": ("Building a graph edge by edge, each edge checked for a cycle", guarded_insert.rows),
    "deep-graphs": ("One more edge, which agrees with the order, into a large graph", questions.single_edges),
    "refusal": ("Finding the shortest chain of a cycle that would be closed", questions.refusals),
    "queries": ("Everything upstream or downstream of a workflow, in topological order", questions.reachability),
    "bulk": ("Many triggers at once, from values and from a database", bulk.rows),
    "completion": ("Recording a completion with five downstream workflows", completions.rows),
    "group-commit": ("Completions that arrive together", completions.together),
    "fan-out": ("One completion with very many downstream workflows", fan_out.rows),
    "dispatch": ("Claim, start and finish Python callables that do nothing", dispatching.rows),
    "poison": ("Neighbours of executions that fail in every way there is", poison.rows),
    "schedules": ("The next run of 20 typical expressions in America/New_York, and ticks", schedules.rows),
    "sync": ("Hearing of one trigger that another process changed", synchronizing.rows),
    "diagrams": ("A graph as a picture, beside the bare layout program on the same DOT text", diagrams.rows),
    "api": ("The REST API beside the engine that it calls and an empty endpoint of FastAPI", api.rows),
    "import": ("A fresh interpreter that imports and ends", imports.rows),
    "prefect": ("Completions on a Prefect server with five downstream runs each", on_prefect.rows),
    "peers": ("Fan-out: completions with five downstream workflows each, durable, then run", peers.rows),
}
