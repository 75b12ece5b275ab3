"""``complete`` beside its own statements through bare Core, with few and with many triggers stored, and together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from benchmarks.bare import Bare, Statement, statements_of
from benchmarks.databases import KINDS, Databases
from benchmarks.measure import Row, Side, at_least, at_most, duration, per_second, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from benchmarks.worlds import history, make_fan_out, seed
from flowforge_graph import CompletionResult, TriggerEngine
from flowforge_graph.storage.batches import in_batches

_THREADS = 16
_BATCH = 100
_FEW_TRIGGERS = 1_000


def rows(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """The price of deciding, and of a large graph."""
    for kind in KINDS:
        yield _beside_core(kind, sizes, databases)
    for kind in KINDS:
        yield _growth(kind, sizes, databases)


def _beside_core(kind: str, sizes: Sizes, databases: Databases) -> Row:
    count = sizes.completions * sizes.rounds
    recorded, ids = _recorded(databases.fresh(kind), count)
    url, bare_url = databases.fresh(kind), databases.fresh(kind)
    with TriggerEngine(bare_url) as engine:
        make_fan_out(engine)
        assert seed(engine, "e", count) == ids
    with TriggerEngine(url) as engine:
        make_fan_out(engine)
        assert seed(engine, "e", count) == ids
        bare = Bare(bare_url)
        measured = side_by_side(
            sizes.rounds,
            ours=_in_turn(ids, sizes.completions, lambda execution_id: _complete(engine, execution_id)),
            bare=_in_turn(recorded, sizes.completions, bare.send),
        )
        bare.engine.dispose()
    assert history(url) == history(bare_url)
    return Row(
        work=f"complete, 5 downstream, {kind}",
        ours=per_second(sizes.completions, measured.seconds("ours")),
        floor=f"the same statements through Core {per_second(sizes.completions, measured.seconds('bare'))}",
        ratio=measured.ratio("bare", to="ours"),
        target=at_least(0.6),
        note=f"{len(recorded[-1])} statements a transaction on both sides; the rows written are equal",
    )


def _recorded(url: str, count: int) -> tuple[list[list[Statement]], list[str]]:
    """Complete everything once on a database of its own, to learn what is sent."""
    recorded = []
    with TriggerEngine(url) as engine:
        make_fan_out(engine)
        ids = seed(engine, "e", count)
        with statements_of(engine) as sent:
            for execution_id in ids:
                _complete(engine, execution_id)
                recorded.append(list(sent))
                sent.clear()
    return recorded, ids


def _in_turn(items: list[Any], count: int, work: Any) -> Side:
    """A side that takes the next ``count`` items each time."""
    parts = in_batches(items, count)

    def side() -> float:
        part = next(parts)
        return seconds_of(lambda: [work(item) for item in part])

    return side


def _complete(engine: TriggerEngine, execution_id: str) -> None:
    assert len(engine.complete(execution_id, "completed").triggered) == 5


def _growth(kind: str, sizes: Sizes, databases: Databases) -> Row:
    urls = [databases.stored(kind, triggers) for triggers in (_few(sizes), sizes.triggers)]
    with TriggerEngine(urls[0]) as few, TriggerEngine(urls[1]) as many:
        make_fan_out(few)
        make_fan_out(many)
        count = sizes.completions * sizes.rounds
        measured = side_by_side(
            sizes.rounds,
            few=_in_turn(seed(few, "e", count), sizes.completions, lambda i: _complete(few, i)),
            many=_in_turn(seed(many, "e", count), sizes.completions, lambda i: _complete(many, i)),
        )
    return Row(
        work=f"complete with {sizes.triggers:,} triggers stored, {kind}",
        ours=duration(measured.seconds("many") / sizes.completions),
        floor=f"with {_few(sizes):,} stored {duration(measured.seconds('few') / sizes.completions)}",
        ratio=measured.ratio("many", to="few"),
        target=at_most(1.3),
    )


def _few(sizes: Sizes) -> int:
    return min(_FEW_TRIGGERS, sizes.triggers // 10)


def together(sizes: Sizes, databases: Databases) -> Iterator[Row]:
    """One thread, sixteen threads, and lists; every side's completions are counted."""
    for kind in KINDS:
        with TriggerEngine(databases.fresh(kind)) as engine:
            make_fan_out(engine)
            yield from _together(kind, engine, sizes)


def _together(kind: str, engine: TriggerEngine, sizes: Sizes) -> Iterator[Row]:
    one, crowd = sizes.completions, sizes.completions * 4
    pending = iter(seed(engine, "e", (one + 2 * crowd) * sizes.rounds))

    def alone() -> float:
        ids = list(islice(pending, one))
        return seconds_of(lambda: [_complete(engine, i) for i in ids]) / one

    def in_threads() -> float:
        ids = list(islice(pending, crowd))
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(lambda _: None, range(_THREADS)))
            return seconds_of(lambda: list(threads.map(lambda i: _complete(engine, i), ids))) / crowd

    def in_lists() -> float:
        ids = list(islice(pending, crowd))
        return seconds_of(lambda: [_complete_many(engine, part) for part in in_batches(ids, _BATCH)]) / crowd

    measured = side_by_side(sizes.rounds, alone=alone, in_threads=in_threads, in_lists=in_lists)
    for side, work in (("in_threads", f"{_THREADS} threads"), ("in_lists", f"complete_many of {_BATCH}")):
        yield Row(
            work=f"{work}, {kind}",
            ours=per_second(1, measured.seconds(side)),
            floor=f"one thread {per_second(1, measured.seconds('alone'))}",
            ratio=measured.ratio("alone", to=side),
            target=at_least(6),
        )


def _complete_many(engine: TriggerEngine, ids: Sequence[str]) -> None:
    answers = engine.complete_many({"execution_id": i, "status": "completed"} for i in ids)
    assert all(isinstance(answer, CompletionResult) and len(answer.triggered) == 5 for answer in answers)
