"""Is every fact told, once, after its commit, under its name and with its ids?"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

import flowforge_graph
from flowforge_graph import TriggerEngine
from flowforge_graph.errors import DatabaseError
from flowforge_graph.facts import CATALOGUE, ENDS, Fact, Facts, catalogue
from flowforge_graph.testing import FixedClock
from tests.engine.support import chain_of, depends, make_workflows
from tests.observability.happenings import HAPPENINGS, World

PACKAGE = Path(flowforge_graph.__file__).parent
MakeEngine = Callable[..., TriggerEngine]
# Told by the command line; their test is beside that of ``serve``.
OF_THE_COMMAND_LINE = {catalogue.ServeNotice, catalogue.ServeTrouble}
# Told by the reconciler; their tests are beside its, with a real Prefect.
OF_PREFECT = {fact for fact in CATALOGUE if fact.event.startswith("prefect.")}


class Collecting(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    """The log records of the package, chatter included."""
    caplog.set_level(logging.DEBUG, "flowforge_graph")
    handler, logger = Collecting(), logging.getLogger("flowforge_graph")
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)


def of_kind(records: list[logging.LogRecord], kind: type[Fact]) -> list[logging.LogRecord]:
    """The records of one fact."""
    return [record for record in records if getattr(record, "event", None) == kind.event]


def facts_of(engine: TriggerEngine) -> list[Fact]:
    """What the engine tells from now on."""
    told: list[Fact] = []
    engine.subscribe(told.append)
    return told


# The catalogue


def test_the_catalogue_is_closed() -> None:
    """Each fact that is defined is in the catalogue, under a name of its own."""
    defined = {
        kind
        for _, kind in inspect.getmembers(catalogue, inspect.isclass)
        if issubclass(kind, Fact) and hasattr(kind, "event")
    }
    assert set(CATALOGUE) == defined
    assert len({kind.event for kind in CATALOGUE}) == len(CATALOGUE)
    assert set(HAPPENINGS) == defined - OF_THE_COMMAND_LINE - OF_PREFECT


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.event)
def test_a_fact_is_well_formed(kind: type[Fact]) -> None:
    """Its sentence speaks of its own fields, which stand in no record's way, and it says what it means."""
    names = {field.name for field in dataclasses.fields(kind)}
    assert names
    assert set(re.findall(r"%\((\w+)\)s", kind.sentence)) <= names
    assert not names & ({"event", "message", "asctime"} | set(vars(logging.makeLogRecord({}))))
    assert kind.logger.name.startswith("flowforge_graph.")
    assert kind.__doc__
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind.event)


def test_nothing_is_logged_past_the_catalogue() -> None:
    """Only the catalogue names loggers; others set levels (the simulator: to silence), print or format."""
    importing = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(name.name == "logging" for name in node.names)
    }
    assert importing == {
        "facts/catalogue.py",
        "observability/log_lines.py",
        "cli/logs.py",
        "cli/runner.py",
        "cli/server.py",
        "testing/simulation/world.py",
    }


# Telling


@pytest.mark.parametrize("kind", HAPPENINGS, ids=lambda kind: kind.event)
def test_a_fact_is_told_when_it_happens(
    kind: type[Fact],
    make_engine: MakeEngine,
    clock: FixedClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heard: list[logging.LogRecord],
) -> None:
    """One record with its event name, its level and its fields; the sentence is one printable line."""
    said = HAPPENINGS[kind](World(make_engine=make_engine, clock=clock, folder=tmp_path, patch=monkeypatch))
    records = [
        record for record in of_kind(heard, kind) if all(getattr(record, name) == value for name, value in said.items())
    ]
    assert len(records) >= 1, [vars(record) for record in of_kind(heard, kind)]
    (record, *others) = records
    assert not others or kind in {catalogue.LeasesNotRenewed, catalogue.DatabaseUnreachable}
    assert (record.levelno, record.name) == (kind.level, kind.logger.name)
    assert record.getMessage().isprintable()
    assert {field.name for field in dataclasses.fields(kind)} <= set(vars(record))


def test_each_end_is_one_fact(make_engine: MakeEngine) -> None:
    """Completed, failed or cancelled: one of the three facts, with what its triggers answered."""
    engine = make_engine()
    chain_of(engine, "AB")
    make_workflows(engine, "C")
    engine.create_trigger(depends("C", "A", "on_failure"))
    told = facts_of(engine)
    engine.complete_many([("one", "completed", "A"), ("two", "failed", "A"), ("three", "cancelled", "A")])
    ends = [fact for fact in told if isinstance(fact, ENDS)]
    assert [(end.event, end.execution_id, end.triggered, dict(end.skipped_for)) for end in ends] == [
        ("completion.recorded", "one", 1, {"condition_not_met": 1}),
        ("completion.recorded", "two", 1, {"condition_not_met": 1}),
        ("execution.cancelled", "three", 0, {"upstream_cancelled": 2}),
    ]


