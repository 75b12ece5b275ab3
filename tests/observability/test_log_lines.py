"""Is each JSON log line one object on one line, whatever is in the record?"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.facts import Fact, catalogue, log
from flowforge_graph.observability import JsonFormatter


class Lines(logging.Handler):
    """Keeps each record as the formatter writes it."""

    def __init__(self, formatter: JsonFormatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def written(fact: Fact, *, error: BaseException | None = None, **options: Any) -> str:
    """The JSON line of a fact."""
    lines, level = Lines(JsonFormatter(**options)), fact.logger.level
    fact.logger.addHandler(lines)
    fact.logger.setLevel(logging.DEBUG)
    try:
        log(fact, error=error)
    finally:
        fact.logger.removeHandler(lines)
        fact.logger.setLevel(level)
    (line,) = lines.lines
    return line


def test_a_line_carries_the_event_and_its_fields() -> None:
    """Ids are fields of their own, instants ISO 8601, counts numbers, mappings objects."""
    fire_time = datetime(2026, 1, 1, 2, tzinfo=UTC)
    fact = catalogue.ScheduleFired(trigger_id="t", workflow_id="w", execution_id="e", fire_time=fire_time)
    document = json.loads(written(fact))
    datetime.strptime(document.pop("time"), "%Y-%m-%dT%H:%M:%S.%fZ")
    assert document == {
        "level": "info",
        "logger": "flowforge_graph.engine",
        "message": "schedule t of w fired for 2026-01-01T02:00:00Z: execution e",
        "event": "schedule.fired",
        "trigger_id": "t",
        "workflow_id": "w",
        "execution_id": "e",
        "fire_time": "2026-01-01T02:00:00Z",
    }


def test_a_line_carries_the_traceback() -> None:
    """As one text, its newlines escaped."""
    try:
        raise KeyError("oops\nno")
    except KeyError as raised:
        line = written(catalogue.ExecutorBroke(execution_id="e"), error=raised)
    assert "\n" not in line
    assert json.loads(line)["exception"].startswith("Traceback (most recent call last):\n")


def test_what_nobody_may_read_is_taken_out() -> None:
    """``clean`` sees each text before it is written, within tuples and mappings too."""
    line = written(catalogue.CycleRefused(chain=("a secret", "b")), clean=lambda text: text.replace("secret", "***"))
    assert "secret" not in line
    assert json.loads(line)["chain"] == ["a ***", "b"]


@given(st.text(), st.text())
def test_any_text_stays_on_its_line(execution_id: str, error: str) -> None:
    """One line of ASCII, and what is read from it is what was told."""
    line = written(catalogue.EndOverruled(execution_id=execution_id, error=error))
    assert line.isascii()
    assert line.isprintable()
    document = json.loads(line)
    assert (document["execution_id"], document["error"]) == (execution_id, error)


def test_records_of_others_are_formatted_as_well(caplog: pytest.LogCaptureFixture) -> None:
    """A host may use the formatter for all its loggers: ``extra`` becomes fields, objects their text."""
    logging.getLogger("host").warning("hello %s", "you", extra={"request": object, "sizes": (1, 2.5, float("nan"))})
    document = json.loads(JsonFormatter().format(caplog.records[0]))
    assert document["message"] == "hello you"
    assert (document["request"], document["sizes"]) == ("<class 'object'>", [1, 2.5, "nan"])
    assert "event" not in document
