"""Runs of other engines: which execution each was, which still run there, and how far their ends were followed.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of ends and cursors, and the index of what runs elsewhere."""
    prefix: str = context.config.attributes["prefix"]
    schema: str | None = context.config.attributes["schema"]
    op.create_table(
        f"{prefix}external_ends",
        sa.Column("external_id", sa.Text, primary_key=True),
        sa.Column("run_count", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("conflicting_status", sa.Text),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("execution_id", name=f"uq_{prefix}external_ends_execution"),
        schema=schema,
    )
    op.create_table(
        f"{prefix}cursors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        schema=schema,
    )
    elsewhere = sa.text("status = 'running' AND external_id IS NOT NULL")
    op.create_index(
        f"ix_{prefix}executions_elsewhere",
        f"{prefix}executions",
        ["seq"],
        schema=schema,
        sqlite_where=elsewhere,
        postgresql_where=elsewhere,
    )
