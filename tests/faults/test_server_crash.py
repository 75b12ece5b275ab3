"""Does a PostgreSQL server that crashes under load lose or double a completion, or stop an engine for good?"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import DatabaseError
from flowforge_graph.model import DependencyTrigger, EventTrigger
from tests.faults import actions
from tests.faults.forms import so_many
from tests.faults.rows import assert_graph_is_sound, assert_history_is_sound, rows
from tests.faults.workers import all_call, workers
from tests.support.databases import DURABLE_SETTINGS, PostgresServer

CRASHES = 10
THREADS = 4
ROUNDS_OF_A_THREAD = 15 * CRASHES


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


@pytest.mark.parametrize("number", range(so_many(short=1, long=10)))
def test_what_callers_asked_for_survives_a_server_that_crashes_under_them(
    crashing_server: PostgresServer, crashing_url: str, number: int, saw: Callable[..., None]
) -> None:
    """Callers repeat what failed; in the end each start, event and completion is recorded once, with its one effect."""
    with TriggerEngine(crashing_url) as engine:
        make_pair(engine)
        engine.create_trigger(EventTrigger(workflow_id="up", event_type="came"))
    crashed, back = [], []
    with workers(2) as crew:
        all_call(crew, actions.open_engine, crashing_url)
        for place, worker in enumerate(crew):
            worker.ask(ask_stubbornly, f"worker-{number}-{place}")
        for crash in range(CRASHES):
            # Each process says when it is well within its work, and again later.
            assert [worker.answer() for worker in crew] == [f"at {crash}"] * len(crew)
            crashed.append(time.monotonic())
            crashing_server.crash_and_recover()
            back.append(time.monotonic())
        answers: list[Stubbornness] = [worker.answer() for worker in crew]
        # The same engines work on by themselves.
        for worker in crew:
            worker.call(actions.with_engine, "complete", f"later-{worker.pid}", "completed", workflow_id="up")
    asked = 2 * THREADS * ROUNDS_OF_A_THREAD
    keys = {
        "id": "workflow_id = 'up' AND event_key IS NULL",
        "root_execution_id": "workflow_id = 'up' AND status = 'completed'",
        "upstream_execution_id": "workflow_id = 'down'",
        "event_key": "event_key IS NOT NULL",
    }
    found = {
        key: [row.key for row in rows(crashing_url, f"SELECT {key} AS key FROM executions WHERE {which}")]
        for key, which in keys.items()
    }
    lost = sum(asked + (0 if key == "event_key" else len(crew)) - len({*own}) for key, own in found.items())
    twice = sum(len(own) - len({*own}) for own in found.values())
    assert (lost, twice) == (0, 0)
    assert len(rows(crashing_url, "SELECT execution_id FROM verdicts")) == asked + 2
    assert_history_is_sound(crashing_url)
    assert_graph_is_sound(crashing_url)
    saw(
        crashes=CRASHES,
        completions=asked,
        errors_to_callers=sum(answer.errors for answer in answers),
        server_away_seconds=max(end - begin for begin, end in zip(crashed, back, strict=True)),
        working_again_after_seconds=max(answer.first_after(instant) for instant in back for answer in answers),
        longest_call_seconds=max(answer.longest_call for answer in answers),
        lost=lost,
        twice=twice,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stubbornness:
    """How a process fared: the errors that came, its longest call, and when (``time.monotonic``) its calls returned."""

    errors: int
    longest_call: float
    returned: list[float]

    def first_after(self, instant: float) -> float:
        """How many seconds after ``instant`` the first call returned; 0 where none was left to return."""
        return min((one - instant for one in self.returned if one > instant), default=0.0)


def ask_stubbornly(name: str) -> Stubbornness:
    """In a worker: start, complete and emit from several threads, each again where an error came."""
    engine = actions.this.engine
    errors: list[DatabaseError] = []
    returned: list[float] = []
    done: list[str] = []
    longest = [0.0] * THREADS
    lock = threading.Lock()
    total = THREADS * ROUNDS_OF_A_THREAD
    words = {total * (crash + 1) // (CRASHES + 2): f"at {crash}" for crash in range(CRASHES)}

    def insist(number: int, method: Callable[..., object], *arguments: Any, **keywords: Any) -> None:
        began = time.monotonic()
        while True:
            try:
                method(*arguments, **keywords)
                break
            except DatabaseError as error:
                errors.append(error)
        returned.append(time.monotonic())
        longest[number] = max(longest[number], returned[-1] - began)

    def work(number: int) -> None:
        for turn in range(ROUNDS_OF_A_THREAD):
            own = f"{name}-{number}-{turn}"
            insist(number, engine.start, "up", execution_id=own)
            insist(number, engine.complete, own, "completed")
            insist(number, engine.emit, "came", key=own)
            with lock:
                done.append(own)
                if len(done) in words:
                    actions.tell(words[len(done)])

    outcomes = actions.in_threads(THREADS, work)
    assert outcomes == [None] * THREADS, outcomes
    return Stubbornness(errors=len(errors), longest_call=max(longest), returned=sorted(returned))


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
