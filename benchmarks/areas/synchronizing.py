"""What a process pays for a trigger that another one changed: one log row, whatever is stored."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.databases import KINDS, Databases
from benchmarks.measure import Row, at_most, duration, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from flowforge_graph import TriggerEngine

_CHANGES = 20


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """The next call after a change, beside the next call after none, and beside a whole load."""
    for kind in KINDS:
        url = databases.stored(kind, sizes.triggers)
        with TriggerEngine(url) as reader, TriggerEngine(url) as writer:
            yield from _rows(kind, reader, writer, sizes)


def _rows(kind: str, reader: TriggerEngine, writer: TriggerEngine, sizes: Sizes) -> Iterator[Row]:
    load = seconds_of(lambda: reader.graph)
    writer.get_trigger("t0")
    delays = iter(range(10**9))

    def changed() -> float:
        total = 0.0
        for _ in range(_CHANGES):
            delay = next(delays) % 60 + 1
            writer.update_trigger("t0", delay_minutes=delay)
            total += seconds_of(lambda: reader.graph)
            value = reader.graph.get("t0")
            assert value.delay_minutes == delay  # type: ignore[union-attr]
        return total

    def unchanged() -> float:
        return sum(seconds_of(lambda: reader.graph) for _ in range(_CHANGES))

    measured = side_by_side(sizes.rounds, changed=changed, unchanged=unchanged)
    one = measured.seconds("changed") / _CHANGES
    yield Row(
        work=f"{kind}: the next look after one change, {sizes.triggers:,} stored",
        ours=duration(one),
        floor=f"a whole load {duration(load)}",
        ratio=one / load,
        target=at_most(0.1),
        note=f"after no change {duration(measured.seconds('unchanged') / _CHANGES)}; the writer is a second engine, "
        "as in another process: they share nothing but the database",
    )
