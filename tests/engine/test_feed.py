"""The feed: each committed change once, causes before effects, and a word about what is no longer kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowforge_graph import (
    CycleError,
    DatabaseError,
    Event,
    EventTrigger,
    InvalidExecution,
    ManualTrigger,
    ScheduledTrigger,
    TriggerEngine,
)
from flowforge_graph.definitions import apply_definitions, parse_definitions
from flowforge_graph.engine import feed as engine_feed
from flowforge_graph.engine.changes import DefinitionChanges
from flowforge_graph.evaluation import cause_id
from flowforge_graph.storage import feed as storage_feed
from flowforge_graph.testing import FixedClock, RecordingExecutor
from tests.engine.support import chain_of, depends, make_workflows, rows, statements_of, write

MakeEngine = Callable[..., TriggerEngine]
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def engine(make_engine: MakeEngine) -> TriggerEngine:
    """An engine with the workflows A, B and C."""
    engine = make_engine()
    make_workflows(engine, *"ABC")
    return engine


class Follower:
    """Somebody who reads on from where the last page ended."""

    def __init__(self, engine: TriggerEngine) -> None:
        self.engine = engine
        self.position = engine.read_events().position

    def events(self, limit: int = 500) -> list[Event]:
        """All events since the last call."""
        found: list[Event] = []
        while True:
            page = self.engine.read_events(self.position, limit)
            found += page.events
            self.position = page.position
            if page.is_complete:
                return found

    def told(self) -> list[tuple[str, str, str]]:
        """(kind, change, subject) of all events since the last call."""
        return [(event.kind, event.change, event.subject_id) for event in self.events()]


@pytest.fixture
def follower(engine: TriggerEngine) -> Follower:
    """Somebody who knows of the workflows."""
    return Follower(engine)


# What is told


def test_a_start_is_told(engine: TriggerEngine, follower: Follower, clock: FixedClock) -> None:
    """Once, with all that a reader needs to know what it was; the same start again is no news."""
    engine.start("A", execution_id="one")
    engine.start("A", execution_id="one")
    (event,) = follower.events()
    assert event == Event(
        position=4,
        kind="execution",
        change="pending",
        subject_id="one",
        workflow_id="A",
        root_execution_id="one",
        recorded_at=clock.now(),
    )
    assert event.recorded_at.tzinfo is UTC


def test_an_execution_is_told_from_its_claim_to_its_end(
    engine: TriggerEngine, follower: Follower, clock: FixedClock
) -> None:
    """A status a row, at the instant that the execution names; what changes no status is told to nobody."""
    engine.start("A", execution_id="one")
    for _ in range(2):
        clock.advance(seconds=10)
        (claim,) = engine.claim_due()
        engine.mark_running(claim)
        engine.renew(claim)
        clock.advance(seconds=5)
        engine.release(claim)
    (claim,) = engine.claim_due()
    engine.complete("one", "completed", claim=claim)
    engine.complete("one", "completed")
    seconds = [(event.change, int((event.recorded_at - START).total_seconds())) for event in follower.events()]
    assert seconds == [
        ("pending", 0),
        ("running", 10),
        ("pending", 10),
        ("running", 25),
        ("pending", 25),
        ("completed", 30),
    ]


def test_a_dispatch_is_told(make_engine: MakeEngine) -> None:
    """What an executor takes runs."""
    engine = make_engine(executor=RecordingExecutor())
    make_workflows(engine, "A")
    follower = Follower(engine)
    engine.start("A", execution_id="one")
    assert engine.dispatch_due() == 1
    assert follower.told() == [("execution", "pending", "one"), ("execution", "running", "one")]


def test_an_end_is_told_before_what_it_starts(engine: TriggerEngine, follower: Follower) -> None:
    """With the root of the cascade and the trigger."""
    trigger_ids = [engine.create_trigger(depends(downstream, "A")).id for downstream in "BC"]
    follower.told()
    result = engine.complete("up", "completed", workflow_id="A")
    started = [verdict.execution_id for verdict in result.triggered]
    events = follower.events()
    assert [(e.change, e.subject_id, e.workflow_id, e.trigger_id, e.root_execution_id) for e in events] == [
        ("completed", "up", "A", None, "up"),
        ("pending", started[0], "B", trigger_ids[0], "up"),
        ("pending", started[1], "C", trigger_ids[1], "up"),
    ]


def test_a_start_that_ends_in_the_same_batch_is_told_before_its_end(engine: TriggerEngine, follower: Follower) -> None:
    """Three generations in one transaction: each end comes after its own start and before those that it causes."""
    trigger_id = engine.create_trigger(depends("B", "A")).id
    engine.create_trigger(depends("C", "B", "on_failure", id="t"))
    engine.start("A", execution_id="a")
    follower.told()
    b = cause_id(trigger_id, "a")
    engine.complete_many([("a", "completed"), (b, "failed")])
    assert follower.told() == [
        ("execution", "completed", "a"),
        ("execution", "pending", b),
        ("execution", "failed", b),
        ("execution", "pending", cause_id("t", b)),
    ]
    assert engine.get_execution(b).status == "failed"


def test_cancelling_is_told(engine: TriggerEngine, follower: Follower) -> None:
    """A pending execution ends at once; the request to a running one is no change of its status yet."""
    engine.start("A", execution_id="one")
    engine.start("A", execution_id="two")
    engine.cancel("one")
    engine.cancel("one")
    (claim,) = engine.claim_due()
    engine.mark_running(claim)
    engine.cancel("two")
    engine.complete("two", "cancelled", claim=claim)
    assert follower.told() == [
        ("execution", "pending", "one"),
        ("execution", "pending", "two"),
        ("execution", "cancelled", "one"),
        ("execution", "running", "two"),
        ("execution", "cancelled", "two"),
    ]


def test_a_tick_tells_executions_and_no_triggers(engine: TriggerEngine, follower: Follower, clock: FixedClock) -> None:
    """What a tick moves in a schedule is nobody's change."""
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="*/5 * * * *"))
    assert follower.told() == [("trigger", "created", trigger.id)]
    clock.advance(minutes=5)
    (started,) = engine.tick().started_execution_ids
    assert [(e.change, e.subject_id, e.trigger_id) for e in follower.events()] == [("pending", started, trigger.id)]


