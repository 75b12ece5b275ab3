"""One database: faults are one sentence, the host's own engines serve, and a fault keeps nothing half written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import NullPool, StaticPool, create_engine

from flowforge_graph import DatabaseError, DependencyTrigger, InvalidExecution, TriggerEngine
from flowforge_graph.engine import SystemClock
from flowforge_graph.storage import sqlite
from flowforge_graph.storage.database import Database
from flowforge_graph.testing import FixedClock

MakeEngine = Callable[..., TriggerEngine]


def use(engine: TriggerEngine) -> None:
    """A little of everything."""
    engine.create_workflow("A")
    engine.create_workflow("B")
    engine.create_trigger(DependencyTrigger(workflow_id="B", depends_on_workflow_id="A"))
    engine.complete("up", "completed", workflow_id="A")
    (claim,) = engine.claim_due()
    engine.complete(claim.execution_id, "completed", claim=claim)
    assert len(engine.list_executions(status="completed")) == 2


# Targets


def test_a_host_may_bring_its_own_engine(database_url: str, clock: FixedClock) -> None:
    """With its own isolation level and pool; it stays open afterwards, and its own settings stay."""
    isolation = "SERIALIZABLE"
    host = create_engine(database_url, isolation_level=isolation, poolclass=NullPool)
    with TriggerEngine(host, clock=clock) as engine:
        use(engine)
    with host.connect() as connection:
        assert connection.get_isolation_level() == isolation
        assert connection.exec_driver_sql("SELECT count(*) FROM executions").scalar() == 2
    host.dispose()


@pytest.mark.parametrize("where", ["memory", "database", "host's"])
def test_a_closed_engine_says_that_it_is_closed(database_url: str, where: str) -> None:
    """Reading and writing; an empty database in memory opened anew would speak of tables that are not there."""
    host = create_engine(database_url)
    engine = TriggerEngine({"memory": "sqlite://", "database": database_url, "host's": host}[where])
    engine.create_workflow("A")
    engine.close()
    for ask in (engine.list_workflows, lambda: engine.create_workflow("B"), engine.tick):
        with pytest.raises(DatabaseError, match=r"^this engine on .* is closed: open another one$"):
            ask()
    engine.close()
    host.dispose()


def test_a_host_may_bring_an_engine_in_autocommit(database_url: str, clock: FixedClock) -> None:
    """Our transactions are transactions all the same."""
    host = create_engine(database_url, isolation_level="AUTOCOMMIT")
    with TriggerEngine(host, clock=clock) as engine:
        use(engine)
        with pytest.raises(DatabaseError):
            engine._context.store.database.run(_write_and_fail)
        assert engine.list_workflows()[0].id == "A"
        assert len(engine.list_workflows()) == 2
    host.dispose()


def _write_and_fail(connection: Any) -> None:
    connection.exec_driver_sql(
        "INSERT INTO workflows (id, name, tags, created_at, updated_at) VALUES ('C', 'C', '[]', 1, 1)"
    )
    connection.exec_driver_sql("SELECT nonsense FROM nowhere")


def test_a_host_may_bring_one_shared_connection(clock: FixedClock) -> None:
    """A StaticPool in memory: two engines on it, from many threads."""
    host = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    one, two = TriggerEngine(host, clock=clock), TriggerEngine(host, clock=clock)
    one.create_workflow("A")
    _from_threads(8, lambda n: (one, two)[n % 2].complete(f"e{n}", "completed", workflow_id="A"))
    assert len(two.list_executions()) == 8
    host.dispose()


def test_a_database_in_memory_serves_many_threads(clock: FixedClock) -> None:
    """``sqlite://`` is one database for all threads of its engine, and reads see no half written transaction."""
    with TriggerEngine("sqlite://", clock=clock) as engine:
        engine.create_workflow("A")
        engine.create_workflow("B")
        engine.create_trigger(DependencyTrigger(workflow_id="B", depends_on_workflow_id="A"))

        def work(number: int) -> None:
            engine.complete(f"e{number}", "completed", workflow_id="A")
            assert len(engine.get_verdicts(f"e{number}")) == 1

        _from_threads(8, work)
        assert len(engine.list_executions("B")) == 8


def _from_threads(count: int, work: Callable[[int], object]) -> None:
    broken: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []


def test_the_systems_clock_is_the_default(sqlite_url: str) -> None:
    """Aware, in UTC, and its monotonic side never goes back."""
    with TriggerEngine(sqlite_url) as engine:
        engine.create_workflow("A")
        assert engine.start("A").created_at.tzinfo is not None
    clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()


