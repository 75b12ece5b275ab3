"""Log lines of the package on stderr, for as long as one command runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flowforge_graph.cli.exits import say, without_password
from flowforge_graph.cli.text import shown

_LOGGER = logging.getLogger("flowforge_graph")


class _StderrLines(logging.Handler):
    """One line a record, on whatever stderr is at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.levelname.lower()}: {without_password(shown(record.getMessage()))}")


@contextmanager
def log_lines_on_stderr(level: int) -> Iterator[None]:
    """Show log lines of at least ``level``. What was set before is set again at the end."""
    handler, before = _StderrLines(level), _LOGGER.level
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(min(level, before or logging.WARNING))
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _LOGGER.setLevel(before)
