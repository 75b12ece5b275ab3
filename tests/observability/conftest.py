"""The engine's cheap databases serve here as well."""

from __future__ import annotations

from tests.engine.conftest import migrated_postgres_url, postgres_url, sqlite_url

__all__ = ["migrated_postgres_url", "postgres_url", "sqlite_url"]
