"""The first schema: every column of the contract, so that identity never has to be added later.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Create all tables and indexes."""
    prefix: str = context.config.attributes["prefix"]
    schema: str | None = context.config.attributes["schema"]
    _create_definitions(prefix, schema)
    _create_history(prefix, schema)
    _create_change_log(prefix, schema)


def _create_definitions(prefix: str, schema: str | None) -> None:
    """Workflows and their triggers."""
    home = f"{schema}." if schema else ""
    op.create_table(
        f"{prefix}workflows",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("run", _JSON),
        sa.Column("run_folder", sa.Text),
        sa.Column("tags", _JSON, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        schema=schema,
    )
    op.create_table(
        f"{prefix}workflow_triggers",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column(
            "workflow_id",
            sa.Text,
            sa.ForeignKey(f"{home}{prefix}workflows.id", name=f"fk_{prefix}workflow_triggers_workflow"),
            nullable=False,
        ),
        sa.Column("trigger_type", sa.Text, nullable=False),
        sa.Column("enabled", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("trigger_name", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("cron_expression", sa.Text),
        sa.Column("timezone", sa.Text, server_default=sa.text("'UTC'")),
        sa.Column("misfire_policy", sa.Text),
        sa.Column("schedule_owner", sa.Text),
        sa.Column("planned_until", sa.BigInteger),
        sa.Column("next_run_at", sa.BigInteger),
        sa.Column("last_run_at", sa.BigInteger),
        sa.Column(
            "depends_on_workflow_id",
            sa.Text,
            sa.ForeignKey(f"{home}{prefix}workflows.id", name=f"fk_{prefix}workflow_triggers_upstream"),
        ),
        sa.Column("dependency_condition", sa.Text),
        sa.Column("delay_minutes", sa.Integer, server_default=sa.text("0")),
        sa.Column("event_type", sa.Text),
        sa.Column("event_config", _JSON),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint(
            "workflow_id",
            "depends_on_workflow_id",
            "dependency_condition",
            name=f"uq_{prefix}workflow_triggers_dependency",
        ),
        sa.UniqueConstraint("id", name=f"uq_{prefix}workflow_triggers_id"),
        schema=schema,
    )
    op.create_index(
        f"ix_{prefix}workflow_triggers_due",
        f"{prefix}workflow_triggers",
        ["next_run_at"],
        sqlite_where=sa.text("trigger_type = 'scheduled' AND enabled = 1 AND schedule_owner = 'engine'"),
        postgresql_where=sa.text("trigger_type = 'scheduled' AND enabled = 1 AND schedule_owner = 'engine'"),
        schema=schema,
    )
    op.create_index(
        f"ix_{prefix}workflow_triggers_event",
        f"{prefix}workflow_triggers",
        ["event_type"],
        sqlite_where=sa.text("trigger_type = 'event'"),
        postgresql_where=sa.text("trigger_type = 'event'"),
        schema=schema,
    )
    op.create_index(
        f"ix_{prefix}workflow_triggers_upstream",
        f"{prefix}workflow_triggers",
        ["depends_on_workflow_id"],
        schema=schema,
    )
    op.create_index(
        f"uq_{prefix}workflow_triggers_schedule",
        f"{prefix}workflow_triggers",
        ["workflow_id", "cron_expression", "timezone", sa.text("coalesce(trigger_name, '')")],
        unique=True,
        sqlite_where=sa.text("trigger_type = 'scheduled'"),
        postgresql_where=sa.text("trigger_type = 'scheduled'"),
        schema=schema,
    )


def _create_history(prefix: str, schema: str | None) -> None:
    """Executions, verdicts, dropped fire times, tombstones: no foreign keys."""
    op.create_table(
        f"{prefix}executions",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("workflow_name", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("trigger_type", sa.Text, nullable=False, server_default=sa.text("'manual'")),
        sa.Column("trigger_id", sa.Text),
        sa.Column("trigger_name", sa.Text),
        sa.Column("dependency_condition", sa.Text),
        sa.Column("delay_minutes", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("upstream_execution_id", sa.Text),
        sa.Column("upstream_workflow_id", sa.Text),
        sa.Column("caused_by_execution_id", sa.Text),
        sa.Column("root_execution_id", sa.Text, nullable=False),
        sa.Column("hop", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("cascade_size", sa.Integer, nullable=False, server_default=sa.text("1")),
        sa.Column("fire_time", sa.BigInteger),
        sa.Column("event_key", sa.Text),
        sa.Column("join_key", sa.Text),
        sa.Column("parameters", _JSON, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("dispatch_failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("claim_token", sa.Text),
        sa.Column("claim_renewals", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("claimed_by", sa.Text),
        sa.Column("external_id", sa.Text),
        sa.Column("cancel_requested_at", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("output", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("run_after", sa.BigInteger, nullable=False),
        sa.Column("available_at", sa.BigInteger, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("duration_ms", sa.BigInteger),
        sa.UniqueConstraint("trigger_id", "event_key", name=f"uq_{prefix}executions_event_key"),
        sa.UniqueConstraint("trigger_id", "fire_time", name=f"uq_{prefix}executions_fire_time"),
        sa.UniqueConstraint("id", name=f"uq_{prefix}executions_id"),
        sa.UniqueConstraint("trigger_id", "join_key", name=f"uq_{prefix}executions_join_key"),
        sa.UniqueConstraint("trigger_id", "upstream_execution_id", name=f"uq_{prefix}executions_upstream"),
        schema=schema,
    )
    op.create_index(
        f"ix_{prefix}executions_due",
        f"{prefix}executions",
        ["available_at", "seq"],
        sqlite_where=sa.text("status = 'pending' AND claim_token IS NULL"),
        postgresql_where=sa.text("status = 'pending' AND claim_token IS NULL"),
        schema=schema,
    )
    op.create_index(
        f"ix_{prefix}executions_live_claim",
        f"{prefix}executions",
        ["claim_token"],
        sqlite_where=sa.text("claim_token IS NOT NULL AND status IN ('pending', 'running')"),
        postgresql_where=sa.text("claim_token IS NOT NULL AND status IN ('pending', 'running')"),
        schema=schema,
    )
    op.create_index(f"ix_{prefix}executions_root", f"{prefix}executions", ["root_execution_id", "seq"], schema=schema)
    op.create_index(f"ix_{prefix}executions_trigger", f"{prefix}executions", ["trigger_id", "seq"], schema=schema)
    op.create_index(f"ix_{prefix}executions_workflow", f"{prefix}executions", ["workflow_id", "seq"], schema=schema)
    op.create_table(
        f"{prefix}verdicts",
        sa.Column("upstream_execution_id", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("trigger_id", sa.Text, nullable=False),
        sa.Column("trigger_name", sa.Text),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("workflow_name", sa.Text, nullable=False),
        sa.Column("condition", sa.Text, nullable=False),
        sa.Column("delay_minutes", sa.Integer, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("execution_id", sa.Text),
        sa.Column("run_after", sa.BigInteger),
        schema=schema,
    )
    op.create_table(
        f"{prefix}schedule_drops",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("trigger_id", sa.Text, nullable=False),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("first_fire_time", sa.BigInteger, nullable=False),
        sa.Column("last_fire_time", sa.BigInteger, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        schema=schema,
    )
    op.create_index(
        f"ix_{prefix}schedule_drops_trigger", f"{prefix}schedule_drops", ["trigger_id", "seq"], schema=schema
    )
    op.create_table(
        f"{prefix}tombstones",
        sa.Column("execution_id", sa.Text, primary_key=True),
        sa.Column("workflow_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("pruned_at", sa.BigInteger, nullable=False),
        schema=schema,
    )


def _create_change_log(prefix: str, schema: str | None) -> None:
    """The revision row and the change log."""
    op.create_table(
        f"{prefix}graph_revision",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("compacted_to", sa.BigInteger, nullable=False),
        schema=schema,
    )
    op.create_table(
        f"{prefix}graph_changes",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Text, nullable=False),
        sa.Column("payload", _JSON),
        schema=schema,
    )