def test_a_completion_repeated_in_its_own_batch_is_told_so(make_engine: MakeEngine) -> None:
    """The first of a batch is recorded, the second repeated, the third contradicts."""
    engine = make_engine()
    make_workflows(engine, "A")
    told = facts_of(engine)
    engine.complete_many([("one", "completed", "A"), ("one", "completed", "A"), ("one", "failed", "A")])
    assert sorted(fact.event for fact in told if fact.event.startswith("completion.")) == [
        "completion.conflicted",
        "completion.recorded",
        "completion.repeated",
    ]


def test_a_claim_that_ended_under_its_holder_is_not_lost(
    make_engine: MakeEngine, heard: list[logging.LogRecord]
) -> None:
    """A renewal that comes just after the own end is no reason to wake anybody."""
    engine = make_engine()
    make_workflows(engine, "A")
    engine.start("A")
    (claim,) = engine.claim_due()
    engine.complete(claim.execution_id, "completed", claim=claim)
    assert engine._claims.renew([claim]) == {}
    assert of_kind(heard, catalogue.LeaseLost) == []


def test_what_is_rolled_back_was_never_told(make_engine: MakeEngine, heard: list[logging.LogRecord]) -> None:
    """A fact waits for its commit, is forgotten with its transaction, and is told once where it is tried again."""
    engine = make_engine()
    make_workflows(engine, "A")
    told = facts_of(engine)
    tries: list[int] = []

    def work(connection: Connection) -> None:
        tries.append(1)
        engine._context.facts.tell(catalogue.WorkflowChanged(workflow_id=f"try {len(tries)}"))
        assert told == [fact for fact in told if isinstance(fact, catalogue.DatabaseRetried)]
        if len(tries) < 3:
            connection.exec_driver_sql("INSERT INTO workflows SELECT * FROM workflows")

    engine._context.store.database.run(work)
    changes = [fact for fact in told if isinstance(fact, catalogue.WorkflowChanged)]
    assert changes == [catalogue.WorkflowChanged(workflow_id="try 3")]
    assert [record.workflow_id for record in of_kind(heard, catalogue.WorkflowChanged)] == ["try 3"]  # type: ignore[attr-defined]

    def fail(connection: Connection) -> None:
        engine._context.facts.tell(catalogue.WorkflowChanged(workflow_id="never"))
        connection.exec_driver_sql("nonsense")

    with pytest.raises(DatabaseError):
        engine._context.store.database.run(fail)
    assert len([fact for fact in told if isinstance(fact, catalogue.WorkflowChanged)]) == 1


def test_what_is_stored_cannot_break_a_log_line(heard: list[logging.LogRecord]) -> None:
    """Newlines, escapes and overrides of direction are shown escaped, whatever is in a row; long texts are cut."""
    hostile = "a\nb\r\x1b[2J\u202e\u2028c"
    facts = Facts()
    facts.tell(catalogue.CycleRefused(chain=(hostile, "b", hostile)))
    facts.tell(catalogue.EndOverruled(execution_id=hostile, error="x" * 10_000))
    assert len(heard) == 2
    for record in heard:
        assert record.getMessage().isprintable()
        assert len(record.getMessage()) < 1_000
    assert heard[1].execution_id == hostile  # type: ignore[attr-defined]


# Cost


def test_nothing_is_made_that_nobody_hears(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the level off and no listener, a batch asks the loggers as often as one completion, and makes no fact."""
    engine = make_engine()
    chain_of(engine, "AB")
    caplog.set_level(logging.ERROR, "flowforge_graph")
    asked: list[type[Fact]] = []
    are_wanted = Facts.are_wanted

    def note(self: Facts, kind: type[Fact]) -> bool:
        asked.append(kind)
        return are_wanted(self, kind)

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a fact was made that nobody hears")

    monkeypatch.setattr(Facts, "are_wanted", note)
    for kind in CATALOGUE:
        monkeypatch.setattr(kind, "__init__", refuse)
    engine.complete_many([("single", "completed", "A")])
    for_one = len(asked)
    asked.clear()
    engine.complete_many([(f"e{number}", "completed", "A") for number in range(100)])
    assert len(asked) == for_one <= 3
    for claim in engine.claim_due(5):
        engine.mark_running(claim)
