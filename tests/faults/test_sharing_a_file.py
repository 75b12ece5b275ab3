"""Do processes that write to one database all get their turn, from the very first opening on?"""

from __future__ import annotations

from collections.abc import Callable

from flowforge_graph import TriggerEngine
from tests.faults import actions
from tests.faults.rows import assert_graph_is_sound, rows
from tests.faults.workers import all_call, workers

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


def test_two_processes_that_write_without_pause_both_come_to_their_end(
    new_url: Callable[[], str], rollback_journal: bool
) -> None:
    """Neither starves: all writes of both are stored, and none is answered by an error."""
    url = new_url()
    with workers(2) as crew:
        crew[0].call(actions.open_engine, url, rollback_journal=rollback_journal)
        crew[1].call(actions.open_engine, url, rollback_journal=rollback_journal)
        crew[0].call(actions.with_engine, "create_workflow", "w")
        assert all_call(crew, actions.start_many, "w", WRITES) == [WRITES, WRITES]
    assert len(rows(url, "SELECT id FROM executions")) == 2 * WRITES


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
        assert writer.answer() == WRITES
    assert seen == sorted(seen)
