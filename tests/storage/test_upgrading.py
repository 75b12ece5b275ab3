"""An older database is migrated when it is opened, with its rows and beside whatever else it holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import NullPool

from flowforge_graph import DependencyTrigger, ScheduledTrigger, TriggerEngine
from flowforge_graph.errors import TableConflict
from flowforge_graph.observability import examine
from flowforge_graph.storage import migrations
from flowforge_graph.storage.tables import SINCE, tables_for

MakeEngine = Callable[..., TriggerEngine]
HISTORY = ("workflows", "workflow_triggers", "executions", "verdicts", "schedule_drops", "graph_revision")
INSTALLATIONS: list[dict[str, str]] = [{}, {"table_prefix": "Old_1"}, {"schema": 'the "old"', "table_prefix": "p_"}]


def of_this_kind(database_url: str, installation: dict[str, str]) -> dict[str, str]:
    """The installation, without the schema that SQLite cannot have."""
    return {key: word for key, word in installation.items() if key != "schema" or "postgresql" in database_url}


def run(url: str, *statements: str) -> None:
    """Change the database past the engine."""
    host = sqlalchemy.create_engine(url, poolclass=NullPool)
    with host.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def stored(url: str, schema: str | None = None, table_prefix: str = "") -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the first schema's tables."""
    host = sqlalchemy.create_engine(url, poolclass=NullPool)
    by_name = {table.name: table for table in tables_for(schema, table_prefix).metadata.sorted_tables}
    with host.connect() as connection:
        return {
            name: sorted(
                (tuple(row) for row in connection.execute(sqlalchemy.select(by_name[table_prefix + name]))), key=repr
            )
            for name in HISTORY
        }


def make_old(monkeypatch: pytest.MonkeyPatch, url: str, **installation: str) -> None:
    """A database at the first version, in which every family of rows has some."""
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "HEAD", "0001")
        with TriggerEngine(url, **installation) as engine:
            for workflow_id in "ABC":
                engine.create_workflow(workflow_id)
            engine.create_trigger(DependencyTrigger(id="t", workflow_id="B", depends_on_workflow_id="A"))
            engine.create_trigger(ScheduledTrigger(workflow_id="C", cron_expression="0 2 * * *"))
            engine.complete("up", "completed", workflow_id="A")
            engine.start("C", execution_id="waits")
            (claim,) = engine.claim_due()
            engine.mark_running(claim)


@pytest.mark.parametrize("installation", INSTALLATIONS, ids=["bare", "prefix", "schema"])
def test_the_feed_comes_to_a_database_with_rows(
    database_url: str, installation: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored stays as it is and is no news; what happens from then on is told."""
    ours = of_this_kind(database_url, installation)
    if "schema" in ours:
        run(database_url, 'CREATE SCHEMA "the ""old"""')
    make_old(monkeypatch, database_url, **ours)
    before = stored(database_url, **ours)
    with TriggerEngine(database_url, **ours) as engine:
        assert stored(database_url, **ours) == before
        assert (engine.read_events().position, engine.read_events(0).events) == (0, ())
        (pending, running) = sorted(engine.list_executions(), key=lambda e: e.status)[1:]
        engine.complete(running.id, "completed")
        engine.disable_trigger("t")
        engine.cancel(pending.id)
        engine.delete_workflow("B")
        told = [(event.change, event.subject_id) for event in engine.read_events(0).events]
        assert told == [
            ("completed", running.id),
            ("changed", "t"),
            ("cancelled", pending.id),
            ("deleted", "t"),
            ("deleted", "B"),
        ]
    with TriggerEngine(database_url, **ours) as again:
        assert len(again.read_events(0).events) == 5
    findings = {finding.check: finding.state for finding in examine(database_url, **ours)}
    assert (findings["schema"], findings["rows"], findings["graph"]) == ("ok", "ok", "ok")


def test_installations_keep_their_feeds_apart(database_url: str, make_engine: MakeEngine) -> None:
    """Two in one database."""
    one, two = make_engine(table_prefix="one_"), make_engine(table_prefix="two_")
    one.create_workflow("A")
    two.create_workflow("B")
    assert [[event.subject_id for event in engine.read_events(0).events] for engine in (one, two)] == [["A"], ["B"]]


def test_a_writer_who_looks_for_tables_elsewhere_is_told_too(postgres_url: str, make_engine: MakeEngine) -> None:
    """PostgreSQL: the feed is found whatever the search path of whoever writes."""
    engine = make_engine(postgres_url)
    engine.create_workflow("A")
    run(postgres_url, "SET search_path = pg_catalog", "UPDATE public.workflows SET name = 'x'")
    assert [event.change for event in engine.read_events(0).events] == ["created", "changed"]


def test_a_foreign_table_is_refused_before_an_upgrade(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The older database stays as it is, and can be migrated when the table is gone."""
    make_old(monkeypatch, database_url)
    run(database_url, "CREATE TABLE feed (mine text)")
    with pytest.raises(TableConflict, match="a table 'feed' that is not flowforge-graph's"):
        TriggerEngine(database_url)
    run(database_url, "DROP TABLE feed")
    TriggerEngine(database_url).close()


def test_each_table_says_which_version_brought_it() -> None:
    """No script may add a table without a look at what is there: a table's own ``info`` names the script."""
    texts = {path.name[:4]: path.read_text("utf-8") for path in Path(migrations.VERSIONS).glob("[0-9]*_*.py")}
    tables = tables_for().metadata.tables.values()
    for version, text in texts.items():
        brought = [table.name for table in tables if table.info.get(SINCE, migrations.FIRST) == version]
        assert text.count("op.create_table(") == len(brought)
        assert all(f'f"{{prefix}}{name}"' in text for name in brought), version
