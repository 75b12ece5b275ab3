"""``complete`` and ``prune``: write a completion by hand, and end the keeping of old history."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowforge_graph.cli.exits import Refusal
from flowforge_graph.cli.options import ExecutionArgument, command
from flowforge_graph.cli.output import print_lines
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import count, instant, shown

if TYPE_CHECKING:
    from flowforge_graph.model import CompletionResult

EndStatusName = Literal["completed", "failed", "cancelled"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "complete", examples=["complete run-17 --workflow silver --status failed --error 'disk full'"])(
        complete
    )
    command(app, "prune", examples=["prune --before 2026-01-01T00:00:00Z"])(prune)


def complete(
    session: Session,
    execution: ExecutionArgument,
    workflow: Annotated[str, typer.Option("--workflow", metavar="ID", help="The workflow that ran.")],
    status: Annotated[EndStatusName, typer.Option("--status", help="How it ended.")],
    error: Annotated[str | None, typer.Option("--error", metavar="TEXT", help="What went wrong.")] = None,
) -> None:
    """Record how an execution ended.

    Starts what its workflow's triggers ask for. Recorded once: the same completion again prints the same answer and
    starts nothing; another status is a conflict (exit code 1). An execution that was never seen is recorded if its
    workflow exists.
    """
    from flowforge_graph.wire import CompletionDocument

    with session.engine() as engine:
        result = engine.complete(execution, status, workflow_id=workflow, error=error)
    session.answer(CompletionDocument.of(result).as_json(), lambda: print_lines(_lines(result)))


def prune(
    session: Session,
    before: Annotated[
        str, typer.Option("--before", metavar="TIME", help="An ISO 8601 time with its zone: 2026-01-01T00:00:00Z.")
    ],
) -> None:
    """Remove old history.

    Whole cascades go, those in which everything ended before a time. A late duplicate of a completion that was removed
    still starts nothing.
    """
    limit = _aware(before)
    with session.engine() as engine:
        result = engine.prune(limit)
    sentence = (
        f"removed {count(result.cascades, 'cascade')} that ended before {instant(limit)}:"
        f" {count(result.executions, 'execution')}, {count(result.verdicts, 'verdict')}"
    )
    session.answer(
        {"cascades": result.cascades, "executions": result.executions, "verdicts": result.verdicts},
        lambda: print_lines([sentence]),
    )


def _aware(text: str) -> datetime:
    from flowforge_graph.errors import InvalidTime
    from flowforge_graph.model import as_instant

    try:
        return as_instant(datetime.fromisoformat(text), field="--before")
    except InvalidTime as error:
        raise Refusal(f"{error}; write one such as 2026-01-01T00:00:00Z") from error
    except ValueError as error:
        raise Refusal(f"--before must be an ISO 8601 time, not {shown(text[:80])!r}") from error


def _lines(result: CompletionResult) -> list[str]:
    from flowforge_graph.wire import completion_sentence

    return [
        completion_sentence(result),
        *(
            f"  triggered {v.workflow_id}: execution {v.execution_id}, due {instant(v.run_after)}"
            for v in result.triggered
        ),
        *(f"  skipped {v.workflow_id}: {v.reason}" for v in result.skipped),
    ]
