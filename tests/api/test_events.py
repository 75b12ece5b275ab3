"""Do followers of ``GET /api/events`` see every change once, whatever becomes of them, of others and of the server?"""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from flowforge_graph import DependencyTrigger, TriggerEngine
from flowforge_graph.model import CommandRun
from tests.api.streams import COMMENT, Sent, deaf_follower, following
from tests.faults.rows import connected, rows
from tests.support.databases import FAST_SETTINGS, PostgresServer
from tests.support.serving import Serving, serving

FOLLOWERS = 50

# Heartbeats many times a second.
_RESTLESS = "import flowforge_graph.api.events\nflowforge_graph.api.events.HEARTBEAT_SECONDS = 0.05\n"

# The one task that looks at the database says when it begins and when it ends.
_TELLING = """
import sys
from flowforge_graph.api.feed import Feed

look = Feed._look

async def tell(feed):
    print("begins to look", file=sys.stderr, flush=True)
    try:
        await look(feed)
    finally:
        print("looks no more", file=sys.stderr, flush=True)

Feed._look = tell
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[TriggerEngine]:
    """An engine of another process than the server's."""
    with TriggerEngine(database_url) as opened:
        yield opened


@contextmanager
def served(database_url: str, folder: Path, prelude: str = "") -> Iterator[Serving]:
    """A server that stops as it should when the test is over."""
    with serving(database_url, folder=folder, prelude=prelude) as server:
        yield server
        assert server.stop() == 0, server.said
        assert "Traceback" not in server.said
        assert "timeout" not in server.said


def feed(url: str) -> list[tuple[Any, ...]]:
    """The table of the feed, in the order of its positions."""
    columns = "COALESCE(position, seq) AS place, kind, change, subject_id, workflow_id"
    return [tuple(row) for row in rows(url, f"SELECT {columns} FROM feed ORDER BY place")]


def rows_of(events: list[Sent]) -> list[tuple[Any, ...]]:
    return [event.row for event in events]


def changes(events: list[Sent]) -> list[str]:
    return [f"{event.name} {event.data['workflowId']} {event.data['change']}" for event in events]


def make_pair(engine: TriggerEngine) -> str:
    """``up``, which its host runs, starts ``down``, which the server runs; answers the trigger's id."""
    engine.create_workflow("up")
    engine.create_workflow("down", run=CommandRun(command=("true",)))
    return engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up")).id


