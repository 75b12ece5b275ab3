"""One completion with very many downstream workflows, beside bare Core that inserts the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Table, insert, select

from benchmarks.bare import Bare
from benchmarks.databases import KINDS, Databases, connected
from benchmarks.measure import Row, at_most, duration, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from benchmarks.worlds import history
from flowforge_graph import TriggerEngine
from flowforge_graph.storage.tables import tables_for

_Rows = list[dict[str, Any]]


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """The price of deciding about each, all in one transaction."""
    for kind in KINDS:
        yield _row(kind, sizes, databases)


def _row(kind: str, sizes: Sizes, databases: Databases) -> Row:
    pairs = [("up", f"w{number}") for number in range(sizes.width)]
    ids = [f"e{number}" for number in range(sizes.few_rounds)]
    written = _written(databases.filled(kind, pairs), ids, sizes.width)
    url, bare_url = databases.filled(kind, pairs), databases.filled(kind, pairs)
    bare, ours_next, bare_next = Bare(bare_url), iter(ids), iter(written)
    with TriggerEngine(url) as engine:
        measured = side_by_side(
            sizes.few_rounds,
            ours=lambda: seconds_of(lambda: _complete(engine, next(ours_next), sizes.width)),
            bare=lambda: seconds_of(lambda: _insert(bare, next(bare_next))),
        )
    bare.engine.dispose()
    assert history(url) == history(bare_url)
    return Row(
        work=f"complete, {sizes.width:,} downstream, {kind}",
        ours=duration(measured.seconds("ours")),
        floor=f"bare Core inserts the same rows {duration(measured.seconds('bare'))}",
        ratio=measured.ratio("ours", to="bare"),
        target=at_most(3),
        note=f"{2 * sizes.width + 1:,} rows in one transaction on both sides",
    )


def _complete(engine: TriggerEngine, execution_id: str, width: int) -> None:
    assert len(engine.complete(execution_id, "completed", workflow_id="up").triggered) == width


def _written(url: str, ids: list[str], width: int) -> list[tuple[_Rows, _Rows]]:
    """Complete everything once on a database of its own, to learn which executions and verdicts are written."""
    tables = tables_for()
    with TriggerEngine(url) as engine:
        for execution_id in ids:
            _complete(engine, execution_id, width)
    executions, verdicts = tables.executions, tables.verdicts
    return [
        (
            _rows_of(url, executions, executions.c.root_execution_id, execution_id),
            _rows_of(url, verdicts, verdicts.c.upstream_execution_id, execution_id),
        )
        for execution_id in ids
    ]


def _rows_of(url: str, table: Table, column: Any, value: str) -> _Rows:
    """The rows as they are, but for the number that the database itself gives out."""
    columns = [one for one in table.c if one.name != "seq"]
    with connected(url) as connection:
        return [dict(row._mapping) for row in connection.execute(select(*columns).where(column == value))]


def _insert(bare: Bare, written: tuple[_Rows, _Rows]) -> None:
    executions, verdicts = written
    tables = tables_for()
    bare.send([(insert(tables.executions), executions), (insert(tables.verdicts), verdicts)])
