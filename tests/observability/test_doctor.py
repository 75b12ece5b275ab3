"""Does each check find the fault that a database really has, say what to do, and find nothing in a healthy one?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from flowforge_graph import DependencyTrigger, ManualTrigger, PermanentDispatchError, ScheduledTrigger, TriggerEngine
from flowforge_graph.errors import DatabaseError, ExecutorUnavailable
from flowforge_graph.observability import CHECKS, Finding, Limits, examine
from flowforge_graph.storage import migrations, sqlite
from flowforge_graph.storage.inspection import MOST_ROWS, Inspection
from flowforge_graph.testing import FixedClock, RecordingExecutor
from tests.engine.support import chain_of, depends, make_workflows, write

MakeEngine = Callable[..., TriggerEngine]
ROOM = {"no_space_mib": 0, "little_space_mib": 0}


@pytest.fixture(autouse=True)
def _whichever_sqlite_is_loaded_is_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which one this process has loaded depends on the tests before; it has a test of its own."""
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _: True)


@contextmanager
def by_hand(url: str) -> Iterator[sqlalchemy.Connection]:
    """A connection that no key stops."""
    options = {"module": sqlite._driver()} if url.startswith("sqlite") else {}
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, **options)
    with engine.begin() as connection:
        if not options:
            connection.exec_driver_sql("SET session_replication_role = replica")
        yield connection


def findings(
    url: str, clock: FixedClock, *, wait: Callable[[float], object] | None = None, **limits: Any
) -> list[Finding]:
    """What the doctor finds, with a clock that its waits move."""
    return list(examine(url, clock=clock, wait=wait or clock.advance, limits=Limits(**(ROOM | limits))))


def found(check: str, url: str, clock: FixedClock, **options: Any) -> Finding:
    """What one check finds."""
    (finding,) = [finding for finding in findings(url, clock, **options) if finding.check == check]
    return finding


@pytest.fixture
def server_clock(database_url: str, clock: FixedClock) -> FixedClock:
    """The clock of this test, set to that of the server where there is one."""
    if not database_url.startswith("sqlite"):
        with by_hand(database_url) as connection:
            clock.set(connection.execute(sqlalchemy.text("SELECT now()")).scalar_one())
    return clock


@pytest.fixture
def engine(make_engine: MakeEngine, server_clock: FixedClock) -> TriggerEngine:
    """An engine with A → B, both of which this machine can run."""
    engine = make_engine()
    for name in "AB":
        engine.create_workflow(name, run={"command": ["true"]})
    engine.create_trigger(depends("B", "A"))
    return engine


# Health


def test_a_missing_file_is_the_only_finding_and_stays_missing(tmp_path: Path) -> None:
    """To ask would make it."""
    (finding,) = examine(f"sqlite:///{tmp_path / 'none.db'}")
    assert (finding.check, finding.state) == ("database", "problem")
    assert "there is no file" in finding.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["sqlite_url", "durable_postgres_url"])
def test_a_healthy_database_is_well(kind: str, request: pytest.FixtureRequest) -> None:
    """With workflows, schedules, history and a running execution that gives signs of life: every line is ok."""
    url: str = request.getfixturevalue(kind)
    with TriggerEngine(url) as engine:
        for name in "AB":
            engine.create_workflow(name, run={"command": ["true"]})
        engine.create_trigger(depends("B", "A"))
        engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="@hourly"))
        engine.complete("one", "completed", workflow_id="A")
        (claim,) = engine.claim_due()
        engine.mark_running(claim)
        answers = list(examine(url, limits=Limits(**ROOM), wait=lambda _: engine.renew(claim)))
    assert [(finding.check, finding.message) for finding in answers if finding.state != "ok"] == []
    own = {"postgresql"} if kind == "sqlite_url" else {"sqlite", "integrity", "disk"}
    assert [finding.check for finding in answers] == [name for name in CHECKS if name not in own]


def test_the_doctor_changes_nothing(sqlite_url: str, tmp_path: Path, clock: FixedClock) -> None:
    """Neither rows nor the schema nor the journal of the file, and its connections refuse to."""
    TriggerEngine(sqlite_url).close()
    with by_hand(sqlite_url) as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
    before = (tmp_path / "flowforge.db").read_bytes()
    assert found("sqlite", sqlite_url, clock).state == "warning"
    assert (tmp_path / "flowforge.db").read_bytes() == before