def test_a_whole_cascade_comes_in_order(engine: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """Definitions and executions, each change once and causes before effects, whichever process has made it."""
    with served(database_url, tmp_path) as server, following(server.url) as stream:
        ready = stream.next()
        assert (ready.name, ready.id, ready.data) == ("ready", 0, {"position": 0, "reason": None, "message": None})
        trigger_id = make_pair(engine)
        execution = server.ask("POST", "/api/workflows/up/execute", {"executionId": "e"})
        assert execution.status == 202
        end = {"status": "completed", "workflowId": "up"}
        assert server.ask("POST", "/api/executions/e/complete", end).document["triggeredCount"] == 1
        cascade = list(itertools.islice(stream, 8))
        assert server.ask("PATCH", f"/api/workflows/down/triggers/{trigger_id}/disable").status == 200
        assert server.ask("DELETE", "/api/workflows/up").document["deletedTriggerIds"] == [trigger_id]
        events = [*cascade, *itertools.islice(stream, 3)]
        assert changes(events) == [
            "workflow up created",
            "workflow down created",
            "trigger down created",
            "execution up pending",
            "execution up completed",
            "execution down pending",
            "execution down running",
            "execution down completed",
            "trigger down changed",
            "trigger down deleted",
            "workflow up deleted",
        ]
        assert rows_of(events) == feed(database_url)
        assert [event.id for event in events] == [event.data["position"] for event in events]


def test_who_comes_again_misses_nothing_and_sees_nothing_twice(
    engine: TriggerEngine, database_url: str, tmp_path: Path
) -> None:
    """Disconnected again and again while others write, the parts together are the table."""
    make_pair(engine)
    with served(database_url, tmp_path) as server:
        writer = threading.Thread(target=lambda: [engine.start("up", execution_id=f"e{n}") for n in range(60)])
        writer.start()
        seen: list[Sent] = []
        for part in (1, 2, 3, 5, 8, 13):
            with following(server.url, last_event_id=seen[-1].id if seen else 0) as stream:
                assert stream.next().name == "ready"
                seen += itertools.islice(stream, part)
        writer.join()
        last = feed(database_url)[-1][0] if database_url.startswith("sqlite") else engine.read_events().position
        with following(server.url, last_event_id=seen[-1].id) as stream:
            assert stream.next().name == "ready"
            seen += stream.until(last)
        assert rows_of(seen) == feed(database_url)
        assert len(seen) == 63


def test_who_comes_back_to_a_feed_that_nobody_followed_is_told_at_once(
    engine: TriggerEngine, database_url: str, tmp_path: Path
) -> None:
    """What happened meanwhile comes without a heartbeat before it: what was known to earlier followers is no news."""
    make_pair(engine)
    with served(database_url, tmp_path) as server:
        for number in range(3):
            with following(server.url) as stream:
                left_at = stream.next().id
            engine.start("up", execution_id=f"missed-{number}")
            with following(server.url, last_event_id=left_at) as stream:
                # Comments are not passed over here.
                names = [sent.name for sent in itertools.islice(stream, 2)]
                assert names == ["ready", "execution"]


def test_a_position_whose_events_are_gone_is_reset(engine: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """It says so, with the position behind which everything is kept, and goes on with that."""
    make_pair(engine)
    with TriggerEngine(database_url, feed_kept=2) as trimming:
        trimming.prune(datetime(2000, 1, 1, tzinfo=UTC))
    kept = feed(database_url)
    assert [row[0] for row in kept] == [2, 3]
    with served(database_url, tmp_path) as server:
        # What was seen last is still there, or is the last that went: nothing is missed.
        for position in (1, 2):
            with following(server.url, last_event_id=position) as stream:
                assert [stream.next().name for _ in range(2)] == ["ready", "trigger" if position == 2 else "workflow"]
        with following(server.url, last_event_id=0) as stream:
            ready, reset = stream.next(), stream.next()
            assert (ready.name, reset.name, reset.id) == ("ready", "reset", 1)
            assert (reset.data["reason"], reset.data["position"]) == ("pruned", 1)
            assert rows_of(stream.until(3)) == kept


def test_a_position_of_another_database_is_reset(engine: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """It was never given out here; the stream goes on with what comes from now on."""
    make_pair(engine)
    with served(database_url, tmp_path) as server, following(server.url, last_event_id=10**12) as stream:
        assert stream.next().name == "ready"
        reset = stream.next()
        assert (reset.name, reset.id, reset.data["reason"]) == ("reset", 3, "foreign")
        engine.create_workflow("later")
        assert changes([stream.next()]) == ["workflow later created"]


def test_a_position_that_is_no_number_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    """400 in one sentence, by header and by query."""
    with served(sqlite_url, tmp_path) as server, server.client() as client:
        for position in ("x", "-1", "1.5", "9" * 19, "9" * 500, "٣"):
            answers = [client.ask("GET", f"/api/events?after={quote(position)}")]
            if position.isascii():
                answers.append(client.ask("GET", "/api/events", **{"Last-Event-ID": position}))
            assert {answer.status for answer in answers} == {400}
            assert all(list(answer.document) == ["error"] for answer in answers)


def test_a_stream_with_nothing_to_tell_says_that_it_lives(
    engine: TriggerEngine, database_url: str, tmp_path: Path
) -> None:
    """Comments come in between, and an event after them all the same."""
    with served(database_url, tmp_path, _RESTLESS) as server, following(server.url) as stream:
        names = [sent.name for sent in itertools.islice(stream, 4)]
        assert names == ["ready", COMMENT, COMMENT, COMMENT]
        engine.create_workflow("w")
        assert changes([stream.next()]) == ["workflow w created"]


def test_a_stream_ends_with_its_token(engine: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """One that was revoked is asked for again between two heartbeats, and follows no more."""
    token = engine.create_token(["read"])
    with served(database_url, tmp_path, _RESTLESS) as server, following(server.url, token=token.text) as stream:
        assert [sent.name for sent in itertools.islice(stream, 2)] == ["ready", COMMENT]
        engine.revoke_token(token.token.id)
        assert {sent.name for sent in stream.rest()} <= {COMMENT}


def test_followers_that_are_killed_are_forgotten(sqlite_url: str, tmp_path: Path) -> None:
    """The one task that looks at the database ends with the last of them, also of such as never read."""
    with TriggerEngine(sqlite_url) as engine, served(sqlite_url, tmp_path, _TELLING) as server:
        engine.create_workflow("w")
        followers = [deaf_follower(server.url) for _ in range(FOLLOWERS)]
        server.line_with("begins to look")
        fill_feed(sqlite_url, 8_000)
        with following(server.url) as stream:
            assert stream.next().name == "ready"
        assert "looks no more" not in server.said
        for follower in followers:
            follower.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            follower.close()
        server.line_with("looks no more")
        with following(server.url) as stream:
            assert stream.next().name == "ready"
            engine.create_workflow("later")
            assert changes([stream.next()]) == ["workflow later created"]
        assert server.said.count("begins to look") == 2


def fill_feed(url: str, count: int) -> None:
    """Write so many events of about a kilobyte each, in one transaction."""
    from sqlalchemy import text

    statement = text(
        "INSERT INTO feed (kind, change, subject_id, workflow_id, root_execution_id, trigger_id, recorded_at)"
        " VALUES ('execution', 'pending', :id, :id, :id, :id, 1)"
    )
    with connected(url) as connection:
        connection.execute(statement, [{"id": f"{number:0200}"} for number in range(count)])
        connection.commit()


def test_one_that_never_reads_delays_nobody(engine: TriggerEngine, database_url: str, tmp_path: Path) -> None:
    """The others see everything, the API answers, the server keeps no text for it; and it too can read all later."""
    make_pair(engine)
    most_in_sockets = int(Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2]) + 65_536
    count = 2 * most_in_sockets // 1_000
    with served(database_url, tmp_path) as server, ExitStack() as opened:
        deaf = [opened.enter_context(deaf_follower(server.url)) for _ in range(20)]
        first = opened.enter_context(following(server.url))
        assert first.next().name == "ready"
        resting = memory_of(server)
        fill_feed(database_url, count)
        first.until(count + 3)
        others = [opened.enter_context(following(server.url)) for _ in range(FOLLOWERS - len(deaf))]
        assert {stream.next().name for stream in others} == {"ready"}
        before = len(feed(database_url))
        end = {"status": "completed", "workflowId": "up"}
        assert server.ask("POST", "/api/executions/e/complete", end).document["triggeredCount"] == 1
        wanted = ["execution up completed", *(f"execution down {s}" for s in ("pending", "running", "completed"))]
        for stream in [first, *others]:
            assert changes(list(itertools.islice(stream, 4))) == wanted
        # All their text would be twenty times as much as what their sockets hold twice.
        assert memory_of(server) - resting < len(deaf) * 2 * most_in_sockets / 2
        assert lines_of(deaf[0], before + 4 - 3) == list(range(4, before + 5))


def memory_of(server: Serving) -> int:
    """The bytes of memory that the server's process has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def lines_of(follower: socket.socket, count: int) -> list[int]:
    """The ids of so many events that wait for a follower, after its ``ready``."""
    with follower.makefile("rb") as answer:
        ids = (int(line[4:]) for line in answer if line.startswith(b"id: "))
        return list(itertools.islice(ids, 1, count + 1))


def test_a_server_that_stops_ends_its_streams(database_url: str, tmp_path: Path) -> None:
    """It does not wait until it must cut them off (which it would say)."""
    with served(database_url, tmp_path) as server, ExitStack() as opened:
        streams = [opened.enter_context(following(server.url)) for _ in range(5)]
        assert {stream.next().name for stream in streams} == {"ready"}
        server.process.terminate()
        assert [stream.rest() for stream in streams] == [[]] * 5
        assert server.wait() == 0


def test_a_database_that_was_away_ends_no_stream(tmp_path: Path) -> None:
    """PostgreSQL crashes under a stream and comes back: the stream goes on where it was."""
    postgres = PostgresServer(f"crashing-{uuid.uuid4().hex[:8]}", FAST_SETTINGS)
    with (
        postgres.fresh_database() as url,
        TriggerEngine(url) as engine,
        served(url, tmp_path, _RESTLESS) as server,
        following(server.url) as stream,
    ):
        assert stream.next().name == "ready"
        for number in range(3):
            postgres.crash_and_recover()
            engine.create_workflow(f"w{number}")
            assert changes([stream.next()]) == [f"workflow w{number} created"]
        assert server.ask("GET", "/ready").status == 200
