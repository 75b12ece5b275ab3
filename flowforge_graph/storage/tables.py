"""The tables, as SQLAlchemy Core sees them. The migrations create them; a test holds the two against each other.

Instants are integer Unix seconds. ``seq`` breaks every tie: triggers take it under the revision lock, so that its
order is the order of creation. ``executions`` and ``verdicts`` are history: no foreign keys, their own copy of names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Insert,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    UniqueConstraint,
    Update,
    func,
    text,
)

# SQLite numbers rows by itself only in a column declared INTEGER.
Sequence = BigInteger().with_variant(Integer, "sqlite")
Json = JSON(none_as_null=True)

# A row of any columns.
AnyRow = Row[*tuple[Any, ...]]

# What a table's ``info`` says: the migration that brought it, where that is not the first.
SINCE = "since"

# Conditions of partial indexes. Queries repeat them literally: no database proves them from bound parameters.
LIVE_CLAIM = "claim_token IS NOT NULL AND status IN ('pending', 'running')"
DUE_PENDING = "status = 'pending' AND claim_token IS NULL"
RUNNING_ELSEWHERE = "status = 'running' AND external_id IS NOT NULL"
DUE_SCHEDULE = "trigger_type = 'scheduled' AND enabled = 1 AND schedule_owner = 'engine'"
PUBLISHED = "position IS NOT NULL"
UNPUBLISHED = "position IS NULL"


Writing = TypeVar("Writing", Insert, Update)


def of_one_piece(statement: Writing) -> Writing:
    """The statement, which is undone with its whole transaction where it fails, as all of ours are.

    SQLite would journal it apart, to undo it alone, because it fires a trigger of the feed: at twice its price.
    """
    return statement.prefix_with("OR FAIL", dialect="sqlite")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tables:
    """All tables of one installation (one schema and prefix)."""

    metadata: MetaData
    workflows: Table
    triggers: Table
    executions: Table
    verdicts: Table
    schedule_drops: Table
    revision: Table
    changes: Table
    tombstones: Table
    api_tokens: Table
    feed: Table
    external_ends: Table
    cursors: Table
    version_table: str

    def to_empty(self) -> list[Table]:
        """All tables in an order in which they can be emptied: the feed last, which hears of what is deleted before."""
        return [*(table for table in reversed(self.metadata.sorted_tables) if table is not self.feed), self.feed]


@lru_cache(maxsize=64)
def tables_for(schema: str | None = None, prefix: str = "") -> Tables:
    """The tables of the installation that ``schema`` and ``prefix`` name."""
    metadata = MetaData(schema=schema)
    return Tables(
        metadata=metadata,
        workflows=_workflows(metadata, prefix),
        triggers=_triggers(metadata, prefix),
        executions=_executions(metadata, prefix),
        verdicts=_verdicts(metadata, prefix),
        schedule_drops=_schedule_drops(metadata, prefix),
        revision=_revision(metadata, prefix),
        changes=_changes(metadata, prefix),
        tombstones=_tombstones(metadata, prefix),
        api_tokens=_api_tokens(metadata, prefix),
        feed=_feed(metadata, prefix),
        external_ends=_external_ends(metadata, prefix),
        cursors=_cursors(metadata, prefix),
        version_table=f"{prefix}flowforge_graph_version",
    )


def _workflows(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}workflows",
        metadata,
        Column("id", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("description", Text),
        Column("run", Json),
        Column("run_folder", Text),
        Column("tags", Json, nullable=False),
        Column("source", Text),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
    )


def _triggers(metadata: MetaData, prefix: str) -> Table:
    name = f"{prefix}workflow_triggers"
    workflow = f"{metadata.schema}.{prefix}workflows.id" if metadata.schema else f"{prefix}workflows.id"
    table = Table(
        name,
        metadata,
        Column("seq", Sequence, primary_key=True, autoincrement=True),
        Column("id", Text, nullable=False),
        Column("workflow_id", Text, ForeignKey(workflow, name=f"fk_{name}_workflow"), nullable=False),
        Column("trigger_type", Text, nullable=False),
        Column("enabled", Integer, nullable=False, server_default=text("1")),
        Column("trigger_name", Text),
        Column("source", Text),
        Column("cron_expression", Text),
        Column("timezone", Text, server_default=text("'UTC'")),
        Column("misfire_policy", Text),
        Column("schedule_owner", Text),
        Column("planned_until", BigInteger),
        Column("next_run_at", BigInteger),
        Column("last_run_at", BigInteger),
        Column("depends_on_workflow_id", Text, ForeignKey(workflow, name=f"fk_{name}_upstream")),
        Column("dependency_condition", Text),
        Column("delay_minutes", Integer, server_default=text("0")),
        Column("event_type", Text),
        Column("event_config", Json),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        UniqueConstraint("id", name=f"uq_{name}_id"),
        UniqueConstraint("workflow_id", "depends_on_workflow_id", "dependency_condition", name=f"uq_{name}_dependency"),
    )
    scheduled = text("trigger_type = 'scheduled'")
    Index(
        f"uq_{name}_schedule",
        table.c.workflow_id,
        table.c.cron_expression,
        table.c.timezone,
        func.coalesce(table.c.trigger_name, text("''")),
        unique=True,
        sqlite_where=scheduled,
        postgresql_where=scheduled,
    )
    due = text(DUE_SCHEDULE)
    Index(f"ix_{name}_due", table.c.next_run_at, sqlite_where=due, postgresql_where=due)
    Index(f"ix_{name}_upstream", table.c.depends_on_workflow_id)
    event = text("trigger_type = 'event'")
    Index(f"ix_{name}_event", table.c.event_type, sqlite_where=event, postgresql_where=event)
    return table


def _executions(metadata: MetaData, prefix: str) -> Table:
    name = f"{prefix}executions"
    table = Table(
        name,
        metadata,
        Column("seq", Sequence, primary_key=True, autoincrement=True),
        Column("id", Text, nullable=False),
        Column("workflow_id", Text, nullable=False),
        Column("workflow_name", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("trigger_type", Text, nullable=False, server_default=text("'manual'")),
        Column("trigger_id", Text),
        Column("trigger_name", Text),
        Column("dependency_condition", Text),
        Column("delay_minutes", Integer, nullable=False, server_default=text("0")),
        Column("upstream_execution_id", Text),
        Column("upstream_workflow_id", Text),
        Column("caused_by_execution_id", Text),
        Column("root_execution_id", Text, nullable=False),
        Column("hop", Integer, nullable=False, server_default=text("0")),
        Column("cascade_size", Integer, nullable=False, server_default=text("1")),
        Column("fire_time", BigInteger),
        Column("event_key", Text),
        Column("join_key", Text),
        Column("parameters", Json, nullable=False),
        Column("attempt", Integer, nullable=False, server_default=text("0")),
        Column("dispatch_failures", Integer, nullable=False, server_default=text("0")),
        Column("claim_token", Text),
        Column("claim_renewals", Integer, nullable=False, server_default=text("0")),
        Column("claimed_by", Text),
        Column("external_id", Text),
        Column("cancel_requested_at", BigInteger),
        Column("reason", Text),
        Column("error", Text),
        Column("output", Text),
        Column("created_at", BigInteger, nullable=False),
        Column("run_after", BigInteger, nullable=False),
        Column("available_at", BigInteger, nullable=False),
        Column("started_at", BigInteger),
        Column("ended_at", BigInteger),
        Column("duration_ms", BigInteger),
        UniqueConstraint("id", name=f"uq_{name}_id"),
        UniqueConstraint("trigger_id", "upstream_execution_id", name=f"uq_{name}_upstream"),
        UniqueConstraint("trigger_id", "fire_time", name=f"uq_{name}_fire_time"),
        UniqueConstraint("trigger_id", "event_key", name=f"uq_{name}_event_key"),
        UniqueConstraint("trigger_id", "join_key", name=f"uq_{name}_join_key"),
    )
    due, live, elsewhere = text(DUE_PENDING), text(LIVE_CLAIM), text(RUNNING_ELSEWHERE)
    Index(f"ix_{name}_due", table.c.available_at, table.c.seq, sqlite_where=due, postgresql_where=due)
    Index(f"ix_{name}_live_claim", table.c.claim_token, sqlite_where=live, postgresql_where=live)
    Index(f"ix_{name}_elsewhere", table.c.seq, sqlite_where=elsewhere, postgresql_where=elsewhere)
    Index(f"ix_{name}_trigger", table.c.trigger_id, table.c.seq)
    Index(f"ix_{name}_workflow", table.c.workflow_id, table.c.seq)
    Index(f"ix_{name}_root", table.c.root_execution_id, table.c.seq)
    return table


def _verdicts(metadata: MetaData, prefix: str) -> Table:
    return Table(
        f"{prefix}verdicts",
        metadata,
        Column("upstream_execution_id", Text, primary_key=True),
        Column("position", Integer, primary_key=True),
        Column("trigger_id", Text, nullable=False),
        Column("trigger_name", Text),
        Column("workflow_id", Text, nullable=False),
        Column("workflow_name", Text, nullable=False),
        Column("condition", Text, nullable=False),
        Column("delay_minutes", Integer, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("reason", Text),
        Column("execution_id", Text),
        Column("run_after", BigInteger),
    )


def _schedule_drops(metadata: MetaData, prefix: str) -> Table:
    name = f"{prefix}schedule_drops"
    table = Table(
        name,
        metadata,
        Column("seq", Sequence, primary_key=True, autoincrement=True),
        Column("trigger_id", Text, nullable=False),
        Column("workflow_id", Text, nullable=False),
        Column("first_fire_time", BigInteger, nullable=False),
        Column("last_fire_time", BigInteger, nullable=False),
        Column("count", BigInteger, nullable=False),
        Column("reason", Text, nullable=False),
        Column("recorded_at", BigInteger, nullable=False),
    )
    Index(f"ix_{name}_trigger", table.c.trigger_id, table.c.seq)
    return table


def _revision(metadata: MetaData, prefix: str) -> Table:
    """One row: the state that every graph change locks, and the number of the last committed change."""
    return Table(
        f"{prefix}graph_revision",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("epoch", Text, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("compacted_to", BigInteger, nullable=False),
    )


def _changes(metadata: MetaData, prefix: str) -> Table:
    """The change log: dense in ``revision``, which is never taken from a sequence."""
    return Table(
        f"{prefix}graph_changes",
        metadata,
        Column("revision", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Text, nullable=False),
        Column("subject_id", Text, nullable=False),
        Column("payload", Json),
    )


def _tombstones(metadata: MetaData, prefix: str) -> Table:
    """What is left of pruned executions: enough that a late duplicate starts nothing."""
    return Table(
        f"{prefix}tombstones",
        metadata,
        Column("execution_id", Text, primary_key=True),
        Column("workflow_id", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("pruned_at", BigInteger, nullable=False),
    )


def _api_tokens(metadata: MetaData, prefix: str) -> Table:
    """Who may call the API: of each secret only its hash. Nothing is ever deleted, so that an id stays explained."""
    name = f"{prefix}api_tokens"
    return Table(
        name,
        metadata,
        Column("seq", Sequence, primary_key=True, autoincrement=True),
        Column("id", Text, nullable=False),
        Column("name", Text),
        Column("secret_hash", Text, nullable=False),
        Column("scopes", Json, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("expires_at", BigInteger),
        Column("revoked_at", BigInteger),
        Column("last_used_at", BigInteger),
        UniqueConstraint("id", name=f"uq_{name}_id"),
        info={SINCE: "0003"},
    )


def _feed(metadata: MetaData, prefix: str) -> Table:
    """What changed, as the database's own triggers write it.

    PostgreSQL gives a row its ``position`` when it is published, after its commit. On SQLite one process writes at a
    time, ``seq`` is the position, and both indexes stay empty.
    """
    name = f"{prefix}feed"
    table = Table(
        name,
        metadata,
        Column("seq", Sequence, primary_key=True, autoincrement=True),
        Column("position", BigInteger),
        Column("kind", Text, nullable=False),
        Column("change", Text, nullable=False),
        Column("subject_id", Text, nullable=False),
        Column("workflow_id", Text, nullable=False),
        Column("root_execution_id", Text),
        Column("trigger_id", Text),
        Column("recorded_at", BigInteger, nullable=False),
        info={SINCE: "0002"},
    )
    published, unpublished = text(PUBLISHED), text(UNPUBLISHED)
    Index(f"uq_{name}_position", table.c.position, unique=True, sqlite_where=published, postgresql_where=published)
    Index(f"ix_{name}_unpublished", table.c.seq, sqlite_where=published, postgresql_where=unpublished)
    return table


def _external_ends(metadata: MetaData, prefix: str) -> Table:
    """Which execution each run of another engine was: exactly one, and the other way round."""
    name = f"{prefix}external_ends"
    return Table(
        name,
        metadata,
        Column("external_id", Text, primary_key=True),
        Column("run_count", Integer, primary_key=True, autoincrement=False),
        Column("execution_id", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("conflicting_status", Text),
        Column("recorded_at", BigInteger, nullable=False),
        UniqueConstraint("execution_id", name=f"uq_{name}_execution"),
        info={SINCE: "0004"},
    )


def _cursors(metadata: MetaData, prefix: str) -> Table:
    """How far whoever follows another engine has come, in that engine's time."""
    return Table(
        f"{prefix}cursors",
        metadata,
        Column("name", Text, primary_key=True),
        Column("position", BigInteger, nullable=False),
        info={SINCE: "0004"},
    )