def test_an_inspection_cannot_write(database_url: str, engine: TriggerEngine) -> None:
    """Whatever a check would do by mistake."""
    ask = Inspection(database_url, schema=None, table_prefix="", monotonic=lambda: 0.0)
    with pytest.raises(DatabaseError), ask.database.read() as connection:
        connection.exec_driver_sql("DELETE FROM workflows")
    ask.close()
    assert len(engine.list_workflows()) == 2


# The database itself


def test_a_database_that_cannot_be_reached_is_one_clear_line(tmp_path: Path, clock: FixedClock) -> None:
    """No server, no folder, no database file: one problem, and nothing else is asked."""
    (tmp_path / "text.db").write_text("not a database" * 100)
    for url, said in (
        (f"postgresql+psycopg://nobody@/none?host={tmp_path}", "start it, or correct the URL"),
        (f"sqlite:///{tmp_path}/nowhere/flowforge.db", "there is no file"),
        (f"sqlite:///{tmp_path}/text.db", "file is not a database"),
        ("mysql://x@y/z", "must be SQLite or PostgreSQL"),
    ):
        (only,) = findings(url, clock)
        assert (only.check, only.state) == ("database", "problem")
        assert said in only.message


def test_tables_that_are_not_there_are_a_problem(postgres_url: str, tmp_path: Path, clock: FixedClock) -> None:
    """An empty database is most often the wrong one; the doctor does not make tables in it."""
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with by_hand(url) as connection:
        connection.exec_driver_sql("CREATE TABLE hosts (x)")
    _, last = findings(url, clock)
    assert (last.check, last.state) == ("schema", "problem")
    assert "holds no tables of flowforge-graph" in last.message
    with by_hand(url) as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == ["hosts"]
    assert found("schema", postgres_url, clock).state == "ok"


def test_tables_that_are_kept_apart_are_found(postgres_url: str, tmp_path: Path, clock: FixedClock) -> None:
    """With the prefix and the schema that the engine was given."""
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    TriggerEngine(url, table_prefix="ff_").close()
    assert [f.check for f in findings(url, clock) if f.state == "problem"] == ["schema"]
    assert [f for f in examine(url, table_prefix="ff_", limits=Limits(**ROOM)) if f.state == "problem"] == []
    with by_hand(postgres_url) as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS apart")
    TriggerEngine(postgres_url, schema="apart").close()
    apart = list(examine(postgres_url, schema="apart"))
    with by_hand(postgres_url) as connection:
        connection.exec_driver_sql("DROP SCHEMA apart CASCADE")
    assert [f.check for f in apart if f.state == "problem"] == ["postgresql"]


