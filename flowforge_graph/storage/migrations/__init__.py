"""The schema, made and migrated by the engine itself with Alembic, also inside a host's database.

There is no ``env.py`` and no ``alembic.ini``: :func:`upgrade` runs the scripts of ``versions/`` on a connection whose
transaction the caller owns.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, select, table, text
from sqlalchemy import column as sql_column
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import CreateSchema

from flowforge_graph.errors import DatabaseError, DatabaseNewer, TableConflict
from flowforge_graph.storage.tables import SINCE, Tables

FIRST = "0001"
HEAD = "0004"
VERSIONS = Path(__file__).with_name("versions")


def current_version(connection: Connection, tables: Tables) -> str | None:
    """The version that the database is at, or None where our tables were never made."""
    schema = tables.metadata.schema
    if not inspect(connection).has_table(tables.version_table, schema=schema):
        return None
    versions = table(tables.version_table, sql_column("version_num"), schema=schema)
    version: str | None = connection.execute(select(versions.c.version_num)).scalar()
    return version


def upgrade(connection: Connection, tables: Tables, *, prefix: str) -> None:
    """Bring the schema to :data:`HEAD`, inside the caller's transaction; do nothing where it is there already.

    Raises DatabaseNewer where a newer version of this package migrated it, and TableConflict, before anything is
    created, where a table of one of our names exists and is not ours.
    """
    _wait_for_other_migrations(connection, tables)
    version = current_version(connection, tables)
    if version == HEAD:
        return
    if version is not None and version not in known_versions():
        raise DatabaseNewer(
            f"the database is at version {version}, newer than this flowforge-graph knows ({HEAD}): "
            "upgrade the package, or use another database"
        )
    _make_namespace(connection, tables)
    _refuse_foreign_tables(connection, tables, version)
    _run_scripts(connection, tables, prefix)


def _wait_for_other_migrations(connection: Connection, tables: Tables) -> None:
    """Let one process migrate at a time; on SQLite the write transaction does that already."""
    if connection.dialect.name == "postgresql":
        _lock(connection, f"{tables.metadata.schema}.{tables.version_table}")


def _lock(connection: Connection, key: str) -> None:
    """Hold this lock of PostgreSQL's until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": key})


def _make_namespace(connection: Connection, tables: Tables) -> None:
    """Make the PostgreSQL schema that is named, where it is not there; it takes the right to create in the database."""
    name = tables.metadata.schema
    if name is None or inspect(connection).has_schema(name):
        return
    # Two installations in one schema wait for each other here only; each has a lock of its own already.
    _lock(connection, f"schema {name}")
    try:
        connection.execute(CreateSchema(name, if_not_exists=True))
    except ProgrammingError as error:
        raise DatabaseError(
            f"the schema '{name}' is not there and could not be made ({error.orig}): "
            "have it made by somebody who may, with CREATE SCHEMA … AUTHORIZATION …"
        ) from error


def known_versions() -> set[str]:
    """The versions that this package can upgrade from, :data:`HEAD` included."""
    return {path.name.split("_", 1)[0] for path in VERSIONS.glob("[0-9]*_*.py")}


def _refuse_foreign_tables(connection: Connection, tables: Tables, version: str | None) -> None:
    """Refuse a table of a name that the scripts after ``version`` will need."""
    schema = tables.metadata.schema
    to_be_made = {
        table.name
        for table in tables.metadata.tables.values()
        if version is None or table.info.get(SINCE, FIRST) > version
    }
    foreign = sorted(to_be_made & set(inspect(connection).get_table_names(schema=schema)))
    if foreign:
        raise TableConflict(
            f"the database already has a table '{foreign[0]}' that is not flowforge-graph's: "
            "choose a schema or a table_prefix of its own"
        )


def _run_scripts(connection: Connection, tables: Tables, prefix: str) -> None:
    # Alembic costs as much to import as the rest together, and is needed once in a database's life.
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(prefix=prefix, schema=tables.metadata.schema)
    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config, script, fn=lambda revision, _: script._upgrade_revs(HEAD, revision), destination_rev=HEAD
    ) as environment:
        environment.configure(
            connection=connection,
            version_table=tables.version_table,
            version_table_schema=tables.metadata.schema,
            transactional_ddl=False,
        )
        environment.run_migrations()
