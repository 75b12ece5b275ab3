"""What every command takes: the database and ``--json``, before the command or after it."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import typer

from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import shown

DATABASE_VARIABLE = "FLOWFORGE_DATABASE_URL"
DEFAULT_DATABASE = "sqlite:///flowforge.db"
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_SPAN = re.compile(r"([1-9][0-9]{0,3})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database", metavar="URL", help=f"Database URL. Default: ${DATABASE_VARIABLE}, else {DEFAULT_DATABASE}."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
WorkflowArgument = Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow's id.")]
TriggerArgument = Annotated[str, typer.Argument(metavar="TRIGGER", help="A trigger's id.")]
ExecutionArgument = Annotated[str, typer.Argument(metavar="EXECUTION", help="An execution's id.")]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A trigger file (YAML).")]


def whole_number(*, at_least: int | None = None, at_most: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers within the given bounds, both included; a refusal names the value."""

    def parse(text: str) -> int:
        # Typer parses defaults too, which are numbers already.
        if not _WHOLE_NUMBER.fullmatch(str(text)):
            raise typer.BadParameter(f"{shown(str(text)[:80])!r} is not a whole number")
        number = int(text)
        if at_least is not None and number < at_least:
            raise typer.BadParameter(f"{number} is less than {at_least}")
        if at_most is not None and number > at_most:
            raise typer.BadParameter(f"{number} is more than {at_most}")
        return number

    return parse


def seconds(text: str) -> float:
    """A parser of a span of seconds, 0 or more."""
    if not _SECONDS.fullmatch(str(text)):
        raise typer.BadParameter(f"{shown(str(text)[:80])!r} is not a number of seconds")
    return float(text)


def span(text: str) -> timedelta:
    """A parser of a span of whole minutes, hours, days or weeks: ``30m``, ``12h``, ``90d``, ``4w``."""
    match = _SPAN.fullmatch(str(text))
    if match is None:
        raise typer.BadParameter(f"{shown(str(text)[:80])!r} is not a span such as 30m, 12h, 90d or 4w")
    return int(match[1]) * _UNITS[match[2]]


Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class BeforeCommand:
    """The common options as they stood before the command."""

    database: str | None
    as_json: bool


def command(app: typer.Typer, name: str, *, examples: Sequence[str]) -> Callable[[Command], Command]:
    """Register a function as a command: its docstring is the help, its first argument the session.

    The command gets the two common options beside the function's own, and ``examples`` below its help.
    """

    def register(function: Command) -> Command:
        epilog = "\n".join(["\b", "Examples:", *(f"  flowforge-graph {example}" for example in examples)])
        app.command(name, help=inspect.getdoc(function), epilog=epilog)(_with_session(function))
        return function

    return register


def _with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(ctx: typer.Context, *, database: str | None, as_json: bool, **given: Any) -> Any:
        before: BeforeCommand = ctx.obj
        chosen = database or before.database or os.environ.get(DATABASE_VARIABLE) or DEFAULT_DATABASE
        return function(Session(database=chosen, as_json=as_json or before.as_json), **given)

    _give_signature(run, function)
    return run


def _give_signature(run: Callable[..., Any], function: Callable[..., Any]) -> None:
    """Typer reads a command's parameters from its signature: the function's own, then the common ones."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
        _common("database", default=None, annotation=DatabaseOption),
        _common("as_json", default=False, annotation=JsonOption),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def _common(name: str, *, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
