"""A look at a database that changes nothing, not even its schema: what the doctor asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Connection, Engine, Table, exists, func, literal, null, or_, select, text
from sqlalchemy.engine import URL

from flowforge_graph.errors import DatabaseError
from flowforge_graph.facts import Facts
from flowforge_graph.storage import migrations, sqlite
from flowforge_graph.storage.changes import Change, ChangeRows, Revision
from flowforge_graph.storage.database import Database
from flowforge_graph.storage.executions import LIVE_STATUSES, execution_of
from flowforge_graph.storage.health import HealthRows
from flowforge_graph.storage.tables import DUE_PENDING, DUE_SCHEDULE, LIVE_CLAIM, AnyRow
from flowforge_graph.storage.triggers import TriggerRows, strict_trigger_of
from flowforge_graph.storage.workflows import WorkflowRows, workflow_of

# Of what waits no more rows are brought: a backlog of millions is a backlog all the same.
MOST_ROWS: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SqliteState:
    """The SQLite that is linked here, and the file. ``path`` is None for one in memory."""

    version: str
    has_wal_fix: bool
    journal_mode: str
    enforces_foreign_keys: bool
    path: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PostgresState:
    """The PostgreSQL server and what it promises. ``seconds`` is its wall clock, in Unix seconds."""

    version: str
    major: int
    isolation: str
    fsync: bool
    synchronous_commit: str
    is_standby: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphRows:
    """The stored graph and the change log, as of one revision."""

    revision: Revision
    workflows: Sequence[AnyRow]
    edges: Sequence[AnyRow]
    log: Sequence[Change]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenClaim:
    """A claim on an execution that has not ended."""

    execution_id: str
    workflow_id: str
    token: str
    renewals: int
    claimed_by: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """An execution or a schedule that waits, since an instant in Unix seconds (None: it has none).

    ``is_for_host``: its workflow has no run, so that no executor of ours takes it; ``is_for_prefect``: only an executor
    of Prefect's does. ``error``: why it could not be started so far.
    """

    id: str
    workflow_id: str
    since: int | None
    is_for_host: bool = False
    is_for_prefect: bool = False
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """An execution that ended failed after its last try."""

    execution_id: str
    workflow_id: str
    reason: str
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableRow:
    """A row that no value can be made of, and why."""

    what: str
    id: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DanglingTrigger:
    """A trigger that names workflows which are not stored."""

    trigger_id: str
    missing_workflow_ids: tuple[str, ...]


def _missing_file(database: Database) -> Path | None:
    name = database.url.database if database.is_sqlite else None
    if not name or name.startswith((":memory:", "file:")) or Path(name).exists():
        return None
    return Path(name)


class Inspection:
    """Questions about one database. ``target`` is a URL or an Engine, as of the engine.

    Nothing is connected before the first question. Every question raises DatabaseError where it cannot be answered. So
    does making one where a SQLite file is missing: to ask would make it.
    """

    def __init__(
        self, target: str | URL | Engine, *, schema: str | None, table_prefix: str, monotonic: Callable[[], float]
    ) -> None:
        self.database = Database(
            target, schema=schema, table_prefix=table_prefix, monotonic=monotonic, facts=Facts(), only_looks=True
        )
        missing = _missing_file(self.database)
        if missing is not None:
            raise DatabaseError(f"there is no file {missing}: correct the URL, or make the database by applying a file")
        self._tables = tables = self.database.tables
        self._workflows, self._triggers, self._changes = WorkflowRows(tables), TriggerRows(tables), ChangeRows(tables)
        self._health = HealthRows(tables)

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    # The database itself

    def schema_version(self) -> str | None:
        """The version that the schema is at; None where our tables were never made."""
        with self.database.read() as connection:
            return migrations.current_version(connection, self._tables)

    def sqlite_state(self) -> SqliteState:
        """The linked SQLite and the file's settings."""
        with self.database.read() as connection:
            ask = connection.exec_driver_sql
            version = str(ask("SELECT sqlite_version()").scalar_one())
            path = next((row[2] for row in ask("PRAGMA database_list") if row[1] == "main"), "")
            return SqliteState(
                version=version,
                has_wal_fix=sqlite.wal_is_safe(tuple(map(int, version.split(".")))),
                journal_mode=str(ask("PRAGMA journal_mode").scalar_one()),
                enforces_foreign_keys=bool(ask("PRAGMA foreign_keys").scalar_one()),
                path=Path(path) if path else None,
            )

    def sqlite_faults(self) -> list[str]:
        """What ``PRAGMA quick_check`` says is wrong with the file, at most 100 lines. Cost: reads the whole file."""
        try:
            with self.database.read() as connection:
                said = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check")]
        except DatabaseError as error:
            if "malformed" not in str(error):
                raise
            # So broken that not even the check gets through it.
            return [str(error)]
        return [] if said == ["ok"] else said

    def postgres_state(self) -> PostgresState:
        """The server and its settings."""
        with self.database.read() as connection:

            def setting(name: str) -> str:
                return str(connection.exec_driver_sql(f"SHOW {name}").scalar_one())

            return PostgresState(
                version=setting("server_version"),
                major=int(setting("server_version_num")) // 10_000,
                isolation=setting("transaction_isolation"),
                fsync=setting("fsync") == "on",
                synchronous_commit=setting("synchronous_commit"),
                is_standby=bool(connection.execute(select(func.pg_is_in_recovery())).scalar_one()),
            )

    def server_time(self) -> float:
        """The wall clock of a PostgreSQL server, in Unix seconds."""
        with self.database.read() as connection:
            return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def newest_creation(self) -> int | None:
        """When the newest execution was created, by the clock of whoever created it, in Unix seconds."""
        columns = self._tables.executions.c
        with self.database.read() as connection:
            created_at: int | None = connection.execute(
                select(columns.created_at).order_by(columns.seq.desc()).limit(1)
            ).scalar()
        return created_at

    # What is defined

    def graph_rows(self) -> GraphRows:
        """The stored workflows and dependency triggers with the log that led to them. Cost: reads all of both."""
        with self.database.read() as connection:

            def look() -> tuple[Sequence[AnyRow], Sequence[AnyRow], Sequence[Change]]:
                newest = self._changes.read(connection).revision
                return (
                    self._workflows.names(connection),
                    self._triggers.edges(connection),
                    self._changes.since(connection, after=-1, up_to=newest),
                )

            revision, (workflows, edges, log) = self._changes.while_unchanged(connection, look)
        return GraphRows(revision=revision, workflows=workflows, edges=edges, log=log)

    def unreadable_rows(self) -> list[UnreadableRow]:
        """The workflows, triggers and living executions of which no value can be made. Cost: reads them all."""
        tables = self._tables
        alive = tables.executions.c.status.in_(LIVE_STATUSES)
        # Rows are trusted where they are used; ``evolve`` looks at every field as if a caller had given it.
        with self.database.read() as connection:
            return [
                *_unreadable(connection, "workflow", tables.workflows, lambda row: workflow_of(row).evolve()),
                *_unreadable(connection, "trigger", tables.triggers, strict_trigger_of),
                *_unreadable(connection, "execution", tables.executions, lambda row: execution_of(row).evolve(), alive),
            ]

    def dangling_triggers(self) -> list[DanglingTrigger]:
        """The triggers whose workflow or upstream is not stored."""
        columns = self._tables.triggers.c
        workflow, upstream = self._tables.workflows.alias("w"), self._tables.workflows.alias("u")
        joined = self._tables.triggers.outerjoin(workflow, workflow.c.id == columns.workflow_id).outerjoin(
            upstream, upstream.c.id == columns.depends_on_workflow_id
        )
        no_upstream = columns.depends_on_workflow_id.is_not(None) & upstream.c.id.is_(None)
        query = (
            select(columns.id, columns.workflow_id, workflow.c.id, columns.depends_on_workflow_id, no_upstream)
            .select_from(joined)
            .where(or_(workflow.c.id.is_(None), no_upstream))
            .order_by(columns.seq)
        )
        with self.database.read() as connection:
            return [
                DanglingTrigger(
                    trigger_id=trigger_id,
                    missing_workflow_ids=(
                        *((workflow_id,) if found is None else ()),
                        *((upstream_id,) if lacks_upstream else ()),
                    ),
                )
                for trigger_id, workflow_id, found, upstream_id, lacks_upstream in connection.execute(query)
            ]

    def runs_of_started_workflows(self) -> list[tuple[str, str | None]]:
        """(id, what kind of run it has or None) of each workflow that an enabled trigger may start."""
        triggers, workflows = self._tables.triggers.c, self._tables.workflows.c
        started = select(triggers.workflow_id).where(triggers.enabled == 1)
        query = select(workflows.id, workflows.run).where(workflows.id.in_(started)).order_by(workflows.id)
        with self.database.read() as connection:
            return [(row.id, next(iter(row.run), None) if row.run else None) for row in connection.execute(query)]

    # What waits

    def late_schedules(self, *, before: int) -> list[Waiting]:
        """The enabled schedules of the engine's whose next run was due before then, or that have none."""
        columns = self._tables.triggers.c
        late = or_(columns.next_run_at < before, columns.next_run_at.is_(None))
        query = select(columns.id, columns.workflow_id, columns.next_run_at).where(text(DUE_SCHEDULE), late)
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(columns.next_run_at, columns.seq).limit(MOST_ROWS)).all()
        return [Waiting(id=row.id, workflow_id=row.workflow_id, since=row.next_run_at) for row in rows]

    def late_executions(self, *, now: int, before: int) -> list[Waiting]:
        """The unclaimed pending executions that might have started before ``before``, the longest waiting first."""
        due = (*self._health.is_due(now), self._health.due_since < before)
        return self._waiting(*due, since=self._health.due_since)

    def put_off_executions(self, *, before: int) -> list[Waiting]:
        """The pending executions, due before ``before``, that wait because their executor is away."""
        columns = self._tables.executions.c
        put_off = (columns.error.is_not(None), columns.dispatch_failures == 0, columns.run_after < before)
        return self._waiting(text(DUE_PENDING), *put_off, since=columns.run_after)

    def _waiting(self, *conditions: Any, since: ColumnElement[int]) -> list[Waiting]:
        columns, workflows = self._tables.executions.c, self._tables.workflows.c
        its_own = workflows.id == columns.workflow_id
        query = (
            select(
                columns.id,
                columns.workflow_id,
                columns.error,
                since.label("since"),
                exists().where(its_own, workflows.run.is_(null())).label("is_for_host"),
                exists().where(its_own, workflows.run["prefect"].as_string().is_not(None)).label("is_for_prefect"),
            )
            .where(*conditions)
            .order_by(since, columns.seq)
            .limit(MOST_ROWS)
        )
        with self.database.read() as connection:
            return [Waiting(**row._mapping) for row in connection.execute(query)]

    def claims(self) -> list[SeenClaim]:
        """All claims on executions that have not ended."""
        columns = self._tables.executions.c
        query = select(
            columns.id, columns.workflow_id, columns.claim_token, columns.claim_renewals, columns.claimed_by
        ).where(text(LIVE_CLAIM))
        with self.database.read() as connection:
            return [
                SeenClaim(
                    execution_id=row.id,
                    workflow_id=row.workflow_id,
                    token=row.claim_token,
                    renewals=row.claim_renewals,
                    claimed_by=row.claimed_by,
                )
                for row in connection.execute(query.order_by(columns.seq))
            ]

    def dead_letters(self, *, since: int) -> list[DeadLetter]:
        """The executions that ended as dead letters since then, newest first."""
        columns = self._tables.executions.c
        query = (
            select(columns.id, columns.workflow_id, columns.reason, columns.error)
            .where(*self._health.is_dead(since))
            .order_by(columns.ended_at.desc(), columns.seq.desc())
            .limit(MOST_ROWS)
        )
        with self.database.read() as connection:
            return [
                DeadLetter(execution_id=row.id, workflow_id=row.workflow_id, reason=row.reason, error=row.error)
                for row in connection.execute(query)
            ]


def _unreadable(
    connection: Connection,
    what: str,
    table: Table,
    value_of: Callable[[AnyRow], object],
    condition: ColumnElement[bool] | None = None,
) -> list[UnreadableRow]:
    key: Column[str] = table.c.id
    ids = list(connection.execute(select(key).where(literal(True) if condition is None else condition)).scalars())
    found: list[UnreadableRow] = []
    waiting = [ids[start : start + 500] for start in range(0, len(ids), 500)]
    while waiting:
        batch = waiting.pop()
        try:
            for row in connection.execute(select(table).where(key.in_(batch))):
                value_of(row)
        except Exception as error:  # noqa: BLE001 - whatever one row stores, the others are still looked at
            if len(batch) == 1:
                found.append(UnreadableRow(what=what, id=str(batch[0]), error=str(error)))
            else:
                # Halves, until the bad row stands alone: a driver may fail on the row before it is ours to read.
                middle = len(batch) // 2
                waiting += [batch[middle:], batch[:middle]]
    return found