def test_another_schema_version_is_a_problem(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newer one asks for another package, an older one for a command that upgrades it."""
    write(engine, "UPDATE flowforge_graph_version SET version_num = '9999'")
    finding = findings(database_url, server_clock)[-1]
    write(engine, f"UPDATE flowforge_graph_version SET version_num = '{migrations.HEAD}'")
    assert (finding.check, finding.state) == ("schema", "problem")
    assert "9999, newer than this package knows" in finding.message
    monkeypatch.setattr(migrations, "HEAD", "0009")
    finding = findings(database_url, server_clock)[-1]
    assert (finding.check, finding.state) == ("schema", "problem")
    assert "older than 0009: any other command upgrades it" in finding.message


@pytest.mark.parametrize(
    ("safe", "journal", "state", "said"),
    [
        (True, "WAL", "ok", "with the WAL-reset fix, journal mode wal, foreign keys on"),
        (True, "DELETE", "warning", "with the slower rollback journal"),
        (False, "DELETE", "warning", "lacks the WAL-reset fix"),
        (False, "WAL", "problem", "can lose rows from"),
    ],
)
def test_the_journal_must_suit_the_sqlite(
    sqlite_url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, safe: bool, journal: str, state: str, said: str
) -> None:
    """A write-ahead log with a SQLite that lacks the fix is the one that loses rows."""
    with by_hand(sqlite_url) as connection:
        connection.exec_driver_sql(f"PRAGMA journal_mode = {journal}")
    monkeypatch.setattr(sqlite, "wal_is_safe", lambda _: safe)
    finding = found("sqlite", sqlite_url, clock)
    assert finding.state == state
    assert said in finding.message


def test_foreign_keys_must_be_enforced(sqlite_url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SQLite that leaves them off in spite of what it was told is a problem."""
    monkeypatch.setattr(sqlite, "_prepare_to_look", lambda *_: None)
    assert found("sqlite", sqlite_url, clock).state == "problem"


def test_a_broken_file_is_found(sqlite_url: str, tmp_path: Path, clock: FixedClock) -> None:
    """Bytes overwritten in a page; the checks that stumble over them say so, and the others go on."""
    with TriggerEngine(sqlite_url, clock=clock) as engine:
        make_workflows(engine, "A")
        engine.complete_many([(f"e{number}", "completed", "A") for number in range(500)])
    with by_hand(sqlite_url) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'executions'"
        page = connection.exec_driver_sql(query).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    with (tmp_path / "flowforge.db").open("r+b") as file:
        file.seek((page - 1) * size + 8)
        file.write(b"\xff" * 64)
    answers = {finding.check: finding for finding in findings(sqlite_url, clock)}
    assert answers["integrity"].state == "problem"
    assert "restore a backup" in answers["integrity"].message
    assert answers["dead letters"].state == "problem"
    assert "could not be checked" in answers["dead letters"].message
    assert answers["graph"].state == "ok"


def test_little_disk_space_is_found(sqlite_url: str, clock: FixedClock) -> None:
    """Below one limit a warning, below the other a problem."""
    assert found("disk", sqlite_url, clock).state == "ok"
    assert found("disk", sqlite_url, clock, little_space_mib=2**40).state == "warning"
    finding = found("disk", sqlite_url, clock, no_space_mib=2**40)
    assert finding.state == "problem"
    assert "make room before writes fail" in finding.message


def test_a_server_that_does_not_sync_is_found(postgres_url: str, durable_postgres_url: str, clock: FixedClock) -> None:
    """fsync off can destroy the database, synchronous_commit off loses answered completions in a crash."""
    finding = found("postgresql", postgres_url, clock)
    assert finding.state == "problem"
    assert "fsync is off" in finding.message
    TriggerEngine(durable_postgres_url).close()
    assert found("postgresql", durable_postgres_url, clock).state == "ok"
    name = sqlalchemy.make_url(durable_postgres_url).database
    with by_hand(durable_postgres_url) as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
    finding = found("postgresql", durable_postgres_url, clock)
    assert finding.state == "warning"
    assert "synchronous_commit is off" in finding.message


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"is_standby": True}, "problem", "use the URL of the primary"),
        ({"isolation": "serializable"}, "problem", "look for a pooler"),
        ({"major": 12, "fsync": True}, "warning", "upgrade the server"),
    ],
)
def test_what_no_test_server_can_be_is_found(
    postgres_url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, changes: Any, state: str, said: str
) -> None:
    """A standby, a pooler that sets the isolation, an old version: as the server would answer."""
    real = Inspection.postgres_state
    monkeypatch.setattr(Inspection, "postgres_state", lambda ask: dataclasses.replace(real(ask), **changes))
    finding = found("postgresql", postgres_url, clock)
    assert finding.state == state
    assert said in finding.message


@pytest.mark.parametrize(
    ("seconds", "state", "side"),
    [(0.0, "ok", "from"), (5.0, "warning", "ahead of"), (-5.0, "warning", "behind"), (3_600.0, "problem", "ahead of")],
)
def test_skew_to_the_server_is_found(
    postgres_url: str, clock: FixedClock, seconds: float, state: str, side: str
) -> None:
    """This machine's clock against that of the server."""
    with by_hand(postgres_url) as connection:
        clock.set(connection.execute(sqlalchemy.text("SELECT clock_timestamp()")).scalar_one())
    clock.set(clock.now() + timedelta(seconds=seconds))
    # However slow the machine, a second passes between the two looks at most.
    finding = found("clock", postgres_url, clock, skew_warning_seconds=4.0)
    assert finding.state == state
    assert side in finding.message


def test_an_execution_of_the_future_is_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock
) -> None:
    """Somebody's clock was wrong when it was created, or this one was set back since."""
    engine.start("A")
    assert found("clock", database_url, server_clock).state == "ok"
    write(engine, "UPDATE executions SET created_at = created_at + 600")
    finding = found("clock", database_url, server_clock)
    assert finding.state == "problem"
    assert "created 600 s from now" in finding.message


