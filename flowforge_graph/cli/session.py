"""What one command works with: its database, opened late, and the form of its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flowforge_graph.cli.exits import Refusal, say, without_password
from flowforge_graph.cli.output import print_json
from flowforge_graph.cli.prefect import prefect_if_needed, say_what_did_not_follow
from flowforge_graph.cli.text import shown

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine
    from flowforge_graph.engine.protocols import Deployments, Executor

IN_MEMORY = "sqlite://"
_URL = re.compile(r"(sqlite|postgresql)(\+\w+)?://")
_SQLITE_FILE = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>[^?]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """The common options of one command."""

    database: str
    as_json: bool = False

    def answer(self, document: Any, show: Callable[[], None]) -> None:
        """Print ``document`` where JSON is asked for, else call ``show``."""
        if self.as_json:
            print_json(document)
        else:
            show()

    @contextmanager
    def engine(
        self, executor: Executor | None = None, *, may_create: bool = False, deployments: Deployments | None = None
    ) -> Iterator[TriggerEngine]:
        """The engine on this session's database, closed at the end.

        Without ``deployments``, those of the Prefect that ``PREFECT_API_URL`` names, asked only where it is needed.

        Only a command that brings workflows or tokens into being may create a SQLite file, or our tables in a database
        that has none (``may_create``). Any other finds it as empty as it would be, and leaves nothing behind.
        """
        _refuse_other_urls(self.database)
        from flowforge_graph.engine import TriggerEngine

        url = self._existing_or(may_create=may_create)
        with (
            prefect_if_needed() as late,
            TriggerEngine(url, executor=executor, deployments=deployments or late) as engine,
        ):
            if executor is None:
                # Commands that run executions show such log lines anyway.
                engine.subscribe(say_what_did_not_follow)
            yield engine

    @property
    def accepted_url(self) -> str:
        """The database URL. Raises Refusal for one of no kind that this package opens."""
        _refuse_other_urls(self.database)
        return self.database

    @property
    def is_missing(self) -> bool:
        """Whether the database is a SQLite file that does not exist."""
        path = sqlite_path(self.database)
        return path is not None and not path.exists()

    def _existing_or(self, *, may_create: bool) -> str:
        if may_create or (nothing := self._nothing_there()) is None:
            return self.database
        say(f"note: {nothing} yet")
        return IN_MEMORY

    def _nothing_there(self) -> str | None:
        """What is missing; None where the database has our tables."""
        if self.is_missing:
            return f"there is no database at {shown(str(sqlite_path(self.database)))}"
        from flowforge_graph.observability.doctor import has_our_tables

        return None if has_our_tables(self.database) else f"{shown(without_password(self.database))} has no workflows"


def sqlite_path(url: str) -> Path | None:
    """The file that a SQLite URL names; None where the URL names no plain file."""
    match = _SQLITE_FILE.match(url)
    if match is None or match["path"] == ":memory:" or match["path"].startswith("file:"):
        return None
    return Path(unquote(match["path"]))


def _refuse_other_urls(url: str) -> None:
    if not _URL.match(url):
        raise Refusal(f"the database URL must begin with sqlite:/// or postgresql://, not {without_password(url)!r}")
