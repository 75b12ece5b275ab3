"""The databases that the tests stand on are the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import sqlalchemy

from tests.support.databases import PostgresServer

KEEPER = Path(__file__).parents[1] / "support" / "postgres_process.py"


def test_each_database_starts_empty(database_url: str) -> None:
    """A test finds no table of another test."""
    engine = sqlalchemy.create_engine(database_url)
    try:
        assert sqlalchemy.inspect(engine).get_table_names() == []
    finally:
        engine.dispose()


def test_the_durable_server_syncs(durable_postgres_url: str) -> None:
    """Tests of durability run on a server that syncs every commit."""
    engine = sqlalchemy.create_engine(durable_postgres_url)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SHOW fsync")) == "on"
    engine.dispose()


def test_a_killed_test_run_leaves_no_server() -> None:
    """When a test run dies without a word, its PostgreSQL ends and its files go."""
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    folder = Path(tempfile.mkdtemp(prefix="ffg-killed-"))
    folder.chmod(0o755)
    subprocess.run([sys.executable, KEEPER, folder, str(owner.pid), "fsync=off"], check=True)
    server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    owner.kill()
    owner.communicate()
    while folder.exists():
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


def test_a_database_that_is_used_again_is_empty(postgres_server: PostgresServer) -> None:
    """Whatever a test leaves behind, tables, schemas or a connection, the next one finds nothing of it."""
    with postgres_server.fresh_database() as first:
        engine = sqlalchemy.create_engine(first)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE SCHEMA left_behind CREATE TABLE t (id int)"))
            connection.execute(sqlalchemy.text("CREATE TABLE public.t (id int)"))
        engine.dispose()
    with postgres_server.fresh_database() as again:
        engine = sqlalchemy.create_engine(again)
        assert sqlalchemy.inspect(engine).get_schema_names() == ["information_schema", "public"]
        assert sqlalchemy.inspect(engine).get_table_names() == []
        still_open = engine.connect()
    with postgres_server.fresh_database() as other:
        assert other != again
    still_open.invalidate()
    still_open.close()
    engine.dispose()
