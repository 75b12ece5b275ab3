"""``schedule preview``: when a cron expression fires next. Needs no database."""

from __future__ import annotations

from typing import Annotated

import typer

from flowforge_graph.cli.exits import ExitCode, Refusal
from flowforge_graph.cli.options import command, whole_number
from flowforge_graph.cli.output import print_lines
from flowforge_graph.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(
        app,
        "preview",
        examples=[
            'schedule preview "*/15 * * * *"',
            'schedule preview "0 2 * * *" --timezone America/New_York --count 5 --json',
        ],
    )(preview)


def preview(
    session: Session,
    cron: Annotated[str, typer.Argument(metavar="CRON", help="Five fields, quoted, or @daily and the like.")],
    timezone: Annotated[str, typer.Option("--timezone", metavar="ZONE", help="An IANA time zone.")] = "UTC",
    count: Annotated[
        int, typer.Option("--count", metavar="N", parser=whole_number(at_least=1, at_most=1000), help="How many runs.")
    ] = 5,
) -> None:
    """Show when a cron expression fires.

    Says it in English and lists the next runs. An expression or zone that is not accepted is exit code 1.
    """
    from flowforge_graph.errors import InvalidSchedule
    from flowforge_graph.schedules import CronExpression, calculate_next_runs, describe, zone

    try:
        expression, where = CronExpression.parse(cron), zone(timezone)
        runs = calculate_next_runs(cron, where, count)
    except InvalidSchedule as error:
        raise Refusal(str(error), ExitCode.FAILED) from error
    description = describe(expression)
    session.answer(
        {
            "success": True,
            "nextRuns": [int(run.timestamp()) for run in runs],
            "cronExpression": expression.text,
            "timezone": where.key,
            "description": description,
        },
        lambda: print_lines([f"{description} ({where.key})", *(run.isoformat() for run in runs)]),
    )
