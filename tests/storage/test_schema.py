"""The migrations make the tables that the queries expect, beside whatever else the database holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect
from sqlalchemy.engine import make_url

from flowforge_graph import DatabaseError, DependencyTrigger, TriggerEngine
from flowforge_graph.errors import DatabaseNewer, TableConflict
from flowforge_graph.storage import migrations
from flowforge_graph.storage.tables import tables_for

MakeEngine = Callable[..., TriggerEngine]


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """A plain engine on the database."""
    engine = sqlalchemy.create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def table_names(url: str, schema: str | None = None) -> set[str]:
    """The tables of the database."""
    with opened(url) as engine:
        return set(inspect(engine).get_table_names(schema=schema))


def shape(engine: Engine, name: str, schema: str | None = None) -> dict[str, Any]:
    """Columns, keys and indexes of a table, by their names."""
    inspector = inspect(engine)
    return {
        "columns": {
            column["name"]: (str(column["type"]), column["nullable"]) for column in inspector.get_columns(name, schema)
        },
        "primary": inspector.get_pk_constraint(name, schema)["constrained_columns"],
        "unique": {u["name"]: u["column_names"] for u in inspector.get_unique_constraints(name, schema)},
        "foreign": {
            f["name"]: (f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(name, schema)
        },
        "indexes": {i["name"]: (i["column_names"], i["unique"]) for i in _indexes(inspector, name, schema)},
    }


def _indexes(inspector: Any, name: str, schema: str | None) -> list[Any]:
    return [index for index in inspector.get_indexes(name, schema) if not index.get("duplicates_constraint")]


def partial_conditions(engine: Engine) -> dict[str, str]:
    """The text of each index, as the database keeps it."""
    if engine.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    with engine.connect() as connection:
        found = connection.exec_driver_sql(query).all()
    return {name: " ".join(text.replace('"', "").split()) for name, text in found if "graph_version" not in name}


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping")
def test_migrations_make_what_the_tables_say(
    database_url: str, make_engine: MakeEngine, request: pytest.FixtureRequest
) -> None:
    """Column by column, key by key, index by index: the head of the migrations equals the tables."""
    make_engine()
    is_sqlite = database_url.startswith("sqlite")
    other_url = "sqlite://" if is_sqlite else None
    with opened(database_url) as migrated:
        with migrated.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": "flowforge_graph_version"})
            assert compare_metadata(context, tables_for().metadata) == []
        tables = [table.name for table in tables_for().metadata.sorted_tables]
        by_scripts = {name: shape(migrated, name) for name in tables}, partial_conditions(migrated)
        if other_url is None:
            with migrated.begin() as connection:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
        with opened(other_url or database_url) as bare:
            tables_for().metadata.create_all(bare)
            by_tables = {name: shape(bare, name) for name in tables}, partial_conditions(bare)
    assert by_scripts == by_tables


def test_the_head_is_the_newest_script() -> None:
    """The constant that spares opening Alembic each time tells the truth."""
    scripts = sorted(path.name.split("_", 1)[0] for path in migrations.VERSIONS.glob("[0-9]*.py"))
    assert scripts[-1] == migrations.HEAD


def test_opening_again_changes_nothing(database_url: str, make_engine: MakeEngine) -> None:
    """The schema is made once; what is stored stays."""
    make_engine().create_workflow("A")
    before = table_names(database_url)
    assert [workflow.id for workflow in make_engine().list_workflows()] == ["A"]
    assert table_names(database_url) == before


def test_prefixes_keep_installations_apart(database_url: str, make_engine: MakeEngine) -> None:
    """Two in one database, each with its own rows, versions and UNIQUE keys."""
    one, two = make_engine(table_prefix="one_"), make_engine(table_prefix="two_")
    for engine in (one, two):
        engine.create_workflow("A")
        engine.create_workflow("B")
        engine.create_trigger(DependencyTrigger(workflow_id="B", depends_on_workflow_id="A", id="t"))
    one.delete_workflow("B")
    assert [workflow.id for workflow in two.list_workflows()] == ["A", "B"]
    assert len(two.complete("up", "completed", workflow_id="A").triggered) == 1
    assert one.list_executions() == []
    names = table_names(database_url)
    assert len({name for name in names if name.startswith("one_")}) == len(names) / 2
    assert all(name.startswith(("one_", "two_")) for name in names)


@pytest.mark.parametrize("exists", [True, False])
def test_a_schema_keeps_installations_apart(postgres_url: str, make_engine: MakeEngine, exists: bool) -> None:
    """PostgreSQL: one that exists or not; the host's own tables of the same names stay untouched."""
    with opened(postgres_url) as host, host.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE workflows (mine text)")
        if exists:
            connection.exec_driver_sql("CREATE SCHEMA ours")
    engine = make_engine(postgres_url, schema="ours")
    engine.create_workflow("A")
    engine.create_workflow("B")
    engine.create_trigger(DependencyTrigger(workflow_id="B", depends_on_workflow_id="A"))
    assert len(engine.complete("up", "completed", workflow_id="A").triggered) == 1
    assert table_names(postgres_url) == {"workflows"}
    assert "flowforge_graph_version" in table_names(postgres_url, "ours")
    again = make_engine(postgres_url, schema="ours")
    assert again.graph.downstream("A") == ["B"]


