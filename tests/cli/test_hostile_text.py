"""Nothing that is stored, given or said by a program reaches a terminal or a log line as more than text."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph import CycleError, DependencyTrigger, EventTrigger, TriggerEngine, errors
from flowforge_graph.cli.cascades import Change
from flowforge_graph.cli.exits import sentence_of
from flowforge_graph.cli.output import aligned, print_json, print_lines, styled
from flowforge_graph.cli.progress import change_lines, live_view
from flowforge_graph.cli.summary import Outcome, closing_sentence, failure_lines, summary_rows
from flowforge_graph.cli.text import last_lines, shown
from flowforge_graph.model import Execution, Workflow
from tests.cli.conftest import Answer
from tests.cli.test_terminal import on_terminal
from tests.support.nasty import NASTY, is_safe, nasty_texts

Cli = Callable[..., Answer]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def stored(folder: Path) -> Mapping[str, str]:
    """A database in whose every free text stands something nasty; answers the ids of one of each."""
    nasty = " ".join(NASTY.values())
    with TriggerEngine(f"sqlite:///{folder / 'flowforge.db'}") as engine:
        for name in ("a", "b"):
            engine.create_workflow(name, description=nasty, run={"command": ["x", nasty]}, tags=["t"])
        engine.create_trigger(DependencyTrigger(id="d", workflow_id="b", depends_on_workflow_id="a"))
        engine.create_trigger(
            EventTrigger(id="e", workflow_id="a", event_type="paid", event_config={nasty: [nasty, {"x": nasty}]})
        )
        execution = engine.start("a", {"p": nasty, nasty: 1}, execution_id="run")
        engine.complete_many(
            [{"execution_id": execution.id, "status": "failed", "error": nasty, "output": f"{nasty}\n{nasty}"}]
        )
        engine.emit("paid", {"payload": nasty}, key="k")
    return {"workflow": "a", "trigger": "e", "execution": "run"}


READING = [
    ("workflows", "list"),
    ("workflows", "show", "{workflow}"),
    ("triggers", "list"),
    ("triggers", "list", "{workflow}"),
    ("triggers", "history", "{trigger}"),
    ("executions", "list"),
    ("executions", "show", "{execution}"),
    ("graph", "downstream", "{workflow}"),
    ("graph", "render"),
    ("graph", "render", "--workflow", "{workflow}", "--group-by", "tag"),
    ("export",),
    ("complete", "{execution}", "--workflow", "a", "--status", "failed"),
    ("complete", "{execution}", "--workflow", "a", "--status", "completed"),
]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_what_is_stored_is_shown_escaped(cli: Cli, stored: Mapping[str, str], as_json: bool) -> None:
    """Every command that reads: each line printable; a JSON document holds what was stored, character by character."""
    for words in READING:
        asked = [word.format_map(stored) for word in words] + ["--json"] * as_json
        answer = cli(*asked)
        assert is_safe(answer.out), asked
        assert is_safe(answer.err), asked
    if as_json:
        document = cli("executions", "show", "run", "--json").document
        assert document["execution"]["error"] == " ".join(NASTY.values())


def test_a_terminal_obeys_nothing_of_what_is_stored(stored: Mapping[str, str], folder: Path) -> None:
    """On a real terminal too, where colours are drawn: without our own colours what is seen is printable."""
    for words in (("executions", "show", "run"), ("workflows", "show", "a"), ("executions", "list")):
        code, seen = on_terminal(folder, *words, NO_COLOR="1")
        assert code == 0
        assert is_safe(seen.replace("\r\n", "\n")), words


def test_a_program_that_prints_escape_sequences_is_shown_escaped(
    folder: Path, write_file: Callable[..., str], cli: Cli
) -> None:
    """What a command prints and fails with, on a terminal and in a pipe."""
    script = folder / "nasty.py"
    script.write_text(f"import sys\nsys.stdout.write({' '.join(NASTY.values())!r})\nsys.exit(3)\n", encoding="utf-8")
    import sys

    file = write_file(f"a: {{run: {json.dumps({'command': [sys.executable, '-X', 'utf8', str(script)]})}}}")
    answer = cli("run", file)
    assert answer.code == 1
    assert is_safe(answer.out)
    assert is_safe(answer.err)
    code, seen = on_terminal(folder, "run", file, NO_COLOR="1")
    assert code == 1
    assert "\x1b]" not in seen
    assert "\x1b[2J" not in seen
    assert not set(seen) & {"\x07", "\x08", "\x9b", "\x9d", "\u202e", "\u200b"}


GIVEN = [
    ("{}",),
    ("--{}",),
    ("--database", "{}", "workflows", "list"),
    ("--database", "sqlite:///{}", "workflows", "list"),
    ("--database", "postgresql://{}", "workflows", "list"),
    ("workflows", "show", "{}"),
    ("workflows", "delete", "{}"),
    ("triggers", "list", "{}"),
    ("triggers", "create", "{}", "--type", "manual"),
    ("triggers", "create", "a", "--type", "manual", "--name", "{}"),
    ("triggers", "create", "a", "--type", "{}"),
    ("triggers", "create", "a", "--type", "scheduled", "--cron", "{}"),
    ("triggers", "create", "a", "--type", "scheduled", "--cron", "@daily", "--timezone", "{}"),
    ("triggers", "create", "a", "--type", "dependency", "--depends-on", "{}"),
    ("triggers", "create", "a", "--type", "dependency", "--depends-on", "b", "--delay-minutes", "{}"),
    ("triggers", "create", "a", "--type", "event", "--event-type", "{}"),
    ("triggers", "create", "a", "--type", "event", "--event-type", "t", "--event-config", "{}"),
    ("triggers", "update", "{}", "--name", "x"),
    ("triggers", "enable", "{}"),
    ("triggers", "history", "{}"),
    ("executions", "show", "{}"),
    ("executions", "cancel", "{}"),
    ("executions", "list", "--workflow", "{}"),
    ("executions", "list", "--status", "{}"),
    ("executions", "list", "--limit", "{}"),
    ("complete", "{}", "--workflow", "a", "--status", "failed"),
    ("complete", "r", "--workflow", "{}", "--status", "failed"),
    ("prune", "--before", "{}"),
    ("graph", "upstream", "{}"),
    ("graph", "upstream", "a", "--depth", "{}"),
    ("graph", "check", "{}"),
    ("graph", "render", "{}"),
    ("graph", "render", "-o", "{}"),
    ("graph", "render", "-o", "{}/x.svg"),
    ("graph", "render", "--workflow", "{}"),
    ("graph", "render", "--title", "{}"),
    ("plan", "{}"),
    ("run", "{}"),
    ("export", "--source", "{}"),
    ("schedule", "preview", "{}"),
    ("schedule", "preview", "@daily", "--timezone", "{}"),
    ("schedule", "preview", "@daily", "--count", "{}"),
]


@pytest.mark.parametrize("words", GIVEN, ids=" ".join)
def test_what_is_given_is_shown_escaped(cli: Cli, words: tuple[str, ...]) -> None:
    """Every argument that reads text: refused or not, each line printable, and never a traceback."""
    for nasty in (*NASTY.values(), "\ud800", "\0"):
        answer = cli(*(word.replace("{}", nasty) for word in words))
        assert is_safe(answer.out), nasty
        assert is_safe(answer.err), nasty
        assert "Traceback" not in answer.err, nasty


def executions(text: str) -> Iterator[Execution]:
    """Executions whose every text is nasty, as a program that writes to the database itself could store them."""
    for status in ("pending", "running", "failed", "cancelled"):
        for kind in ("manual", "scheduled", "dependency", "event"):
            yield Execution(
                id=text,
                workflow_id=text,
                workflow_name=text,
                status=status,  # type: ignore[arg-type]
                trigger_type=kind,  # type: ignore[arg-type]
                trigger_name=text,
                dependency_condition=text,
                upstream_workflow_id=text,
                caused_by_execution_id=text,
                root_execution_id=text,
                event_key=text,
                error=text,
                output=text,
                reason=text,
                attempt=1,
                created_at=NOW,
                run_after=NOW,
                available_at=NOW,
                started_at=None if status == "pending" else NOW,
                ended_at=NOW if status in {"failed", "cancelled"} else None,
            )


@given(text=nasty_texts())
def test_whatever_the_database_says_is_shown_escaped(text: str) -> None:
    """Summaries, progress and the live table, of rows that no caller of ours could have written."""
    from rich.console import Console

    for execution in executions(text):
        outcome = Outcome(executions=[execution], verdicts={})
        lines = [*aligned(summary_rows(outcome)), *map(shown, failure_lines(outcome)), shown(closing_sentence(outcome))]
        lines += [shown(line) for line in change_lines(Change(before=None, now=execution), NOW)]
        assert all(line.isprintable() for line in lines)
        drawn = io.StringIO()
        Console(file=drawn, width=500, color_system=None).print(
            live_view([execution], NOW, rows=5, stopping=False), soft_wrap=True
        )
        assert is_safe(drawn.getvalue())


@given(text=nasty_texts())
def test_lines_cells_and_documents_are_printable(text: str) -> None:
    """The functions that everything is shown by; JSON is equal when it is read again."""
    assert shown(text).isprintable()
    assert all(line.isprintable() for line in last_lines(text, 100))
    assert styled(text).plain.isprintable()
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        print_lines([text])
        assert is_safe(out.getvalue())
        out.truncate(0)
        out.seek(0)
        print_json({text: [text]})
    assert is_safe(out.getvalue())
    assert json.loads(out.getvalue()) == {text: [text]}


def errors_about(text: str) -> Iterator[Exception]:
    yield CycleError((text, "b", text), source=text)
    yield errors.CompletionConflict(text, text, text)
    yield errors.LeaseLost(text)
    for not_found in (errors.WorkflowNotFound, errors.TriggerNotFound, errors.ExecutionNotFound):
        yield not_found(text)
    for sentence in (errors.InvalidTrigger, errors.DatabaseError, errors.TableConflict, errors.DuplicateTrigger):
        yield sentence(text)


@given(text=nasty_texts())
def test_every_error_is_one_printable_sentence(text: str) -> None:
    """Whatever it speaks of: hosts log errors and answer them as they are."""
    for error in errors_about(text):
        assert str(error).isprintable()
        assert sentence_of(error).isprintable()


@given(text=nasty_texts(), field=st.sampled_from(["name", "description", "nasty"]))
def test_every_refused_value_is_one_printable_sentence(text: str, field: str) -> None:
    """Names of fields, too, that a caller made up, however long."""
    for fields in (
        {"id": text},
        {"id": "a", field: text * 1_000},
        {"id": "a", text or "x": 1},
        {"id": "a", "run": text},
    ):
        try:
            Workflow(**fields)  # type: ignore[arg-type]
        except errors.InvalidWorkflow as error:
            assert str(error).isprintable()
            assert len(str(error)) < 1_000


class NastyExecutor:
    """Fails as a program that says something nasty does."""

    def __init__(self, text: str) -> None:
        self.text = text

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        """Raise it."""
        raise {"a": RuntimeError, "b": errors.DispatchError}.get(workflow.id, errors.PermanentDispatchError)(self.text)


@pytest.mark.parametrize("case", NASTY)
def test_log_records_are_one_printable_line(case: str, caplog: pytest.LogCaptureFixture, folder: Path) -> None:
    """What an executor says ends in the execution; the message of each record of the package is one line."""
    caplog.set_level(logging.DEBUG, "flowforge_graph")
    with TriggerEngine(f"sqlite:///{folder / 'x.db'}", executor=NastyExecutor(NASTY[case])) as engine:
        for name in ("a", "b", "c"):
            engine.create_workflow(name)
            engine.start(name)
        engine.run_until_idle()
    assert caplog.records
    assert all(record.getMessage().isprintable() for record in caplog.records)


def test_a_bug_is_shown_escaped(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the traceback of something that nobody foresaw."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(" ".join(NASTY.values()))

    monkeypatch.setattr("flowforge_graph.schedules.CronExpression.parse", fail)
    answer = cli("schedule", "preview", "@daily", "--json")
    assert answer.code == 1
    assert "Traceback" in answer.err
    assert is_safe(answer.err)
    assert is_safe(answer.out)
