"""Stored worlds of the durable path: one upstream workflow, five downstream, and as many executions as are needed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.databases import connected
from flowforge_graph import DependencyTrigger, TriggerEngine
from flowforge_graph.storage.tables import tables_for

FAN_OUT = 5
ROOT = Path(__file__).parents[1]
_RUN = {"python": "benchmarks.work:nothing"}


def make_fan_out(engine: TriggerEngine) -> None:
    """``source`` → ``middle`` → five workflows that a callable runs."""
    for workflow_id in ("source", "middle", *_downstream()):
        engine.create_workflow(workflow_id, run=_RUN, run_folder=str(ROOT))
    pairs = [("source", "middle"), *(("middle", workflow_id) for workflow_id in _downstream())]
    engine.create_triggers(_triggers(pairs))


def make_chain(engine: TriggerEngine, hops: int) -> None:
    """``c0`` → ``c1`` → … with ``hops`` edges."""
    ids = [f"c{number}" for number in range(hops + 1)]
    for workflow_id in ids:
        engine.create_workflow(workflow_id, run=_RUN, run_folder=str(ROOT))
    engine.create_triggers(_triggers(list(pairwise(ids))))


def seed(engine: TriggerEngine, name: str, count: int) -> list[str]:
    """Make ``count`` pending executions of ``middle``, each one hop below a root of its own; answer their ids."""
    return seed_of(engine, "source", name, count)


def seed_of(engine: TriggerEngine, workflow_id: str, name: str, count: int) -> list[str]:
    """Record ``count`` completions of a workflow, and answer the ids of what each started first."""
    ends = [
        {"execution_id": f"{name}-{number}", "status": "completed", "workflow_id": workflow_id}
        for number in range(count)
    ]
    results = engine.complete_many(ends)
    return [result.triggered[0].execution_id for result in results]  # type: ignore[union-attr,misc]


def history(url: str) -> list[tuple[object, ...]]:
    """What the durable path has written, without instants: executions and verdicts."""
    tables = tables_for()
    e, v = tables.executions.c, tables.verdicts.c
    executions = select(e.id, e.workflow_id, e.status, e.hop, e.root_execution_id, e.cascade_size).order_by(e.id)
    verdicts = select(v.upstream_execution_id, v.position, v.trigger_id, v.outcome, v.execution_id).order_by(
        v.upstream_execution_id, v.position
    )
    with connected(url) as connection:
        return [tuple(row) for query in (executions, verdicts) for row in connection.execute(query)]


def count_of(url: str, *, workflow_ids: Sequence[str], status: str) -> int:
    """How many executions of these workflows have this status."""
    columns = tables_for().executions.c
    query = select(func.count()).where(columns.workflow_id.in_(workflow_ids), columns.status == status)
    with connected(url) as connection:
        return int(connection.execute(query).scalar_one())


def _downstream() -> list[str]:
    return [f"down{number}" for number in range(FAN_OUT)]


def _triggers(pairs: Sequence[tuple[str, str]]) -> list[DependencyTrigger]:
    return [
        DependencyTrigger(id=f"on-{upstream}-{downstream}", workflow_id=downstream, depends_on_workflow_id=upstream)
        for upstream, downstream in pairs
    ]