@contextmanager
def role_without_rights(url: str) -> Iterator[str]:
    """The same database's URL for somebody who may create nothing in it; gone at the end, with all that is theirs."""
    name = f"somebody_{uuid4().hex}"
    with opened(url) as host:
        with host.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        try:
            yield make_url(url).set(username=name, password="x").render_as_string(hide_password=False)
        finally:
            with host.begin() as connection:
                connection.exec_driver_sql(f"DROP OWNED BY {name} CASCADE")
                connection.exec_driver_sql(f"DROP ROLE {name}")


def test_who_may_make_no_schema_is_told(postgres_url: str) -> None:
    """PostgreSQL: a sentence, and nothing is made; one that somebody else made is enough."""
    with role_without_rights(postgres_url) as url:
        with pytest.raises(
            DatabaseError,
            match=r"^the schema 'ours' is not there and could not be made \(permission denied.*CREATE SCHEMA",
        ):
            TriggerEngine(url, schema="ours")
        with opened(postgres_url) as host, host.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA ours AUTHORIZATION {make_url(url).username}")
        with TriggerEngine(url, schema="ours") as engine:
            engine.create_workflow("A")


def test_several_installations_may_make_one_schema_at_once(postgres_url: str) -> None:
    """PostgreSQL itself says that it is there already, where two make it at the same instant."""
    prefixes = [f"p{number}_" for number in range(8)]
    begin = Barrier(len(prefixes))

    def install(prefix: str) -> None:
        begin.wait()
        TriggerEngine(postgres_url, schema="ours", table_prefix=prefix).close()

    with ThreadPoolExecutor(len(prefixes)) as pool:
        list(pool.map(install, prefixes))
    assert {f"{prefix}workflows" for prefix in prefixes} <= table_names(postgres_url, "ours")


def test_sqlite_has_no_schemas(sqlite_url: str) -> None:
    """It says what to use instead."""
    with pytest.raises(DatabaseError, match="use table_prefix instead of schema"):
        TriggerEngine(sqlite_url, schema="ours")


@pytest.mark.parametrize("table", ["executions", "tombstones", "api_tokens"])
def test_a_foreign_table_is_refused_before_anything_is_made(database_url: str, table: str) -> None:
    """Its name is said, and nothing was created beside it."""
    with opened(database_url) as host, host.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {table} (mine text)")
    with pytest.raises(TableConflict, match=f"a table '{table}' that is not flowforge-graph's"):
        TriggerEngine(database_url)
    assert table_names(database_url) == {table}
    TriggerEngine(database_url, table_prefix="ff_").close()


def test_an_old_database_is_brought_up_to_date_with_its_rows(
    database_url: str, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever version of ours made it: what is stored stays, and what came later works."""
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", migrations.FIRST)
        old = make_engine(table_prefix="ff_")
        old.create_workflow("A")
        old.complete("up", "completed", workflow_id="A")
        assert "ff_api_tokens" not in table_names(database_url)
    engine = make_engine(table_prefix="ff_")
    assert [workflow.id for workflow in engine.list_workflows()] == ["A"]
    assert [execution.id for execution in engine.list_executions()] == ["up"]
    assert engine.list_tokens() == []
    assert engine.authenticate(engine.create_token(["read"]).text) is not None


def test_a_foreign_table_in_the_way_of_an_upgrade_is_refused(
    database_url: str, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old database whose host has a table of a name that a later version takes: nothing is changed."""
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "HEAD", migrations.FIRST)
        make_engine().create_workflow("A")
    with opened(database_url) as host, host.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE api_tokens (mine text)")
    before = table_names(database_url)
    with pytest.raises(TableConflict, match="a table 'api_tokens' that is not flowforge-graph's"):
        TriggerEngine(database_url)
    assert table_names(database_url) == before
    with opened(database_url) as engine, engine.connect() as connection:
        version = connection.exec_driver_sql("SELECT version_num FROM flowforge_graph_version").scalar()
    assert version == migrations.FIRST


def test_a_newer_database_is_refused(database_url: str, make_engine: MakeEngine) -> None:
    """And left alone."""
    make_engine().close()
    with opened(database_url) as engine, engine.begin() as connection:
        connection.exec_driver_sql("UPDATE flowforge_graph_version SET version_num = '9999'")
    with pytest.raises(DatabaseNewer, match="the database is at version 9999, newer than this flowforge-graph"):
        TriggerEngine(database_url)
    with opened(database_url) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM flowforge_graph_version").scalar() == "9999"
