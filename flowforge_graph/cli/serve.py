"""``serve``: API, scheduler and dispatcher in one process, until it is stopped."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from flowforge_graph.cli.options import command, seconds
from flowforge_graph.cli.prefect import PrefectOption
from flowforge_graph.cli.session import Session

_HOST: Final = "127.0.0.1"
_PORT: Final = 8000
LogFormatName = Literal["text", "json"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(
        app,
        "serve",
        examples=[
            "serve",
            "serve --port 8080 --grace 10",
            "serve --no-api",
            "serve --prefect-api http://host:4200/api",
        ],
    )(serve)


def serve(
    session: Session,
    *,
    host: Annotated[str, typer.Option("--host", help="Where the API listens.")] = _HOST,
    port: Annotated[int, typer.Option("--port", help="On which port; 0: any that is free.", min=0, max=65535)] = _PORT,
    api: Annotated[bool, typer.Option("--api/--no-api", help="Without it only schedules and cascades run.")] = True,
    cors_origins: Annotated[
        list[str] | None,
        typer.Option("--cors-origin", metavar="ORIGIN", help="A web origin whose pages may call it"),
    ] = None,
    grace: Annotated[
        float,
        typer.Option("--grace", metavar="SECONDS", parser=seconds, help="How long what runs may go on after a stop."),
    ] = 30.0,
    prefect_api: PrefectOption = None,
    log_format: Annotated[
        LogFormatName, typer.Option("--log-format", help="Lines for people, or one JSON object a line.")
    ] = "text",
) -> int:
    """Run the API, schedules and cascades until stopped.

    Starts what schedules and completions ask for, also those of other processes, and runs it on this machine.
    Workflows that run with Prefect are handed over to it, where its API is named, and their ends are followed.
    The API asks for a token from the first 'tokens create' on; until then it listens on this machine only.
    SIGTERM and Ctrl-C stop starting, wait for what runs, and cancel what still runs after the grace; a second one does
    not wait. Exit code 0 on SIGTERM, 130 on Ctrl-C. A database that does not answer is asked again.
    """
    from flowforge_graph.cli.api_server import ApiOptions
    from flowforge_graph.cli.server import serve_until_stopped

    options = ApiOptions(host=host, port=port, cors_origins=tuple(cors_origins or ()))
    return serve_until_stopped(
        session,
        api=options if api else None,
        prefect_api=prefect_api,
        grace_seconds=grace,
        as_json=log_format == "json",
    )
