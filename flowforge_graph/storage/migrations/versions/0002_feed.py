"""The feed: a row for each change of an execution, a trigger or a workflow, written by the database itself.

Revision ID: 0002
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# What a user can change; the instants that a tick moves are not among them.
_OF_WORKFLOWS = ("id", "name", "description", "run", "run_folder", "tags", "source")
_OF_TRIGGERS = (
    "id",
    "workflow_id",
    "trigger_type",
    "enabled",
    "trigger_name",
    "source",
    "cron_expression",
    "timezone",
    "misfire_policy",
    "schedule_owner",
    "depends_on_workflow_id",
    "dependency_condition",
    "delay_minutes",
    "event_type",
    "event_config",
)
_JSON = ("run", "tags", "event_config")
# Two triggers that swap a UNIQUE key give it up first: that step is nobody's change.
_HAS_ITS_KEY = (
    "(NEW.trigger_type <> 'dependency' OR NEW.dependency_condition IS NOT NULL) "
    "AND (NEW.trigger_type <> 'scheduled' OR NEW.cron_expression IS NOT NULL)"
)
_INSERT = (
    "INSERT INTO {feed} (kind, change, subject_id, workflow_id, root_execution_id, trigger_id, recorded_at) "
    "VALUES ({values})"
)
_ON_SQLITE = "CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when} BEGIN {insert}; END"
_FUNCTION = "CREATE FUNCTION {home}{name}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {insert}; RETURN NULL; END$$"
_ON_POSTGRESQL = "CREATE TRIGGER {name} AFTER {event} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {home}{name}()"


class _Told(NamedTuple):
    """A change to a table of which the feed is told, and the row that it gets."""

    name: str
    table: str
    event: str
    values: str
    condition: str = ""


def upgrade() -> None:
    """Create the table, then what fills it, in the order in which every transaction locks the tables."""
    prefix: str = context.config.attributes["prefix"]
    schema: str | None = context.config.attributes["schema"]
    _create_table(prefix, schema)
    differs = "IS NOT" if op.get_bind().dialect.name == "sqlite" else "IS DISTINCT FROM"
    for told in (*_of_workflows(differs), *_of_triggers(differs), *_of_executions(differs)):
        _create_trigger(told, prefix, schema)


def _create_table(prefix: str, schema: str | None) -> None:
    """On SQLite, where ``seq`` is the position, both indexes stay empty."""
    op.create_table(
        f"{prefix}feed",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("position", sa.BigInteger),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("root_execution_id", sa.Text),
        sa.Column("trigger_id", sa.Text),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        schema=schema,
    )
    op.create_index(
        f"uq_{prefix}feed_position",
        f"{prefix}feed",
        ["position"],
        unique=True,
        sqlite_where=sa.text("position IS NOT NULL"),
        postgresql_where=sa.text("position IS NOT NULL"),
        schema=schema,
    )
    op.create_index(
        f"ix_{prefix}feed_unpublished",
        f"{prefix}feed",
        ["seq"],
        sqlite_where=sa.text("position IS NOT NULL"),
        postgresql_where=sa.text("position IS NULL"),
        schema=schema,
    )


def _of_workflows(differs: str) -> Iterator[_Told]:
    values = "'workflow', '{change}', {row}.id, {row}.id, NULL, NULL, {row}.updated_at"
    changed = _update_of(_OF_WORKFLOWS), values.format(change="changed", row="NEW"), _any(_OF_WORKFLOWS, differs)
    yield _Told("feed_workflow_created", "workflows", "INSERT", values.format(change="created", row="NEW"))
    yield _Told("feed_workflow_changed", "workflows", *changed)
    yield _Told("feed_workflow_deleted", "workflows", "DELETE", values.format(change="deleted", row="OLD"))


def _of_triggers(differs: str) -> Iterator[_Told]:
    table = "workflow_triggers"
    values = "'trigger', '{change}', {row}.id, {row}.workflow_id, NULL, {row}.id, {row}.updated_at"
    condition = f"({_any(_OF_TRIGGERS, differs)}) AND {_HAS_ITS_KEY}"
    changed = _update_of(_OF_TRIGGERS), values.format(change="changed", row="NEW"), condition
    yield _Told("feed_trigger_created", table, "INSERT", values.format(change="created", row="NEW"))
    yield _Told("feed_trigger_changed", table, *changed)
    yield _Told("feed_trigger_deleted", table, "DELETE", values.format(change="deleted", row="OLD"))


def _of_executions(differs: str) -> Iterator[_Told]:
    values = (
        "'execution', NEW.status, NEW.id, NEW.workflow_id, NEW.root_execution_id, NEW.trigger_id, coalesce({instants})"
    )
    created = values.format(instants="NEW.ended_at, NEW.started_at, NEW.created_at")
    # One that is handed back is pending as it was: of its attempt, which has no end, the start is known.
    changed = values.format(instants="NEW.ended_at, NEW.started_at, OLD.started_at, NEW.created_at")
    yield _Told("feed_execution_created", "executions", "INSERT", created)
    yield _Told("feed_execution_changed", "executions", "UPDATE OF status", changed, _any(("status",), differs))


def _update_of(columns: tuple[str, ...]) -> str:
    return f"UPDATE OF {', '.join(columns)}"


def _any(columns: tuple[str, ...], differs: str) -> str:
    return " OR ".join(f"{_compared('OLD', name)} {differs} {_compared('NEW', name)}" for name in columns)


def _compared(row: str, name: str) -> str:
    # PostgreSQL cannot compare JSON.
    return f"CAST({row}.{name} AS TEXT)" if name in _JSON else f"{row}.{name}"


def _create_trigger(told: _Told, prefix: str, schema: str | None) -> None:
    connection = op.get_bind()
    quote = connection.dialect.identifier_preparer.quote_identifier
    is_sqlite = connection.dialect.name == "sqlite"
    # By its full name: whoever writes may look for tables elsewhere.
    schema = schema if is_sqlite or schema else connection.exec_driver_sql("SELECT current_schema()").scalar_one()
    home = f"{quote(schema)}." if schema else ""
    words = {
        "name": quote(f"{prefix}{told.name}"),
        "home": home,
        "table": f"{home}{quote(f'{prefix}{told.table}')}",
        "event": told.event,
        "when": f"WHEN ({told.condition})" if told.condition else "",
        "insert": _INSERT.format(feed=f"{home}{quote(f'{prefix}feed')}", values=told.values),
    }
    for statement in (_ON_SQLITE,) if is_sqlite else (_FUNCTION, _ON_POSTGRESQL):
        connection.exec_driver_sql(statement.format(**words))
