"""API tokens: who may call the REST API.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    """Create the table of tokens."""
    prefix: str = context.config.attributes["prefix"]
    schema: str | None = context.config.attributes["schema"]
    op.create_table(
        f"{prefix}api_tokens",
        sa.Column("seq", _SEQUENCE, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("secret_hash", sa.Text, nullable=False),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("last_used_at", sa.BigInteger),
        sa.UniqueConstraint("id", name=f"uq_{prefix}api_tokens_id"),
        schema=schema,
    )