# Faults


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("mysql://x@y/z", "the database must be SQLite or PostgreSQL, not mysql"),
        ("nonsense", "the database URL 'nonsense' cannot be used"),
        ("", "the database URL '' cannot be used"),
        ("nosuch://x", "the database must be SQLite or PostgreSQL, not nosuch"),
        (5, "the database URL '5' cannot be used"),
        ("oracle://x@y/z", "the database must be SQLite or PostgreSQL, not oracle"),
        ("postgresql://h:notaport/x", "the database URL 'postgresql://h:notaport/x' cannot be used"),
        ("postgresql://ann:geheim@h:notaport/x", r"the database URL 'postgresql://ann:\*\*\*@h:notaport/x' cannot be"),
    ],
)
def test_a_bad_url_is_one_sentence(target: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was handed over."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseError, match=message) as refused:
        TriggerEngine(target)
    assert "\n" not in str(refused.value)


def test_a_password_is_never_said(tmp_path: Path) -> None:
    """Neither in messages nor in the engine's name."""
    url = f"postgresql+psycopg://user:geheim@/nothing?host={tmp_path}"
    with pytest.raises(DatabaseError) as refused:
        TriggerEngine(url)
    assert "geheim" not in str(refused.value)
    assert "***" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    """One sentence with the path."""
    with pytest.raises(DatabaseError, match="unable to open database file") as refused:
        TriggerEngine(f"sqlite:///{tmp_path}")
    assert str(tmp_path) in str(refused.value)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    """It is not created."""
    with pytest.raises(DatabaseError, match="unable to open database file"):
        TriggerEngine(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")
    assert list(tmp_path.iterdir()) == []


def test_a_corrupt_file_is_said(tmp_path: Path) -> None:
    """And left as it is."""
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database " * 500)
    with pytest.raises(DatabaseError, match="file is not a database"):
        TriggerEngine(f"sqlite:///{path}")
    assert path.read_bytes() == b"this is no database " * 500


def test_a_read_only_database_can_be_read(sqlite_url: str, tmp_path: Path) -> None:
    """Each write is refused by one sentence."""
    with TriggerEngine(sqlite_url) as engine:
        engine.create_workflow("A")
    path = sqlite_url.removeprefix("sqlite:///")
    with TriggerEngine(f"sqlite:///file:{path}?mode=ro&uri=true") as engine:
        assert engine.get_workflow("A").id == "A"
        for write in (lambda: engine.create_workflow("B"), lambda: engine.start("A")):
            with pytest.raises(DatabaseError, match="readonly database"):
                write()
    with pytest.raises(DatabaseError, match=r"unable to open|readonly"):
        TriggerEngine(f"sqlite:///file:{tmp_path / 'new.db'}?mode=ro&uri=true")


def test_a_locked_database_is_said(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After having waited for its turn; reading goes on, and the next try succeeds."""
    with TriggerEngine(sqlite_url) as engine:
        engine.create_workflow("A")
        monkeypatch.setattr(sqlite, "_MAX_POLLS", 3)
        # The same library as the engine's: two in one process do not see each other's locks.
        other = sqlite._driver().connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="database is locked"):
            engine.start("A", execution_id="one")
        assert engine.list_executions() == []
        other.execute("ROLLBACK")
        other.close()
        assert engine.start("A", execution_id="one").status == "pending"


def test_a_full_database_is_said(sqlite_url: str) -> None:
    """Nothing half written; what fits afterwards is stored."""
    with TriggerEngine(sqlite_url) as engine:
        engine.create_workflow("A")
        with engine._context.store.database.read() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            pages = raw.cursor().execute("PRAGMA page_count").fetchone()[0]
            raw.cursor().execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DatabaseError, match="full"):
            engine.complete_many(
                [
                    {"execution_id": f"e{n}", "status": "failed", "workflow_id": "A", "error": "x" * 9_000}
                    for n in range(50)
                ]
            )
        assert engine.list_executions() == []
        with engine._context.store.database.read() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.cursor().execute("PRAGMA max_page_count = 1000000")
        assert engine.complete("e", "failed", workflow_id="A").status == "failed"


def test_a_refused_opening_leaves_nothing_open(database_url: str) -> None:
    """Neither a connection nor a file: warnings are errors here, and PostgreSQL can drop the database."""
    with pytest.raises(InvalidExecution, match="lease_seconds must be a number above 0, not 0"):
        TriggerEngine(database_url, lease_seconds=0)
    with pytest.raises(InvalidExecution, match="there is no setting 'lease'"):
        TriggerEngine(database_url, lease=5)


def test_a_fault_that_may_pass_is_tried_again(make_engine: MakeEngine) -> None:
    """A transaction that another one made impossible is decided anew; any other fault is said at once."""
    database: Database = make_engine()._context.store.database
    tries: list[int] = []

    def work(connection: Any) -> int:
        tries.append(1)
        if len(tries) < 3:
            _insert_twice(connection)
        return len(tries)

    assert database.run(work) == 3
    tries.clear()

    def hopeless(connection: Any) -> None:
        tries.append(1)
        connection.exec_driver_sql("SELECT nonsense FROM nowhere")

    with pytest.raises(DatabaseError, match="nowhere"):
        database.run(hopeless)
    assert len(tries) == 1
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM workflows").scalar() == 0


def _insert_twice(connection: Any) -> None:
    for _ in range(2):
        connection.exec_driver_sql(
            "INSERT INTO workflows (id, name, tags, created_at, updated_at) VALUES ('C', 'C', '[]', 1, 1)"
        )
