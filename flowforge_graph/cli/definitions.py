"""``plan``, ``apply`` and ``export``: triggers as code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowforge_graph.cli.exits import say
from flowforge_graph.cli.options import FileArgument, command
from flowforge_graph.cli.output import print_styled, print_text
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import shown

if TYPE_CHECKING:
    from flowforge_graph.definitions import Plan, PlannedChange

PruneOption = Annotated[
    bool, typer.Option("--prune", help="Also remove workflows of this source that the file no longer has.")
]

_SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    command(app, "plan", examples=["plan flowforge.yaml", "plan flowforge.yaml --prune --json"])(plan)
    command(app, "apply", examples=["apply flowforge.yaml", "apply flowforge.yaml --prune"])(apply)
    command(app, "export", examples=["export > everything.yaml", "export --source medallion"])(export)


def plan(session: Session, file: FileArgument, prune: PruneOption = False) -> None:
    """Show what applying a file would change.

    Prints what would be added, changed and removed, and changes nothing. A cycle is refused with its chain.
    """
    from flowforge_graph.definitions import load_definitions, plan_definitions

    definitions = load_definitions(file)
    with session.engine() as engine:
        planned = plan_definitions(engine, definitions, prune=prune)
    session.answer(plan_document(planned), lambda: print_plan(planned, done=False))


def apply(session: Session, file: FileArgument, prune: PruneOption = False) -> None:
    """Make the database say what a file says.

    Prints what was added, changed and removed. Only rows of the file's own source are changed or removed. Applying
    twice changes nothing.
    """
    from flowforge_graph.definitions import apply_definitions, decide, load_definitions
    from flowforge_graph.engine.changes import StoredDefinitions

    definitions = load_definitions(file)
    if session.is_missing:
        # What is refused leaves no new database behind.
        decide(definitions, StoredDefinitions(), prune=prune)
    with session.engine(may_create=True) as engine:
        applied = apply_definitions(engine, definitions, prune=prune)
    session.answer(plan_document(applied), lambda: print_plan(applied, done=True))


def export(
    session: Session,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only what this source owns.")] = None,
) -> None:
    """Print what is stored as a trigger file.

    What it prints is a file that `apply` reads; with --json the same file as JSON.
    """
    from flowforge_graph.definitions import export_definitions

    with session.engine() as engine:
        text = export_definitions(engine, source=source)
    session.answer(_parsed(text) if session.as_json else None, lambda: print_text(text.rstrip("\n")))


def plan_document(planned: Plan) -> dict[str, Any]:
    """The plan as JSON; the keys before ``changes`` count them by kind."""
    kinds = [change.kind for change in planned.changes]
    return {
        "added": kinds.count("add"),
        "changed": kinds.count("change"),
        "removed": kinds.count("remove"),
        "keptWorkflowIds": list(planned.kept_workflow_ids),
        "changes": [_change_document(change) for change in planned.changes],
    }


def _change_document(change: PlannedChange) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "what": change.what,
        "id": change.id,
        "workflowId": change.workflow_id,
        "description": change.description,
        "before": dict(change.before),
        "after": dict(change.after),
        "adopted": change.adopted,
    }


def print_plan(planned: Plan, *, done: bool) -> None:
    """Print one line a change and what they come to."""
    kept = ", ".join(planned.kept_workflow_ids)
    if kept:
        say(f"note: the file no longer has {shown(kept)}; --prune removes them")
    print_styled([*map(_line, planned.changes), (plan_sentence(planned, done=done), "")])


def plan_sentence(planned: Plan, *, done: bool) -> str:
    """``2 added, 1 changed, 0 removed``, or that there is nothing to do."""
    if planned.is_empty:
        return "nothing to change: the database says what the file says"
    counts = plan_document(planned)
    would = "" if done else " (nothing was changed: this is a plan)"
    return f"{counts['added']} added, {counts['changed']} changed, {counts['removed']} removed{would}"


def _line(change: PlannedChange) -> tuple[str, str]:
    sign, style = _SIGNS[change.kind]
    return f"{sign} {change.description}", style


def _parsed(text: str) -> Any:
    import yaml

    return yaml.safe_load(text)
