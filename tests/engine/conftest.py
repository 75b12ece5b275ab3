"""The engine's tests have cheap databases."""

from __future__ import annotations

from tests.support.cheap_databases import (
    migrated_postgres_url,
    postgres_url,
    sqlite_url,
)

__all__ = ["migrated_postgres_url", "postgres_url", "sqlite_url"]
