"""Log records as JSON, one object a line."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flowforge_graph.facts.text import instant_text

_OF_EVERY_RECORD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Each record as one line of JSON, whatever is in it: what does not print is escaped.

    ``time`` (ISO 8601 in UTC, with milliseconds), ``level``, ``logger`` and ``message``; ``event`` and the fields of a
    fact, or whatever else was given as ``extra``; ``exception`` with the traceback where there is one.

    Args:
        clean: what is done to every text first, for example to take passwords out.
    """

    def __init__(self, *, clean: Callable[[str], str] | None = None) -> None:
        super().__init__()
        self._clean = clean or str

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, without a newline."""
        own = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
        document = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **own,
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(self._plain(document))

    def _plain(self, value: Any) -> Any:
        match value:
            case None | bool() | int():
                return value
            case float() if math.isfinite(value):
                return value
            case datetime():
                return instant_text(value)
            case Mapping():
                return {str(key): self._plain(each) for key, each in value.items()}
            case list() | tuple():
                return [self._plain(each) for each in value]
            case _:
                return self._clean(str(value))
