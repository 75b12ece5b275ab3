"""Do processes that write to one database all get their turn, from the very first opening on?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from flowforge_graph import TriggerEngine
from tests.faults import actions
from tests.faults.forms import so_many
from tests.faults.rows import assert_graph_is_sound, rows
from tests.faults.workers import all_call, workers

WRITES_OF_EACH = so_many(short=1_000, long=5_000)
# A process yields after 20 ms of writing without pause, long before it has written so often.
MOST_OVERTAKEN = 200
WRITES = 150
OPENERS = 4
OPENINGS = 5


def test_processes_that_open_a_new_database_at_once_make_one_schema(
    new_url: Callable[[], str], rollback_journal: bool
) -> None:
    """Whoever comes first makes the schema, everybody else finds it; nobody hears of it."""
    with workers(OPENERS) as crew:
        for _ in range(OPENINGS):
            url = new_url()
            made = all_call(crew, actions.open_together, url, rollback_journal=rollback_journal)
            assert sorted(row.id for row in rows(url, "SELECT id FROM workflows")) == sorted(made)
            assert len(rows(url, "SELECT epoch FROM graph_revision")) == 1
            assert len(rows(url, "SELECT version_num FROM flowforge_graph_version")) == 1
            assert_graph_is_sound(url)


def test_two_processes_that_write_without_pause_take_turns(
    new_url: Callable[[], str], rollback_journal: bool, saw: Callable[..., None]
) -> None:
    """Neither starves: each write of both is stored, and none is overtaken by more than so many of the other process.

    How often a write was overtaken is read from the order of the commits, so that no slow machine decides. What a
    caller waited is told beside it.
    """
    url = new_url()
    with workers(2) as crew:
        for worker in crew:
            worker.call(actions.open_engine, url, rollback_journal=rollback_journal)
        crew[0].call(actions.with_engine, "create_workflow", "w")
        waits = all_call(crew, actions.start_many, "w", WRITES_OF_EACH)
    writers = [row.id.partition("-")[0] for row in rows(url, "SELECT id FROM executions ORDER BY seq")]
    assert len(writers) == 2 * WRITES_OF_EACH
    overtaken = max(turns_between(writers))
    assert overtaken <= MOST_OVERTAKEN
    saw(writes=len(writers), overtaken_at_most=overtaken, longest_wait_seconds=max(waits))


def turns_between(writers: Sequence[str]) -> list[int]:
    """How many writes of the other each writer let pass between two of its own, for all but its first."""
    runs = [len(list(run)) for _, run in groupby(writers)]
    # The first and the last run met nobody who waited: the other had not begun yet, or was done.
    return runs[1:-1]


def test_a_reader_is_answered_while_another_process_writes_without_pause(
    new_url: Callable[[], str], rollback_journal: bool
) -> None:
    """Reading meets no lock that it would have to tell of, and sees whole transactions only."""
    url = new_url()
    with workers(1) as (writer,):
        writer.call(actions.open_engine, url, rollback_journal=rollback_journal)
        writer.call(actions.with_engine, "create_workflow", "w")
        writer.ask(actions.start_many, "w", WRITES)
        with TriggerEngine(url) as engine:
            seen = [len(engine.list_executions(limit=1_000)) for _ in range(50)]
        writer.answer()
    assert len(rows(url, "SELECT id FROM executions")) == WRITES
    assert seen == sorted(seen)
