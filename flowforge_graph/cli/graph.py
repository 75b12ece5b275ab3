"""``graph upstream``, ``graph downstream``, ``graph check`` and, next door, ``graph render``."""

from __future__ import annotations

from typing import Annotated

import typer

from flowforge_graph.cli.options import FileArgument, WorkflowArgument, command, whole_number
from flowforge_graph.cli.output import print_lines
from flowforge_graph.cli.render import EXAMPLES, render
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import count

DepthOption = Annotated[
    int | None,
    typer.Option(
        "--depth", metavar="HOPS", parser=whole_number(at_least=1), help="At most so many. Default: all the way."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(app, "upstream", examples=["graph upstream gold", "graph upstream gold --depth 1"])(upstream)
    command(app, "downstream", examples=["graph downstream landing", "graph downstream landing --json"])(downstream)
    command(app, "check", examples=["graph check flowforge.yaml", "graph check flowforge.yaml --json"])(check)
    command(app, "render", examples=EXAMPLES)(render)


def upstream(session: Session, workflow: WorkflowArgument, depth: DepthOption = None) -> None:
    """List what a workflow depends on.

    All workflows up the line, in topological order. Enabled or not, every dependency trigger counts.
    """
    with session.engine() as engine:
        engine.get_workflow(workflow)
        _answer(session, workflow, list(engine.graph.upstream(workflow, depth=depth)))


def downstream(session: Session, workflow: WorkflowArgument, depth: DepthOption = None) -> None:
    """List what depends on a workflow.

    All workflows down the line, in topological order. Enabled or not, every dependency trigger counts.
    """
    with session.engine() as engine:
        engine.get_workflow(workflow)
        _answer(session, workflow, list(engine.graph.downstream(workflow, depth=depth)))


def check(session: Session, file: FileArgument) -> None:
    """Say whether a file would be accepted. Needs no database.

    A cycle is exit code 3, with its chain; anything else that is wrong with the file is 2.
    """
    from flowforge_graph.definitions import check_definitions, load_definitions

    definitions = load_definitions(file)
    graph = check_definitions(definitions)
    order = list(graph.topological_order())
    workflows, triggers = len(definitions.workflows), len(definitions.triggers)
    sentence = f"accepted: {count(workflows, 'workflow')}, {count(triggers, 'trigger')}, no cycle"
    session.answer(
        {"success": True, "workflowCount": workflows, "triggerCount": triggers, "topologicalOrder": order},
        lambda: print_lines([sentence]),
    )


def _answer(session: Session, workflow: str, found: list[str]) -> None:
    document = {"workflowId": workflow, "workflows": found}
    session.answer(document, lambda: print_lines(found) if found else None)
