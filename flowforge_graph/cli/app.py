"""The tree of commands."""

from __future__ import annotations

from typing import Annotated

import typer

from flowforge_graph.cli import (
    definitions,
    deployments,
    doctor,
    executions,
    graph,
    history,
    run,
    schedule,
    serve,
    tokens,
    triggers,
    workflows,
)
from flowforge_graph.cli.options import BeforeCommand, DatabaseOption, JsonOption
from flowforge_graph.cli.output import print_lines

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Workflows that start each other along a cycle-free graph.",
    epilog="\n".join(
        [
            "\b",
            "Examples:",
            "  flowforge-graph run flowforge.yaml",
            "  flowforge-graph executions list --status failed",
            '  flowforge-graph schedule preview "0 2 * * *" --timezone America/New_York',
            "",
            "\b",
            "Exit codes: 0 ok; 1 a run or check failed, a conflict, a database fault;",
            "2 bad arguments, file or values; 3 a cycle was refused; 4 not found; 130 Ctrl-C.",
        ]
    ),
)

run.register(app)
serve.register(app)
definitions.register(app)
history.register(app)
doctor.register(app)
for module, help_text in (
    (workflows, "Workflows: what runs."),
    (triggers, "Triggers: what starts a workflow."),
    (executions, "Executions: the runs of workflows."),
    (graph, "The graph of dependency triggers."),
    (schedule, "Schedules."),
    (deployments, "Prefect's deployments of scheduled triggers."),
    (tokens, "API tokens: who may call the API."),
):
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=help_text)
    module.register(group)
    app.add_typer(group, name=module.__name__.rpartition(".")[2])


def _show_version(asked: bool) -> None:
    if asked:
        print_lines([f"flowforge-graph {_version()}"])
        raise typer.Exit


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("flowforge-graph")
    except PackageNotFoundError:
        return "(not installed: run from its source)"


@app.callback()
def remember_what_stands_before_the_command(
    ctx: typer.Context,
    *,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Keep the common options for the command that follows."""
    ctx.obj = BeforeCommand(database=database, as_json=as_json)
