"""The one place where errors become exit codes and sentences."""

from __future__ import annotations

import os
import re
import sys
from enum import IntEnum
from typing import Final, TextIO

import typer

from flowforge_graph import errors
from flowforge_graph.cli.text import shown


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    CYCLE = 3
    NOT_FOUND = 4
    INTERRUPTED = 130


class Refusal(errors.FlowforgeGraphError):
    """Something that only the command line refuses, with the exit code that says why."""

    def __init__(self, message: str, code: ExitCode = ExitCode.BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


_LONGEST_SENTENCE: Final = 1_000

# The first class that fits decides.
_CODES: Final[tuple[tuple[type[Exception], ExitCode], ...]] = (
    (errors.CycleError, ExitCode.CYCLE),
    (errors.WorkflowNotFound, ExitCode.NOT_FOUND),
    (errors.TriggerNotFound, ExitCode.NOT_FOUND),
    (errors.ExecutionNotFound, ExitCode.NOT_FOUND),
    (errors.TokenNotFound, ExitCode.NOT_FOUND),
    (errors.DeploymentNotFound, ExitCode.NOT_FOUND),
    (errors.InvalidTrigger, ExitCode.BAD_INPUT),
    (errors.InvalidWorkflow, ExitCode.BAD_INPUT),
    (errors.InvalidExecution, ExitCode.BAD_INPUT),
    (errors.InvalidSchedule, ExitCode.BAD_INPUT),
    (errors.InvalidTime, ExitCode.BAD_INPUT),
    (errors.InvalidToken, ExitCode.BAD_INPUT),
    (errors.InvalidDefinition, ExitCode.BAD_INPUT),
    (errors.InvalidDiagram, ExitCode.BAD_INPUT),
    (errors.FlowforgeGraphError, ExitCode.FAILED),
    (typer.TyperException, ExitCode.BAD_INPUT),
    (typer.Abort, ExitCode.FAILED),
    (OSError, ExitCode.FAILED),
)


def exit_code_of(error: Exception) -> ExitCode | None:
    """The exit code of an error that is shown as one sentence; None for a bug, which is shown as a traceback."""
    if isinstance(error, Refusal):
        return error.code
    return next((code for kind, code in _CODES if isinstance(error, kind)), None)


def sentence_of(error: Exception) -> str:
    """The error as one line, without control characters and without the password of a database URL."""
    if isinstance(error, typer.TyperException):
        return _shortened(without_password(shown(_usage_sentence(error))))
    if isinstance(error, typer.Abort):
        return "stopped before anything was done"
    sentence = without_password(shown(" ".join(str(error).split("\n"))))
    return sentence if isinstance(error, errors.CycleError) else _shortened(sentence)


def _shortened(sentence: str) -> str:
    """A sentence that no value can make flood the terminal. (A chain is never cut: it is what the reader needs.)"""
    if len(sentence) <= _LONGEST_SENTENCE:
        return sentence
    half = _LONGEST_SENTENCE // 2
    return f"{sentence[:half]} … {sentence[-half:]}"


def _usage_sentence(error: typer.TyperException) -> str:
    # Typer parses values with pydantic, whose words for a plain ValueError say nothing to the reader.
    message = " ".join(error.format_message().split()).replace("Value error, ", "").rstrip(".")
    context = getattr(error, "ctx", None)
    hint = f" (see '{context.command_path} --help')" if context is not None else ""
    return f"{message[:1].lower()}{message[1:]}{hint}"


def without_password(text: str) -> str:
    """``text`` with the password of every URL in it replaced by three asterisks."""
    in_front_of_host = re.sub(r"(://[^\s:/@]*):[^\s]*@", r"\1:***@", text)
    return re.sub(r"([?&]password=)[^\s&]*", r"\1***", in_front_of_host)


def say(message: str) -> None:
    """Tell the person at the keyboard one line, on stderr. Where nobody listens any more, the work goes on."""
    try:
        print(message, file=sys.stderr, flush=True)  # noqa: T201 - this is where the command line prints
    except BrokenPipeError:
        discard(sys.stderr)


def discard(stream: TextIO) -> None:
    """Send whatever is still to be written to ``stream`` nowhere, the interpreter's last flush included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
