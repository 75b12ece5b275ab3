"""The local executor with callables that do nothing: what remains is claiming, starting and finishing."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import bindparam, insert, select, update

from benchmarks.bare import Bare
from benchmarks.databases import KINDS, Databases
from benchmarks.machine import syncs_per_second
from benchmarks.measure import Row, at_least, at_most, duration, per_second, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from benchmarks.worlds import count_of, make_chain, make_fan_out, seed
from flowforge_graph import LocalExecutor, TriggerEngine
from flowforge_graph.storage.tables import tables_for

_HOPS = 200
_MANY = 64
_WANTED_PER_SECOND = 1_000
_ENOUGH_SYNCS = 300


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """Many executions at once, and many after each other."""
    for kind in KINDS:
        yield _rate(kind, LocalExecutor(), sizes, databases)
        yield _rate(kind, LocalExecutor(max_concurrent=_MANY), sizes, databases)
    hops = min(_HOPS, sizes.completions)
    for kind in KINDS:
        yield _chain(kind, hops, sizes, databases)


def _rate(kind: str, executor: LocalExecutor, sizes: Sizes, databases: Databases) -> Row:
    url, count = databases.fresh(kind), sizes.completions * 2
    names = iter(range(sizes.rounds))
    with TriggerEngine(url, executor=executor) as engine:
        make_fan_out(engine)
        seed(engine, "warm", 1)
        engine.run_until_idle()

        def ours() -> float:
            seed(engine, f"round{next(names)}", count)
            return seconds_of(engine.run_until_idle)

        measured = side_by_side(sizes.rounds, ours=ours)
    executions = count * 6
    ended = count_of(url, workflow_ids=["middle", *(f"down{n}" for n in range(5))], status="completed")
    assert ended == executions * sizes.rounds + 6
    rate, syncs = executions / measured.seconds("ours"), syncs_per_second(sizes.folder)
    promised = f"{_WANTED_PER_SECOND:,}/s promised where the disk syncs {_ENOUGH_SYNCS} times a second"
    return Row(
        work=f"{executions:,} executions, {executor.max_concurrent} at once, {kind}",
        ours=per_second(executions, measured.seconds("ours")),
        floor=f"{_WANTED_PER_SECOND:,}/s",
        ratio=rate / _WANTED_PER_SECOND,
        target=at_least(1) if syncs >= _ENOUGH_SYNCS else None,
        note=f"{promised}; this one syncs {syncs:,.0f} times. A sixth of them has five downstream workflows",
    )


def _chain(kind: str, hops: int, sizes: Sizes, databases: Databases) -> Row:
    url, bare_url = databases.fresh(kind), databases.fresh(kind)
    TriggerEngine(bare_url).close()
    bare = BareHops(bare_url)
    with TriggerEngine(url, executor=LocalExecutor()) as engine:
        make_chain(engine, hops)

        def ours() -> float:
            engine.start("c0")
            return seconds_of(engine.run_until_idle)

        ours()
        measured = side_by_side(sizes.few_rounds, ours=ours, bare=lambda: seconds_of(lambda: bare.run(hops)))
    ids = [f"c{n}" for n in range(hops + 1)]
    assert count_of(url, workflow_ids=ids, status="completed") == (hops + 1) * (sizes.few_rounds + 1)
    assert count_of(bare_url, workflow_ids=ids, status="completed") == hops * sizes.few_rounds
    bare.engine.dispose()
    return Row(
        work=f"a chain of {hops} hops, each, {kind}",
        ours=duration(measured.seconds("ours") / hops),
        floor=f"claim and completion as two bare transactions {duration(measured.seconds('bare') / hops)}",
        ratio=measured.ratio("ours", to="bare"),
        target=at_most(5),
    )


class BareHops(Bare):
    """A chain as two bare transactions a hop: claim; end with the next execution and its verdict."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        tables = tables_for()
        columns = tables.executions.c
        self._executions, self._verdicts = tables.executions, tables.verdicts
        self._due = select(tables.executions).where(columns.id == bindparam("wanted")).with_for_update()
        self._claim = update(tables.executions).where(columns.id == bindparam("wanted"))
        self._runs = 0

    def run(self, hops: int) -> None:
        """A chain from its first execution."""
        self._runs += 1
        with self.transaction() as connection:
            connection.execute(insert(self._executions), self._row(0))
        for hop in range(hops):
            wanted = {"wanted": f"{self._runs}-{hop}"}
            with self.transaction() as connection:
                connection.execute(self._due, wanted).one()
                connection.execute(self._claim.values(claim_token="t", attempt=1), wanted)
            with self.transaction() as connection:
                connection.execute(self._due, wanted).one()
                connection.execute(self._claim.values(status="completed", started_at=1, ended_at=1), wanted)
                connection.execute(insert(self._executions), self._row(hop + 1))
                connection.execute(insert(self._verdicts), self._verdict(hop))

    def _row(self, hop: int) -> dict[str, object]:
        return {
            "id": f"{self._runs}-{hop}",
            "workflow_id": f"c{hop}",
            "workflow_name": f"c{hop}",
            "status": "pending",
            "trigger_type": "dependency",
            "root_execution_id": f"{self._runs}-0",
            "hop": hop,
            "parameters": {},
            "created_at": 1,
            "run_after": 1,
            "available_at": 0,
        }

    def _verdict(self, hop: int) -> dict[str, object]:
        return {
            "upstream_execution_id": f"{self._runs}-{hop}",
            "position": 0,
            "trigger_id": f"on-c{hop}-c{hop + 1}",
            "workflow_id": f"c{hop + 1}",
            "workflow_name": f"c{hop + 1}",
            "condition": "on_success",
            "delay_minutes": 0,
            "outcome": "triggered",
            "execution_id": f"{self._runs}-{hop + 1}",
            "run_after": 1,
        }