# What is defined


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        ("UPDATE workflows SET run = '{\"nonsense\": 1}' WHERE id = 'A'", "workflow 'A'"),
        ("UPDATE workflow_triggers SET delay_minutes = 99", "trigger 't'"),
        ("UPDATE executions SET trigger_type = 'strange'", "execution 'one'"),
    ],
)
def test_a_row_that_cannot_be_read_is_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock, spoil: str, named: str
) -> None:
    """Its kind, its id and why, among many that can be read."""
    write(engine, "UPDATE workflow_triggers SET id = 't'")
    make_workflows(engine, *(f"w{number}" for number in range(600)))
    engine.start("A", execution_id="one")
    assert found("rows", database_url, server_clock).state == "ok"
    write(engine, spoil)
    finding = found("rows", database_url, server_clock)
    assert finding.state == "problem"
    assert finding.message.startswith(f"1 row cannot be read: {named} (")


def test_a_row_that_even_the_driver_cannot_read_is_found(
    sqlite_url: str, make_engine: MakeEngine, clock: FixedClock
) -> None:
    """Broken JSON in one of two bad rows hides neither of them."""
    with TriggerEngine(sqlite_url, clock=clock) as engine:
        make_workflows(engine, *"ABCDE")
        write(engine, "UPDATE workflows SET tags = '[' WHERE id = 'B'", "UPDATE workflows SET name = '' WHERE id = 'D'")
        finding = found("rows", sqlite_url, clock)
    assert finding.message.startswith("2 rows cannot be read: workflow 'B' (")
    assert "workflow 'D' (" in finding.message


def test_a_cycle_made_by_hand_is_found(database_url: str, engine: TriggerEngine, server_clock: FixedClock) -> None:
    """With its chain."""
    copy = "INSERT INTO workflow_triggers (id, workflow_id, trigger_type, depends_on_workflow_id, dependency_condition,"
    values = "created_at, updated_at) VALUES ('x', 'A', 'dependency', 'B', 'on_success', 1, 1)"
    write(engine, f"{copy} {values}")
    finding = found("graph", database_url, server_clock)
    assert finding.state == "problem"
    assert "the cycle A → B → A" in finding.message or "the cycle B → A → B" in finding.message


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("DELETE FROM graph_changes WHERE revision = 2", "the change log lacks rows"),
        ("UPDATE workflow_triggers SET delay_minutes = 7", "the rows of trigger '{trigger}' were changed by hand"),
        ("UPDATE workflows SET name = 'Other' WHERE id = 'B'", "the rows of workflow 'B' were changed by hand"),
        ("DELETE FROM workflow_triggers", "the rows of trigger '{trigger}' were changed by hand"),
        (
            "INSERT INTO workflows (id, name, tags, created_at, updated_at) VALUES ('C', 'C', '[]', 1, 1)",
            "the rows of workflow 'C' were changed by hand",
        ),
    ],
)
def test_a_log_that_does_not_lead_to_the_rows_is_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock, spoil: str, said: str
) -> None:
    """Living processes follow the log, new ones read the rows: where the two differ, so do the processes."""
    (trigger,) = [trigger.id for trigger in engine.list_triggers()]
    assert found("graph", database_url, server_clock).state == "ok"
    write(engine, spoil)
    finding = found("graph", database_url, server_clock)
    assert finding.state == "problem"
    assert said.format(trigger=trigger) in finding.message


def test_a_log_of_every_change_agrees(database_url: str, make_engine: MakeEngine, clock: FixedClock) -> None:
    """Created, moved, renamed, disabled and deleted: the last word of the log is what is stored."""
    engine = make_engine()
    first, second = chain_of(engine, "ABC")
    engine.create_workflow("D", name="Fourth")
    engine.create_trigger(ManualTrigger(workflow_id="D"))
    engine.update_trigger(first, depends_on_workflow_id="D", delay_minutes=3)
    engine.disable_trigger(second)
    engine.update_workflow("D", name="Last")
    engine.create_trigger(DependencyTrigger(workflow_id="A", depends_on_workflow_id="D"))
    engine.delete_workflow("A")
    assert found("graph", database_url, clock).state == "ok"


