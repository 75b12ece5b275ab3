"""Databases for many small tests: the schema is made once in a process, and copied for each."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from flowforge_graph.engine import TriggerEngine


def fresh_database(folder: Path, name: str = "flowforge.db") -> str:
    """The URL of a new SQLite file in ``folder``, with the schema and no rows. Costs a write of some 200 kB."""
    path = folder / name
    path.write_bytes(_migrated())
    return f"sqlite:///{path}"


@cache
def _migrated() -> bytes:
    """What is in a SQLite file with our schema and no rows."""
    with tempfile.TemporaryDirectory(prefix="flowforge-") as folder:
        path = Path(folder) / "migrated.db"
        TriggerEngine(f"sqlite:///{path}").close()
        return path.read_bytes()
