"""Checks of the database itself: its schema, its software, its file and its clock."""

from __future__ import annotations

import shutil
from typing import Final

from flowforge_graph.observability.findings import Finding, counted, ok, problem, quoted, warning
from flowforge_graph.observability.look import Look
from flowforge_graph.storage import migrations, to_seconds

_MIB: Final = 2**20
# The oldest PostgreSQL that its makers still mend.
_OLDEST_POSTGRES: Final = 14


def database(look: Look) -> Finding:
    """Does it answer?"""
    look.ask.schema_version()
    return ok("database", f"{look.ask.database.name} answers")


def schema(look: Look) -> Finding:
    """Are our tables there, and of this package's version?"""
    version = look.ask.schema_version()
    if version is None:
        return problem("schema", "the database holds no tables of flowforge-graph: correct the URL, or apply a file")
    if version == migrations.HEAD:
        return ok("schema", f"at version {version}, that of this package")
    if version in migrations.known_versions():
        return problem("schema", f"at version {version}, older than {migrations.HEAD}: any other command upgrades it")
    return problem("schema", f"at version {version}, newer than this package knows ({migrations.HEAD}): upgrade it")


def sqlite(look: Look) -> Finding:
    """Is the linked SQLite safe for the journal that the file has?"""
    state = look.ask.sqlite_state()
    journal = state.journal_mode.lower()
    if not state.enforces_foreign_keys:
        return problem("sqlite", f"SQLite {state.version} was built without foreign keys: use another build")
    if journal == "wal" and not state.has_wal_fix:
        return problem(
            "sqlite",
            f"the file has a write-ahead log, which SQLite {state.version} can lose rows from: install"
            " 'flowforge-graph[sqlite]' wherever the file is used, or stop all that use it and run any command",
        )
    if not state.has_wal_fix:
        return warning(
            "sqlite",
            f"SQLite {state.version} lacks the WAL-reset fix, so that the slower rollback journal is used: pip"
            " install 'flowforge-graph[sqlite]' brings a fixed one",
        )
    if journal == "delete":
        return warning(
            "sqlite",
            f"SQLite {state.version}, with the slower rollback journal: the write-ahead log comes when a command"
            " opens the file while no other process uses it",
        )
    return ok("sqlite", f"SQLite {state.version} with the WAL-reset fix, journal mode {journal}, foreign keys on")


def integrity(look: Look) -> Finding:
    """Is the file whole?"""
    faults = look.ask.sqlite_faults()
    if not faults:
        return ok("integrity", "PRAGMA quick_check finds no fault in the file")
    return problem(
        "integrity",
        f"PRAGMA quick_check finds {counted(len(faults), 'fault')} ({quoted(faults[0])}): stop all that use the"
        " file, keep a copy, and restore a backup or run sqlite3's .recover",
    )


def disk(look: Look) -> Finding:
    """Is there room for the file to grow?"""
    path = look.ask.sqlite_state().path
    if path is None:
        return ok("disk", "the database is in memory")
    free = shutil.disk_usage(path.parent).free // _MIB
    message = f"{free:,} MiB are free in {quoted(str(path.parent))}"
    if free < look.limits.no_space_mib:
        return problem("disk", f"{message}: make room before writes fail, 'flowforge-graph prune' removes history")
    if free < look.limits.little_space_mib:
        return warning("disk", f"{message}: make room soon, 'flowforge-graph prune' removes history")
    return ok("disk", message)


def postgresql(look: Look) -> Finding:
    """Does the server keep what it was told, and does it take writes?"""
    state = look.ask.postgres_state()
    if state.is_standby:
        return problem("postgresql", "the server is a standby and takes no writes: use the URL of the primary")
    if state.isolation != "read committed":
        message = f"transactions are {state.isolation} in spite of what was asked: look for a pooler that sets it"
        return problem("postgresql", message)
    if not state.fsync:
        return problem("postgresql", "fsync is off, a power cut can destroy the database: set fsync = on")
    if state.synchronous_commit == "off":
        return warning(
            "postgresql",
            "synchronous_commit is off: a crash of the server can lose completions that were answered; set it on",
        )
    if state.major < _OLDEST_POSTGRES:
        return warning("postgresql", f"PostgreSQL {state.version} gets no fixes any more: upgrade the server")
    return ok("postgresql", f"PostgreSQL {state.version}, read committed, every commit is synced")


def clocks(look: Look) -> Finding:
    """Do the clocks of this machine, of the server and of whoever started executions agree?"""
    skew = 0.0 if look.ask.database.is_sqlite else _skew(look)
    if abs(skew) > look.limits.skew_warning_seconds:
        side = "behind" if skew > 0 else "ahead of"
        message = f"this machine's clock is {abs(skew):.1f} s {side} the server's: synchronise both (NTP)"
        is_bad = abs(skew) > look.limits.skew_problem_seconds
        return problem("clock", message) if is_bad else warning("clock", message)
    newest = look.ask.newest_creation()
    ahead = 0 if newest is None else newest - to_seconds(look.clock.now())
    if ahead > look.limits.skew_problem_seconds:
        return problem(
            "clock",
            f"the newest execution was created {ahead:,} s from now: a clock was set back, or that of another"
            " machine is wrong; synchronise them (NTP)",
        )
    return ok("clock", "the clocks agree" if look.ask.database.is_sqlite else f"{abs(skew):.1f} s from the server's")


def _skew(look: Look) -> float:
    """By how many seconds the server's clock is ahead of this machine's, half the way there and back aside."""
    before = look.clock.now().timestamp()
    server = look.ask.server_time()
    return server - (before + look.clock.now().timestamp()) / 2