def test_what_was_compacted_is_not_missed(database_url: str, engine: TriggerEngine, server_clock: FixedClock) -> None:
    """A log that begins later speaks of what it has."""
    write(engine, "UPDATE graph_revision SET compacted_to = 2", "DELETE FROM graph_changes WHERE revision <= 2")
    assert found("graph", database_url, server_clock).state == "ok"
    write(engine, "UPDATE workflow_triggers SET enabled = 0")
    assert found("graph", database_url, server_clock).state == "problem"


def test_a_trigger_without_its_workflow_is_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock
) -> None:
    """Whichever end is missing; both are named."""
    assert found("triggers", database_url, server_clock).state == "ok"
    for missing, said in (("A", "(no 'A')"), ("B", "(no 'B', 'A')")):
        with by_hand(database_url) as connection:
            connection.exec_driver_sql(f"DELETE FROM workflows WHERE id = '{missing}'")
        finding = found("triggers", database_url, server_clock)
        assert finding.state == "problem"
        assert said in finding.message


def test_a_workflow_that_nothing_here_can_run_is_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock
) -> None:
    """Started by an enabled trigger, and without a command or a callable: worth knowing, a host may run it."""
    assert found("executors", database_url, server_clock).state == "ok"
    make_workflows(engine, "C")
    engine.create_workflow("D", run={"prefect": "flow/deployment"})
    engine.create_triggers([depends("C", "A"), depends("D", "A"), depends("A", "D")][:2])
    finding = found("executors", database_url, server_clock)
    assert finding.state == "warning"
    assert "1 workflow without a run: 'C'" in finding.message
    for trigger in engine.list_triggers(workflow_id="C"):
        engine.disable_trigger(trigger.id)
    assert found("executors", database_url, server_clock).state == "ok"


# What waits


def test_schedules_that_nobody_ticks_are_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock
) -> None:
    """Late beyond the limit; a tick mends it."""
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="*/10 * * * *"))
    assert isinstance(trigger, ScheduledTrigger)
    assert trigger.next_run_at is not None
    server_clock.set(trigger.next_run_at + timedelta(seconds=300))
    assert found("schedules", database_url, server_clock).state == "ok"
    server_clock.advance(seconds=1)
    finding = found("schedules", database_url, server_clock)
    assert finding.state == "problem"
    assert "1 schedule should have run, the first 301 s ago" in finding.message
    engine.tick()
    assert found("schedules", database_url, server_clock).state == "ok"


def test_a_schedule_without_a_next_run_is_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock
) -> None:
    """No tick would ever see it; to disable and enable it helps, as the line says."""
    trigger = engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="@hourly"))
    write(engine, "UPDATE workflow_triggers SET next_run_at = NULL")
    finding = found("schedules", database_url, server_clock)
    assert finding.state == "problem"
    assert "without a next run" in finding.message
    engine.disable_trigger(trigger.id)
    engine.enable_trigger(trigger.id)
    assert found("schedules", database_url, server_clock).state == "ok"


def test_what_nobody_dispatches_is_found(database_url: str, engine: TriggerEngine, server_clock: FixedClock) -> None:
    """Pending, unclaimed and due beyond the limit; what is delayed or claimed is not."""
    engine.create_trigger(depends("B", "A", "on_failure", delay_minutes=60))
    engine.start("A", execution_id="claimed")
    engine.claim_due()
    engine.complete("upstream", "failed", workflow_id="A")
    server_clock.advance(seconds=1_000)
    assert found("pending", database_url, server_clock).state == "ok"
    engine.start("A", execution_id="waits")
    server_clock.advance(seconds=301)
    finding = found("pending", database_url, server_clock)
    assert finding.state == "problem"
    assert "1 execution might have started, the first 301 s ago ('waits')" in finding.message


def test_who_should_take_what_waits_is_said(database_url: str, engine: TriggerEngine, server_clock: FixedClock) -> None:
    """Another process, the host, or one that Prefect is named to."""
    engine.create_workflow("there", run={"prefect": "flow/main"})
    engine.create_workflow("here", run={"command": ["true"]})
    engine.start("there")
    server_clock.advance(seconds=301)
    assert "they run with Prefect, and nobody hands over to it" in found("pending", database_url, server_clock).message
    engine.create_workflow("host")
    for workflow_id in ("here", "host"):
        engine.start(workflow_id)
    server_clock.advance(seconds=301)
    message = found("pending", database_url, server_clock).message
    assert "start another 'flowforge-graph serve'" in message
    assert "(1 of them wait for their host: their workflows have no run; 1 of them run with Prefect" in message


