"""``serve``: the scheduler and dispatcher loop, until it is stopped."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from flowforge_graph.cli.exits import say
from flowforge_graph.cli.options import command, seconds
from flowforge_graph.cli.session import Session

_HOST: Final = "127.0.0.1"
_PORT: Final = 8000
LogFormatName = Literal["text", "json"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "serve", examples=["serve", "serve --database sqlite:////var/lib/flowforge.db --grace 10"])(serve)


def serve(
    session: Session,
    host: Annotated[str, typer.Option("--host", help="Where the API listens, once this version has one.")] = _HOST,
    port: Annotated[int, typer.Option("--port", help="On which port, likewise.", min=0, max=65535)] = _PORT,
    grace: Annotated[
        float,
        typer.Option("--grace", metavar="SECONDS", parser=seconds, help="How long what runs may go on after a stop."),
    ] = 30.0,
    log_format: Annotated[
        LogFormatName, typer.Option("--log-format", help="Lines for people, or one JSON object a line.")
    ] = "text",
) -> int:
    """Run schedules and cascades until stopped.

    Starts what schedules and completions ask for, also those of other processes, and runs it on this machine.
    SIGTERM and Ctrl-C stop starting, wait for what runs, and cancel what still runs after the grace; a second one does
    not wait. Exit code 0 on SIGTERM, 130 on Ctrl-C. A database that does not answer is asked again.
    """
    from flowforge_graph.cli.server import serve_until_stopped

    if (host, port) != (_HOST, _PORT):
        say("this version serves no API yet: --host and --port change nothing")
    return serve_until_stopped(session, grace_seconds=grace, as_json=log_format == "json")
