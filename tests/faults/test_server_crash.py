"""Does a PostgreSQL server that crashes under load lose or double a completion, or stop an engine for good?"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import DatabaseError
from flowforge_graph.model import DependencyTrigger
from tests.faults import actions
from tests.faults.rows import assert_graph_is_sound, assert_history_is_sound, rows
from tests.faults.workers import all_call, workers
from tests.support.databases import DURABLE_SETTINGS, PostgresServer

THREADS = 4
EXECUTIONS_OF_A_THREAD = 60
CRASHES = 3


@pytest.fixture(scope="module")
def crashing_server() -> PostgresServer:
    """A server of this worker's own, that syncs each commit to the disk."""
    return PostgresServer(f"crashing-{uuid.uuid4().hex[:8]}", DURABLE_SETTINGS)


@pytest.fixture
def crashing_url(crashing_server: PostgresServer) -> Iterator[str]:
    with crashing_server.fresh_database() as url:
        yield url


def make_pair(engine: TriggerEngine) -> None:
    engine.create_workflow("up")
    engine.create_workflow("down")
    engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up"))


def test_completions_survive_a_server_that_crashes_under_them(
    crashing_server: PostgresServer, crashing_url: str
) -> None:
    """Callers repeat what failed; in the end each completion is recorded once, with its one downstream execution."""
    with TriggerEngine(crashing_url) as engine:
        make_pair(engine)
    with workers(2) as crew:
        all_call(crew, actions.open_engine, crashing_url)
        for number, worker in enumerate(crew):
            worker.ask(complete_stubbornly, f"worker-{number}")
        for crash in range(CRASHES):
            # Each process says when it is well within its work, and again later.
            assert [worker.answer() for worker in crew] == [f"at {crash}"] * len(crew)
            crashing_server.crash_and_recover()
        print(f"errors that callers saw: {[worker.answer() for worker in crew]}")
        # The same engines work on by themselves.
        for worker in crew:
            worker.call(actions.with_engine, "complete", f"later-{worker.pid}", "completed", workflow_id="up")
    count = 2 * THREADS * EXECUTIONS_OF_A_THREAD + 2
    ended = rows(crashing_url, "SELECT id FROM executions WHERE workflow_id = 'up' AND status = 'completed'")
    assert len(ended) == count
    assert len(rows(crashing_url, "SELECT id FROM executions WHERE workflow_id = 'down'")) == count
    assert len(rows(crashing_url, "SELECT execution_id FROM verdicts")) == count
    assert_history_is_sound(crashing_url)
    assert_graph_is_sound(crashing_url)


def complete_stubbornly(name: str) -> int:
    """In a worker: complete from several threads, and again where an error came; answer how many errors came."""
    engine = actions.this.engine
    done, lock = [0], threading.Lock()
    total = THREADS * EXECUTIONS_OF_A_THREAD
    words = {total * (crash + 1) // (CRASHES + 2): f"at {crash}" for crash in range(CRASHES)}

    def work(number: int) -> int:
        failures = 0
        for step in range(EXECUTIONS_OF_A_THREAD):
            while True:
                try:
                    engine.complete(f"{name}-{number}-{step}", "completed", workflow_id="up")
                    break
                except DatabaseError:
                    failures += 1
            with lock:
                done[0] += 1
                if done[0] in words:
                    actions.tell(words[done[0]])
        return failures

    failures = actions.in_threads(THREADS, work)
    assert all(isinstance(one, int) for one in failures), failures
    return sum(failures)


@pytest.mark.parametrize("committed", [False, True], ids=["lost-before", "lost-after"])
@pytest.mark.parametrize("pair", ["complete", "start", "emit", "claim"])
def test_a_connection_lost_at_the_commit_is_resolved_by_the_key(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, committed: bool, pair: str
) -> None:
    """Nobody knows whether it was committed; the same call finds out, and answers as if nothing had happened."""
    with TriggerEngine(postgres_url) as engine:
        make_pair(engine)
        engine.start("up", execution_id="e")
        lose_connection_at_next_commit(monkeypatch, committed=committed)
        if pair == "complete":
            assert len(engine.complete("e", "completed").triggered) == 1
        elif pair == "start":
            assert engine.start("up", execution_id="other").status == "pending"
        elif pair == "emit":
            assert engine.emit("nobody-listens", key="k") == []
        else:
            # A claim that was committed before the answer was lost is a lost claim: it is taken over after its lease.
            assert len(engine.claim_due()) == (0 if committed else 1)
        assert engine.complete("e", "completed").status == "completed"
    assert_history_is_sound(postgres_url)
    assert len(rows(postgres_url, "SELECT id FROM executions WHERE workflow_id = 'down'")) == 1


def test_a_definition_whose_commit_is_unknown_is_told_to_the_caller(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new trigger has no key of its caller's, so the caller hears of it; the graph shows what was stored."""
    with TriggerEngine(postgres_url) as engine:
        make_pair(engine)
        engine.create_workflow("last")
        lose_connection_at_next_commit(monkeypatch, committed=True)
        with pytest.raises(DatabaseError):
            engine.create_trigger(DependencyTrigger(workflow_id="last", depends_on_workflow_id="down"))
        assert engine.graph.downstream("up") == ["down", "last"]
    assert_graph_is_sound(postgres_url)


def lose_connection_at_next_commit(monkeypatch: pytest.MonkeyPatch, *, committed: bool) -> None:
    """Cut the wire right before or right after the next COMMIT reaches the server."""
    commit = PGDialect_psycopg.do_commit

    def lost(dialect: PGDialect_psycopg, connection: Any) -> None:
        monkeypatch.setattr(PGDialect_psycopg, "do_commit", commit)
        if committed:
            commit(dialect, connection)
        wire = socket.socket(fileno=os.dup(connection.driver_connection.fileno()))
        wire.shutdown(socket.SHUT_RDWR)
        wire.close()
        if committed:
            connection.driver_connection.execute("SELECT 1")
        commit(dialect, connection)

    monkeypatch.setattr(PGDialect_psycopg, "do_commit", lost)


def test_an_engine_works_on_by_itself_after_a_crash(crashing_server: PostgresServer, crashing_url: str) -> None:
    """A pool full of dead connections is no reason for an error: the next call finds the server again."""
    with TriggerEngine(crashing_url) as engine:
        make_pair(engine)
        crashing_server.crash_and_recover()
        assert engine.complete("e", "completed", workflow_id="up").status == "completed"
        crashing_server.crash_and_recover()
        assert engine.graph.downstream("up") == ["down"]


def test_a_server_that_is_away_for_a_moment_is_waited_for(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a crash and its recovery a server refuses connections; a completion waits a little before it gives up."""
    with TriggerEngine(postgres_url) as engine:
        make_pair(engine)
        refusals = [psycopg.OperationalError("connection refused") for _ in range(3)]
        connect = PGDialect_psycopg.connect

        def refused(dialect: PGDialect_psycopg, *arguments: Any, **keywords: Any) -> Any:
            if refusals:
                raise refusals.pop()
            return connect(dialect, *arguments, **keywords)

        monkeypatch.setattr(PGDialect_psycopg, "connect", refused)
        engine._context.store.database.engine.dispose()
        assert engine.complete("e", "completed", workflow_id="up").status == "completed"
        assert refusals == []