def test_what_waits_for_an_executor_that_is_away_is_found(database_url: str, server_clock: FixedClock) -> None:
    """It is never overdue, because it is put off again and again."""
    away = RecordingExecutor([ExecutorUnavailable("nobody there")] * 20)
    with TriggerEngine(database_url, executor=away, clock=server_clock) as engine:
        engine.create_workflow("there")
        engine.start("there", execution_id="waits")
        while away.failures:
            engine.dispatch_due()
            server_clock.advance(seconds=61)
        finding = found("pending", database_url, server_clock)
        assert finding.state == "problem"
        assert "1 execution cannot be handed over" in finding.message
        assert "('waits'): nobody there" in finding.message
        engine.dispatch_due()
        assert found("pending", database_url, server_clock).state == "ok"


def test_a_claim_without_signs_of_life_is_found(
    database_url: str, engine: TriggerEngine, server_clock: FixedClock
) -> None:
    """Watched for a while: of two holders one renews, and only the other is named."""
    for name in ("alive", "stuck"):
        engine.start("A", execution_id=name)
    claims = {claim.execution_id: claim for claim in engine.claim_due(2)}

    def wait(seconds: float) -> None:
        server_clock.advance(seconds=seconds)
        engine.renew(claims["alive"])

    finding = found("leases", database_url, server_clock, wait=wait, watch_seconds=6.0)
    assert finding.state == "problem"
    assert finding.message.startswith("1 of 2 claims gave no sign of life in 6.0 s: 'stuck' held by '")


def test_a_claim_that_moves_or_ends_is_well(database_url: str, engine: TriggerEngine, server_clock: FixedClock) -> None:
    """The watch ends as soon as each has moved; without claims nobody waits."""
    waits: list[float] = []
    assert found("leases", database_url, server_clock, wait=waits.append).message == "no execution is claimed"
    assert waits == []
    engine.start("A")
    (claim,) = engine.claim_due()

    def wait(seconds: float) -> None:
        server_clock.advance(seconds=seconds)
        engine.complete(claim.execution_id, "completed", claim=claim)

    finding = found("leases", database_url, server_clock, wait=wait)
    assert (finding.state, finding.message) == ("ok", "1 claim moved or ended in 0.2 s")


def test_claims_may_be_left_unwatched(database_url: str, engine: TriggerEngine, server_clock: FixedClock) -> None:
    """Who watches for no time has seen nothing, and finds nothing."""
    engine.start("A")
    engine.claim_due()
    finding = found("leases", database_url, server_clock, watch_seconds=0)
    assert (finding.state, finding.message) == ("ok", "1 claim, not watched")


def test_a_huge_backlog_is_counted_so_far(database_url: str, engine: TriggerEngine, server_clock: FixedClock) -> None:
    """No more rows are read than a finding needs; the line does not claim that these are all."""
    engine.complete_many([(f"e{number}", "completed", "A") for number in range(MOST_ROWS + 1)])
    server_clock.advance(seconds=301)
    assert found("pending", database_url, server_clock).message.startswith("1,000 or more executions might")


def test_dead_letters_of_a_day_are_found(
    database_url: str, engine: TriggerEngine, make_engine: MakeEngine, server_clock: FixedClock
) -> None:
    """Given up, with the reason; an ordinary failure is none, and after a day it is old."""
    engine.complete("ordinary", "failed", workflow_id="A")
    assert found("dead letters", database_url, server_clock).state == "ok"
    engine.start("A", execution_id="dead")
    make_engine(executor=RecordingExecutor([PermanentDispatchError("never")])).dispatch_due()
    finding = found("dead letters", database_url, server_clock)
    assert finding.state == "problem"
    assert "1 execution ended failed after the last try" in finding.message
    assert "'dead' of 'A' (dispatch_failed)" in finding.message
    server_clock.advance(seconds=86_401)
    assert found("dead letters", database_url, server_clock).state == "ok"
