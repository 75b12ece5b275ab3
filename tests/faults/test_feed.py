"""Does a reader of the feed learn of everything, once and in order, while many processes write?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest

from flowforge_graph import DependencyTrigger, TriggerEngine
from tests.faults import actions, following
from tests.faults.forms import so_many
from tests.faults.rows import assert_history_is_sound, rows
from tests.faults.workers import workers

WRITERS = 3
TURNS = so_many(short=100, long=1_500)
SLOW_TURNS = so_many(short=40, long=400)
KEPT = 20
LEAST_EXPECTED = 1_200
# What may follow what, for one execution.
NEXT = {
    "pending": {"running", "completed", "failed", "cancelled"},
    "running": {"pending", "completed", "failed", "cancelled"},
}

Told = list[tuple[int, str, str, str]]


def test_nothing_is_missed_and_nothing_comes_twice(database_url: str, saw: Callable[..., None]) -> None:
    """Two readers, one of which restarts all the time, read the same: every row, per execution in order.

    On PostgreSQL some transactions stay open until rows that were written later have been read.
    """
    is_postgresql = database_url.startswith("postgresql")
    with TriggerEngine(database_url) as engine:
        for workflow_id in ("a", "b", "c", "slow"):
            engine.create_workflow(workflow_id)
        engine.create_trigger(DependencyTrigger(workflow_id="b", depends_on_workflow_id="a"))
        engine.create_trigger(DependencyTrigger(workflow_id="c", depends_on_workflow_id="b"))
        with workers(WRITERS + 2 + is_postgresql) as crew:
            writers, readers, slow = crew[:WRITERS], crew[WRITERS : WRITERS + 2], crew[WRITERS + 2 :]
            for worker in (*writers, *slow):
                worker.call(actions.open_engine, database_url)
            for number, worker in enumerate(writers):
                worker.ask(following.write_at_random, number, turns=TURNS)
            for number, worker in enumerate(readers):
                worker.ask(following.follow, database_url, number, restarts_after=(1_000_000, 20)[number])
            for worker in slow:
                worker.ask(following.write_slowly, turns=SLOW_TURNS)
            for worker in writers:
                worker.answer()
            engine.create_workflow("writers-done")
            overtaken = sum(worker.answer() for worker in slow)
            engine.create_workflow(following.THE_END)
            one, other = (worker.answer() for worker in readers)
    assert one == other
    assert_told_as_stored(database_url, one)
    assert_in_order(one)
    assert_causes_come_first(database_url, one)
    assert_history_is_sound(database_url)
    assert len(one) >= LEAST_EXPECTED
    missed = missed_by_a_reader_of_seq(database_url) if is_postgresql else 0
    assert (missed > 0) == is_postgresql
    saw(events=len(one), overtaken_transactions=overtaken, a_reader_of_seq_would_miss=missed)


def assert_told_as_stored(url: str, told: Told) -> None:
    """Positions are dense, and each row of the feed was told once."""
    assert [position for position, *_ in told] == list(range(1, len(told) + 1))
    stored = rows(url, "SELECT kind, change, subject_id FROM feed")
    assert sorted(tuple(row) for row in stored) == sorted(event[1:] for event in told)


def assert_in_order(told: Told) -> None:
    """Each execution begins pending and goes where it may go."""
    changes = defaultdict(list)
    for _, kind, change, subject_id in told:
        if kind == "execution":
            changes[subject_id].append(change)
    for execution_id, path in changes.items():
        assert path[0] == "pending", execution_id
        assert all(after in NEXT[before] for before, after in pairwise(path)), (execution_id, path)


def assert_causes_come_first(url: str, told: Told) -> None:
    """An upstream execution is told to have ended before what it started is told to be pending."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for position, _, _, subject_id in told:
        first.setdefault(subject_id, position)
        last[subject_id] = position
    started = rows(url, "SELECT id, upstream_execution_id FROM executions WHERE upstream_execution_id IS NOT NULL")
    assert started
    assert all(last[row.upstream_execution_id] < first[row.id] for row in started)


def missed_by_a_reader_of_seq(url: str) -> int:
    """How many rows were published after one with a higher ``seq``."""
    highest = missed = 0
    for row in rows(url, "SELECT seq FROM feed ORDER BY position"):
        missed += row.seq < highest
        highest = max(highest, row.seq)
    return missed


@pytest.mark.parametrize("step", range(1, 9))
def test_a_killed_writer_leaves_no_word_of_what_it_did_not_commit(database_url: str, step: int) -> None:
    """Its open transaction goes with its rows, whenever it dies, and positions stay dense."""
    with TriggerEngine(database_url) as engine, workers(1) as (writer,):
        engine.create_workflow("a")
        writer.call(actions.open_engine, database_url)
        writer.ask(actions.die_in, step, "complete", "x", "completed", workflow_id="a")
        list(writer.words())
        stored = [execution.id for execution in engine.list_executions()]
        engine.complete("y", "completed", workflow_id="a")
        told = [(event.position, event.subject_id) for event in engine.read_events(0).events]
        assert told == list(enumerate(["a", *stored, "y"], 1))


def test_trimming_beside_a_reader_is_never_silent(database_url: str) -> None:
    """A slow reader learns each time that it missed something, and where to go on: it never steps over a row."""
    with TriggerEngine(database_url) as engine, workers(1) as (writer,):
        engine.create_workflow("a")
        writer.call(actions.open_engine, database_url, feed_kept=KEPT)
        writer.ask(following.write_and_trim, turns=TURNS)
        assert writer.answer() == "half"
        position, gaps, newest = 0, 0, ""
        while newest != following.THE_END:
            page = engine.read_events(position, limit=5)
            assert [event.position - position for event in page.events] == list(range(1, len(page.events) + 1))
            assert page.position - position > len(page.events) if page.pruned else len(page.events) in range(6)
            position, gaps = page.position, gaps + page.pruned
            newest = page.events[-1].subject_id if page.events else newest
        writer.answer()
        assert gaps
        assert position == 2 * TURNS + 2
    (feed,) = rows(database_url, "SELECT count(*) AS kept FROM feed")
    assert feed.kept == KEPT + 1
