"""Fuzz targets: database URLs, and whole command lines."""

from __future__ import annotations

import io
import os
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from flowforge_graph.cli import main
from flowforge_graph.cli.exits import ExitCode, without_password
from flowforge_graph.cli.options import DATABASE_VARIABLE
from flowforge_graph.errors import DatabaseError
from flowforge_graph.storage.database import _open
from tests.fuzz.refusals import accepted
from tests.fuzz.test_values import spoilt
from tests.support.nasty import is_safe, nasty_texts

SECRET = "s3cr3t"
URLS = [
    "sqlite://",
    "sqlite:///flowforge.db",
    "sqlite+pysqlite:///flowforge.db?timeout=5",
    f"postgresql://me:{SECRET}@host:5432/name",
    f"postgresql+psycopg://me:{SECRET}@[::1]/name?sslmode=require",
    f"postgresql:///name?host=/run/x&password={SECRET}",
    "mysql://me@host/name",
    "sqlite:///:memory:",
]


# SQLAlchemy itself warns of a query argument that SQLite does not know, and opens the file without it.
@pytest.mark.filterwarnings("ignore:Query string argument:sqlalchemy.exc.SAWarning")
@given(url=spoilt(st.sampled_from(URLS)) | nasty_texts() | st.text(max_size=80))
def test_database_urls(url: str) -> None:
    """An accepted one opens an engine of SQLite or PostgreSQL (which connects to nothing yet)."""
    engine: Engine | None = accepted(lambda: _open(url, only_looks=False), size=len(url), refusals=(DatabaseError,))
    if engine is not None:
        assert engine.dialect.name in {"sqlite", "postgresql"}
        engine.dispose()


@given(
    before=nasty_texts(),
    after=nasty_texts(),
    password=st.text(st.characters(exclude_categories=["Cc", "Zs", "Cs"], exclude_characters="@/?&#:"), min_size=8),
)
def test_no_password_of_a_url_is_shown(before: str, after: str, password: str) -> None:
    """Wherever in a sentence the URL stands."""
    shown = without_password(f"{before} postgresql://me:{password}@host/name {after}")
    assert f":{password}@" not in shown


COMMANDS = [
    ["workflows", "list"],
    ["workflows", "show"],
    ["workflows", "delete", "--yes"],
    ["triggers", "list"],
    ["triggers", "create", "a", "--type"],
    ["triggers", "update"],
    ["triggers", "delete"],
    ["triggers", "enable"],
    ["triggers", "disable"],
    ["triggers", "history"],
    ["executions", "list"],
    ["executions", "show"],
    ["executions", "cancel"],
    ["graph", "upstream"],
    ["graph", "downstream"],
    ["graph", "check"],
    ["schedule", "preview"],
    ["plan"],
    ["apply"],
    ["export"],
    ["complete"],
    ["prune", "--before"],
    [],
]
OPTIONS = [
    "--json", "--limit", "--status", "--workflow", "--name", "--cron", "--timezone", "--depends-on", "--condition",
    "--delay-minutes", "--event-type", "--event-config", "--count", "--depth", "--source", "--prune", "--error",
    "--yes", "--trigger-type", "--misfire-policy", "--disabled", "--help", "--version", "--",
]  # fmt: skip
GOOD = [
    "a", "b", "manual", "scheduled", "dependency", "event", "0 2 * * *", "@daily", "UTC", "5", "-1", "1e9", "{}",
    '{"a": 1}', "completed", "failed", "2026-01-01T00:00:00Z", "2026-01-01", "flow.yaml", "on_failure", "all",
    "[" * 5_000, "9" * 5_000,
]  # fmt: skip


def command_lines() -> st.SearchStrategy[list[str]]:
    """A command and words after it: options, good values of others, and nasty ones. None that runs a program."""
    words = st.sampled_from(OPTIONS) | st.sampled_from(GOOD) | spoilt(st.sampled_from(GOOD)) | nasty_texts()
    return st.builds(lambda command, rest: [*command, *rest], st.sampled_from(COMMANDS), st.lists(words, max_size=6))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file to apply, and the default database for all examples of a test."""
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    (tmp_path / "flow.yaml").write_text("version: 1\nworkflows: {a: , b: {triggers: [{type: manual}]}}\n")
    return tmp_path


# The examples share the database on purpose: what one wrote is what the next one meets. Each opens it, which takes a
# while: five thousand would take longer than a test may.
@settings(
    max_examples=min(settings.default.max_examples, 1_000),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(words=command_lines())
def test_command_lines(room: Path, words: list[str]) -> None:
    """An exit code of the contract, whole lines, and no traceback, whatever the words."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(room), redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    assert code in set(ExitCode)
    assert "Traceback" not in err.getvalue()
    assert is_safe(out.getvalue())
    assert is_safe(err.getvalue())
    assert set(os.listdir(room)) <= {
        "flow.yaml",
        "flowforge.db",
        "flowforge.db-wal",
        "flowforge.db-shm",
        "flowforge.db-journal",
    }
