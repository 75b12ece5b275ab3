"""Which error is which exit code?"""

from __future__ import annotations

import pytest

from flowforge_graph import errors
from flowforge_graph.cli import program
from flowforge_graph.cli.exits import exit_code_of, sentence_of, without_password


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CycleError(["a", "b", "a"]), 3),
        (errors.WorkflowNotFound("a"), 4),
        (errors.TriggerNotFound("a"), 4),
        (errors.ExecutionNotFound("a"), 4),
        (errors.InvalidTrigger("no"), 2),
        (errors.InvalidWorkflow("no"), 2),
        (errors.InvalidExecution("no"), 2),
        (errors.InvalidSchedule("no"), 2),
        (errors.InvalidTime("no"), 2),
        (errors.InvalidDefinition("no"), 2),
        (errors.DuplicateTrigger("no"), 1),
        (errors.WorkflowConflict("no"), 1),
        (errors.ExecutionConflict("no"), 1),
        (errors.CompletionConflict("e", "completed", "failed"), 1),
        (errors.LeaseLost("e"), 1),
        (errors.DispatchError("no"), 1),
        (errors.DatabaseError("no"), 1),
        (errors.DatabaseNewer("no"), 1),
        (errors.TableConflict("no"), 1),
        (OSError("no space left"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_error_has_its_exit_code(error: Exception, code: int) -> None:
    """Every error class of the package is one of the documented exit codes."""
    assert exit_code_of(error) == code


def test_every_error_class_has_an_exit_code() -> None:
    """No error that the package raises on purpose is shown as a traceback."""
    classes = [getattr(errors, name) for name in errors.__all__]
    assert all(exit_code_of(kind.__new__(kind)) is not None for kind in classes)


def test_a_bug_is_shown_as_a_traceback_and_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception that nobody expected keeps its traceback."""

    def broken() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("flowforge_graph.cli.app._version", broken)
    assert program.main(["--version"]) == 1
    assert "ZeroDivisionError: a bug" in capsys.readouterr().err


def test_an_error_is_one_line() -> None:
    """Line breaks and escape sequences of values cannot break out of the sentence."""
    sentence = sentence_of(errors.DatabaseError("one\ntwo \x1b[31mred"))
    assert sentence == "one two \\x1b[31mred"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:s3cret@host/db", "postgresql://ann:***@host/db"),
        ("postgresql+psycopg://ann:s3:c@ret@host/db is down", "postgresql+psycopg://ann:***@host/db is down"),
        ("postgresql://host/db?user=ann&password=s3cret", "postgresql://host/db?user=ann&password=***"),
        ("sqlite:///flowforge.db", "sqlite:///flowforge.db"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
    ],
)
def test_the_password_of_a_url_is_never_shown(text: str, shown: str) -> None:
    """Passwords are replaced wherever a URL stands in a message."""
    assert without_password(text) == shown