def test_an_event_tells_what_it_starts(engine: TriggerEngine, follower: Follower) -> None:
    """Once a key."""
    engine.create_trigger(EventTrigger(workflow_id="A", event_type="arrived"))
    follower.told()
    (started,) = engine.emit("arrived", key="k")
    engine.emit("arrived", key="k")
    assert follower.told() == [("execution", "pending", started.id)]


def test_triggers_are_told(engine: TriggerEngine, follower: Follower, clock: FixedClock) -> None:
    """Created, changed and deleted: a row each, at the instant of the change; what changes nothing is no change."""
    trigger = engine.create_trigger(depends("B", "A"))
    clock.advance(minutes=1)
    for change in ({"delay_minutes": 5}, {"delay_minutes": 5}, {"depends_on_workflow_id": "C"}, {"trigger_name": "x"}):
        engine.update_trigger(trigger.id, **change)
    engine.disable_trigger(trigger.id)
    engine.disable_trigger(trigger.id)
    engine.enable_trigger(trigger.id)
    clock.advance(minutes=1)
    engine.delete_trigger(trigger.id)
    events = follower.events()
    assert [event.change for event in events] == ["created", *["changed"] * 5, "deleted"]
    assert {(e.kind, e.subject_id, e.workflow_id, e.trigger_id) for e in events} == {
        ("trigger", trigger.id, "B", trigger.id)
    }
    minutes = [(event.recorded_at - START) // timedelta(minutes=1) for event in events]
    assert minutes == [0, *[1] * 5, 2]


def test_a_swap_of_unique_keys_is_one_change_each(engine: TriggerEngine, follower: Follower) -> None:
    """Each takes the key of the other in one transaction; they keep their places in the order of creation."""
    one = engine.create_trigger(depends("B", "A", "on_success", id="one"))
    two = engine.create_trigger(depends("B", "A", "on_failure", id="two"))
    follower.told()
    swapped = (one.evolve(dependency_condition="on_failure"), two.evolve(dependency_condition="on_success"))
    engine.change_definitions(lambda _: DefinitionChanges(put_triggers=swapped))
    assert follower.told() == [("trigger", "changed", "one"), ("trigger", "changed", "two")]
    assert [trigger.id for trigger in engine.list_triggers("B")] == ["two", "one"]


def test_a_file_is_told(engine: TriggerEngine, follower: Follower) -> None:
    """What it adds, changes and removes; applied again it is no news."""
    text = "{version: 1, name: f, workflows: {w: {triggers: [{type: scheduled, name: x, cron: '0 %s * * *'}]}}}"
    for hour in (1, 1, 2):
        apply_definitions(engine, parse_definitions(text % hour, path="f.yaml"))
    (trigger,) = engine.list_triggers("w")
    apply_definitions(engine, parse_definitions("{version: 1, name: f, workflows: {}}", path="f.yaml"), prune=True)
    assert follower.told() == [
        ("workflow", "created", "w"),
        ("trigger", "created", trigger.id),
        ("trigger", "changed", trigger.id),
        ("trigger", "deleted", trigger.id),
        ("workflow", "deleted", "w"),
    ]


def test_workflows_are_told(engine: TriggerEngine, follower: Follower, clock: FixedClock) -> None:
    """Created, changed, and deleted after its triggers; then its pending executions end."""
    engine.create_workflow("D", run={"command": ["true"]}, tags=("t",))
    engine.update_workflow("D", name="Delta")
    engine.update_workflow("D", run={"command": ["false"]})
    engine.update_workflow("D", run={"command": ["false"]})
    into = engine.create_trigger(depends("D", "A"))
    engine.start("D", execution_id="waits")
    assert follower.told() == [
        ("workflow", "created", "D"),
        ("workflow", "changed", "D"),
        ("workflow", "changed", "D"),
        ("trigger", "created", into.id),
        ("execution", "pending", "waits"),
    ]
    clock.advance(minutes=1)
    engine.delete_workflow("D")
    events = follower.events()
    assert [(e.kind, e.change, e.subject_id, e.workflow_id) for e in events] == [
        ("trigger", "deleted", into.id, "D"),
        ("workflow", "deleted", "D", "D"),
        ("execution", "cancelled", "waits", "D"),
    ]
    assert {event.recorded_at for event in events} == {clock.now()}


def test_what_is_rolled_back_is_not_told(engine: TriggerEngine, follower: Follower) -> None:
    """A refused batch and a transaction that breaks leave no row, and no gap in the positions."""
    engine.create_trigger(depends("B", "A"))
    with pytest.raises(CycleError):
        engine.create_triggers([depends("C", "B"), depends("A", "C")])
    with pytest.raises(DatabaseError, match="nowhere"):
        write(engine, "UPDATE workflows SET name = 'x'", "SELECT 1 FROM nowhere")
    engine.create_trigger(ManualTrigger(workflow_id="A"))
    events = follower.events()
    assert [(event.kind, event.change) for event in events] == [("trigger", "created")] * 2
    assert [event.position for event in events] == [4, 5]


def test_what_is_written_by_hand_is_told(engine: TriggerEngine, follower: Follower) -> None:
    """No path leads past the feed, and no row needs to be sound."""
    write(
        engine,
        "INSERT INTO executions (id, workflow_id, workflow_name, status, root_execution_id, parameters, created_at, "
        "run_after, available_at) VALUES ('x', 'A', 'A', 'pending', 'x', '{}', 7, 7, 7)",
        "UPDATE executions SET status = 'failed' WHERE id = 'x'",
        "UPDATE workflows SET description = 'new' WHERE id = 'B'",
    )
    told = [(event.change, event.subject_id, event.recorded_at.timestamp()) for event in follower.events()]
    assert told == [("pending", "x", 7), ("failed", "x", 7), ("changed", "B", START.timestamp())]


# Reading


def test_a_new_reader_begins_now(engine: TriggerEngine) -> None:
    """Without a position nothing is answered but that of now."""
    page = engine.read_events()
    assert (page.events, page.position, page.is_complete) == ((), 3, True)
    engine.start("A", execution_id="one")
    assert [event.subject_id for event in engine.read_events(page.position).events] == ["one"]
    assert engine.read_events().position == 4


def test_pages_follow_each_other(engine: TriggerEngine, follower: Follower) -> None:
    """None is longer than asked for, and only the last is complete."""
    engine.complete_many([{"execution_id": f"e{n}", "status": "failed", "workflow_id": "A"} for n in range(7)])
    position, pages = follower.position, []
    for _ in range(4):
        page = engine.read_events(position, limit=3)
        pages.append((len(page.events), page.is_complete))
        assert [event.position for event in page.events] == list(range(position + 1, page.position + 1))
        position = page.position
    assert pages == [(3, False), (3, False), (1, True), (0, True)]
    assert [event.subject_id for event in follower.events(limit=2)] == [f"e{n}" for n in range(7)]


def test_a_restarted_reader_goes_on(make_engine: MakeEngine, engine: TriggerEngine, follower: Follower) -> None:
    """From its last position, on another engine, as if it had never been away."""
    engine.start("A", execution_id="one")
    engine.start("A", execution_id="two")
    page = engine.read_events(follower.position, limit=1)
    other = make_engine()
    assert [event.subject_id for event in other.read_events(page.position).events] == ["two"]
    assert other.read_events(0).events == engine.read_events(0).events


@pytest.mark.parametrize("after", [-1, True, "1", 1.0])
def test_a_bad_position_is_refused(engine: TriggerEngine, after: Any) -> None:
    """By one sentence."""
    with pytest.raises(InvalidExecution, match="after must be a whole number of at least 0, or None, not "):
        engine.read_events(after)


def test_a_bad_limit_is_refused(engine: TriggerEngine) -> None:
    """A huge one is only a wish."""
    with pytest.raises(InvalidExecution, match="limit must be a whole number of at least 1"):
        engine.read_events(0, limit=0)
    assert len(engine.read_events(0, limit=10**30).events) == 3


@pytest.mark.parametrize("after", [4, 10**30])
def test_a_position_of_another_database_is_told(engine: TriggerEngine, after: int) -> None:
    """The page says so, and where now is."""
    page = engine.read_events(after)
    assert (page.events, page.position, page.is_foreign, page.pruned) == ((), 3, True, False)
    assert not engine.read_events(3).is_foreign


def test_an_idle_read_is_one_query(engine: TriggerEngine) -> None:
    """And writes nothing, nor does it open a transaction for writing."""
    position = engine.read_events().position
    with statements_of(engine) as sent:
        assert engine.read_events(position).is_complete
    assert [statement.split()[0] for statement in sent] == ["SELECT"]


def test_a_read_writes_only_what_nobody_has_read(engine: TriggerEngine, follower: Follower) -> None:
    """PostgreSQL: the first reader publishes in one transaction of two statements, the next one only reads."""
    engine.start("A", execution_id="one")
    with statements_of(engine) as sent:
        first = engine.read_events(follower.position)
    words = [statement.split()[0] for statement in sent]
    is_sqlite = engine._context.store.database.is_sqlite
    assert words == (["SELECT"] if is_sqlite else ["SELECT", "SELECT", "UPDATE", "COMMIT", "SELECT"])
    with statements_of(engine) as sent:
        assert engine.read_events(follower.position) == first
    assert [statement.split()[0] for statement in sent] == ["SELECT"]


def test_a_long_backlog_is_published_in_parts(
    engine: TriggerEngine, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for all of it; the position of now is behind all of it."""
    for module in (storage_feed, engine_feed):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 4)
    engine.complete_many([{"execution_id": f"e{n}", "status": "failed", "workflow_id": "A"} for n in range(10)])
    page = engine.read_events(follower.position)
    assert ([event.subject_id for event in page.events], page.is_complete) == (["e0", "e1", "e2", "e3"], False)
    assert engine.read_events().position == follower.position + 10
    assert [event.subject_id for event in follower.events()] == [f"e{n}" for n in range(10)]


# What is kept


def test_prune_keeps_the_newest(make_engine: MakeEngine, clock: FixedClock) -> None:
    """As many as the setting says; pruned executions are no change."""
    engine = make_engine(feed_kept=5)
    chain_of(engine, "AB")
    for number in range(4):
        engine.complete(f"e{number}", "failed", workflow_id="A")
    clock.advance(minutes=1)
    assert engine.prune(clock.now()).executions == 4
    assert [event.position for event in engine.read_events(2).events] == [3, 4, 5, 6, 7]
    assert rows(engine, "SELECT count(*) FROM feed") == [(5,)]


def test_a_reader_from_before_what_is_kept_is_told(make_engine: MakeEngine, clock: FixedClock) -> None:
    """The page says that something is gone, and what is kept follows on its position."""
    engine = make_engine(feed_kept=2)
    make_workflows(engine, *"ABCDE")
    engine.prune(clock.now())
    for after in (0, 1, 2):
        page = engine.read_events(after)
        assert (page.events, page.position, page.pruned, page.is_complete) == ((), 3, True, False)
    page = engine.read_events(page.position)
    assert ([event.subject_id for event in page.events], page.pruned, page.is_complete) == (["D", "E"], False, True)
    make_workflows(engine, "F")
    assert [event.position for event in engine.read_events(page.position).events] == [6]


def test_what_nobody_read_is_counted_before_it_goes(make_engine: MakeEngine, clock: FixedClock) -> None:
    """A reader from before learns that it missed something, although no reader ever published it."""
    engine = make_engine(feed_kept=3)
    make_workflows(engine, "A")
    position = engine.read_events().position
    engine.complete_many([{"execution_id": f"e{n}", "status": "failed", "workflow_id": "A"} for n in range(9)])
    engine.prune(clock.now())
    page = engine.read_events(position)
    assert (page.pruned, page.position) == (True, 7)
    assert [event.subject_id for event in engine.read_events(page.position).events] == ["e6", "e7", "e8"]


def test_ticks_trim_now_and_then(make_engine: MakeEngine, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a minute, one range of limited length; while more is left, the next tick goes on."""
    monkeypatch.setattr(storage_feed, "ROWS_AT_ONCE", 4)
    monkeypatch.setattr(engine_feed, "ROWS_AT_ONCE", 4)
    engine = make_engine(feed_kept=2)
    make_workflows(engine, *"ABCDEFGH")
    engine.read_events()
    kept = []
    for seconds in (0, 59, 1, 1, 1, 58):
        clock.advance(seconds=seconds)
        engine.tick()
        kept.append(rows(engine, "SELECT count(*) FROM feed"))
        if len(kept) == 5:
            make_workflows(engine, "I")
            engine.read_events()
    assert kept == [[(8,)], [(8,)], [(4,)], [(2,)], [(2,)], [(3,)]]
    clock.advance(seconds=1)
    engine.tick()
    assert rows(engine, "SELECT count(*) FROM feed") == [(2,)]


def test_most_ticks_ask_nothing_of_the_feed(engine: TriggerEngine, clock: FixedClock) -> None:
    """One question a minute, and no transaction where nothing is too old."""
    engine.read_events()
    asked = []
    for _ in range(3):
        with statements_of(engine) as sent:
            engine.tick()
        asked.append(sum("feed" in statement for statement in sent))
        clock.advance(seconds=60)
    assert asked == [0, 1, 1]


# PostgreSQL: many readers publish


@pytest.fixture
def postgres_engine(postgres_url: str, clock: FixedClock) -> Iterator[TriggerEngine]:
    """An engine on PostgreSQL."""
    with TriggerEngine(postgres_url, clock=clock) as engine:
        yield engine


# In this database: other tests wait for locks in theirs.
WAITS_FOR = """
SELECT locktype FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE NOT granted AND datname = current_database()
"""


def test_readers_publish_one_after_the_other(postgres_engine: TriggerEngine) -> None:
    """Who comes second waits, and then publishes only what the first one did not see, behind it."""
    engine = postgres_engine
    database, feed = engine._context.store.database, engine._context.store.feed
    insert = "INSERT INTO workflows (id, name, tags, created_at, updated_at) VALUES ('{0}', '{0}', '[]', 1, 1)".format
    with ExitStack() as opened, ThreadPoolExecutor(1) as threads:
        slow = opened.enter_context(database.write())
        slow.exec_driver_sql(insert("written first"))
        write(engine, insert("committed first"))
        with database.write() as first:
            assert feed.publish(first) == 1
            slow.commit()
            second = threads.submit(engine.read_events, 0)
            while not (waits_for := rows(engine, WAITS_FOR)):
                assert not second.done()
        told = [(event.position, event.subject_id) for event in second.result().events]
    assert told == [(1, "committed first"), (2, "written first")]
    assert waits_for == [("advisory",)]
