"""``workflows list``, ``show`` and ``delete``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flowforge_graph.cli.options import WorkflowArgument, command
from flowforge_graph.cli.output import is_terminal, print_lines, print_table
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import count, instant, shown

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine
    from flowforge_graph.model import AnyTrigger, Run, Workflow, WorkflowDeletion


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(app, "list", examples=["workflows list", "workflows list --json"])(list_workflows)
    command(app, "show", examples=["workflows show silver"])(show)
    command(app, "delete", examples=["workflows delete silver", "workflows delete silver --yes"])(delete)


def list_workflows(session: Session) -> None:
    """List all workflows.

    By id, each with its next scheduled run and the number of its triggers.
    """
    from flowforge_graph.wire import workflow_document

    with session.engine() as engine:
        workflows, triggers = engine.list_workflows(), _triggers_by_workflow(engine)
    documents = [workflow_document(workflow, triggers.get(workflow.id, [])) for workflow in workflows]
    rows = [
        (w.id, w.name, what_runs(w.run), str(len(triggers.get(w.id, []))), _next_run(triggers.get(w.id, [])))
        for w in workflows
    ]
    session.answer(
        {"workflows": documents},
        lambda: print_table(
            ("WORKFLOW", "NAME", "RUN", "TRIGGERS", "NEXT RUN"), rows, nothing="there are no workflows"
        ),
    )


def show(session: Session, workflow: WorkflowArgument) -> None:
    """Show one workflow.

    What it runs, what starts it, and what it starts.
    """
    from flowforge_graph.wire import workflow_document

    with session.engine() as engine:
        found = engine.get_workflow(workflow)
        triggers = engine.get_triggers(workflow)
        starts = [link.workflow_id for link in engine.get_dependency_graph(workflow).downstream]
    session.answer({"workflow": workflow_document(found, triggers)}, lambda: _print(found, triggers, starts))


def delete(
    session: Session,
    workflow: WorkflowArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")] = False,
) -> None:
    """Delete a workflow and its triggers.

    Every trigger into and out of it goes, and its pending executions are cancelled. On a terminal it asks first. Its
    history stays.
    """
    from flowforge_graph.wire import deletion_document

    with session.engine() as engine:
        engine.get_workflow(workflow)
        if not yes and is_terminal(sys.stdin) and is_terminal(sys.stderr):
            typer.confirm(f"Delete workflow '{shown(workflow)}' and its triggers?", abort=True, err=True)
        deletion = engine.delete_workflow(workflow)
    session.answer(deletion_document(deletion), lambda: print_lines(_what_went(deletion)))


def what_runs(run: Run | None) -> str:
    """A run in one line; ``-`` where the host runs the workflow."""
    import shlex

    from flowforge_graph.wire import run_document

    document = run_document(run) or {}
    if "command" in document:
        return shlex.join(document["command"])
    return document.get("python") or document.get("prefect") or "-"


def _triggers_by_workflow(engine: TriggerEngine) -> dict[str, list[AnyTrigger]]:
    triggers: dict[str, list[AnyTrigger]] = {}
    for trigger in engine.list_triggers():
        triggers.setdefault(trigger.workflow_id, []).append(trigger)
    return triggers


def _next_run(triggers: Sequence[AnyTrigger]) -> str:
    fire_times = [t.next_run_at for t in triggers if t.trigger_type == "scheduled" and t.enabled and t.next_run_at]
    return instant(min(fire_times, default=None))


def _print(workflow: Workflow, triggers: Sequence[AnyTrigger], starts: Sequence[str]) -> None:
    from flowforge_graph.cli.wording import trigger_rule

    facts = [
        ("workflow", workflow.id),
        ("name", workflow.name),
        ("description", workflow.description),
        ("runs", what_runs(workflow.run)),
        ("in folder", workflow.run_folder),
        ("tags", ", ".join(workflow.tags)),
        ("source", workflow.source),
        ("next run", _next_run(triggers)),
        *(("started by", f"{trigger_rule(trigger)}  [{trigger.id}]") for trigger in triggers),
        ("starts", ", ".join(dict.fromkeys(starts))),
    ]
    print_lines(f"{label:<12} {value}" for label, value in facts if value and value != "-")


def _what_went(deletion: WorkflowDeletion) -> list[str]:
    triggers, executions = deletion.deleted_trigger_ids, deletion.cancelled_execution_ids
    return [
        f"deleted workflow '{deletion.workflow_id}' with {count(len(triggers), 'trigger')};"
        f" cancelled {count(len(executions), 'pending execution')}",
        *(f"  trigger {trigger_id}" for trigger_id in triggers),
        *(f"  execution {execution_id}" for execution_id in executions),
    ]
