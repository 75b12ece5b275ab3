"""``run``: apply a file, start workflows, run their cascades and nothing else to the end, and say what happened."""

from __future__ import annotations

from typing import Annotated

import typer

from flowforge_graph.cli.options import FileArgument, command
from flowforge_graph.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "run",
        examples=[
            "run flowforge.yaml",
            "run flowforge.yaml --workflow silver --ignore-delays",
            "run flowforge.yaml --json > result.json",
        ],
    )(run)


def run(
    session: Session,
    file: FileArgument,
    workflow: Annotated[
        list[str] | None,
        typer.Option(
            "--workflow", metavar="ID", help="Start this one; may be given again. Default: all that depend on none."
        ),
    ] = None,
    ignore_delays: Annotated[bool, typer.Option("--ignore-delays", help="Do not wait delays out.")] = False,
) -> int:
    """Apply a file and run its workflows to the end.

    Starts the workflows that depend on none, or those named, runs their cascades and nothing else on this machine, and
    prints what ran, why, and how long, and what was skipped and why. Delays are waited out; schedules start nothing.
    Exit code 1 unless each failed execution has an on_failure trigger whose execution completed. Ctrl-C cancels what
    runs (exit code 130); a second one does not wait for it.
    """
    from flowforge_graph.cli.runner import run_file

    return run_file(session, file, named=workflow or [], ignore_delays=ignore_delays)
