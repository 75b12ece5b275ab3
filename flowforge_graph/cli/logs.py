"""Log lines of the package on stderr, for as long as one command runs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from flowforge_graph.cli.exits import say, without_password
from flowforge_graph.cli.text import shown
from flowforge_graph.facts.catalogue import DatabaseUnreachable

_LOGGER = logging.getLogger("flowforge_graph")
_SERVERS_LOGGER = logging.getLogger("uvicorn.error")


class _StderrLines(logging.Handler):
    """One line a record, on whatever stderr is at that moment: a sentence, or JSON where a formatter is set."""

    def emit(self, record: logging.LogRecord) -> None:
        if self.formatter is not None:
            say(self.formatter.format(record))
        elif getattr(record, "event", None) != DatabaseUnreachable.event:
            # What no database answered is the error that the command itself ends with, or tries again after.
            say(f"{record.levelname.lower()}: {without_password(shown(record.getMessage().strip()))}")
            if record.exc_info and record.name == _SERVERS_LOGGER.name:
                # A bug of ours, which nobody has caught: only its traceback tells where.
                say(without_password("".join(traceback.format_exception(*record.exc_info)).rstrip()))


_HANDLER = _StderrLines(logging.ERROR)


@contextmanager
def log_lines_on_stderr() -> Iterator[None]:
    """Show errors, and what :func:`show_more` asks for. Afterwards logging is as it was before."""
    before = _LOGGER.level
    _HANDLER.setLevel(logging.ERROR)
    _LOGGER.addHandler(_HANDLER)
    try:
        yield
    finally:
        _LOGGER.removeHandler(_HANDLER)
        _SERVERS_LOGGER.removeHandler(_HANDLER)
        _SERVERS_LOGGER.propagate = True
        _HANDLER.setFormatter(None)
        _LOGGER.setLevel(before)


def show_more(level: int) -> None:
    """From here on show log lines of at least ``level``: a command that runs things says more than one that looks."""
    _HANDLER.setLevel(level)
    _LOGGER.setLevel(level)


def show_servers_errors() -> None:
    """From here on show what goes wrong in the HTTP server, as our own lines."""
    _SERVERS_LOGGER.setLevel(logging.WARNING)
    _SERVERS_LOGGER.propagate = False
    _SERVERS_LOGGER.addHandler(_HANDLER)


def show_as_json() -> None:
    """From here on each log line is one JSON object, without passwords."""
    from flowforge_graph.observability import JsonFormatter

    _HANDLER.setFormatter(JsonFormatter(clean=without_password))
