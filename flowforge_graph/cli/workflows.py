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
    from flowforge_graph.model import AnyTrigger, Run, TriggerSummary, Workflow, WorkflowDeletion


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(app, "list", examples=["workflows list", "workflows list --json"])(list_workflows)
    command(app, "show", examples=["workflows show silver"])(show)
    command(app, "delete", examples=["workflows delete silver", "workflows delete silver --yes"])(delete)


def list_workflows(session: Session) -> None:
    """List all workflows.

    By id, each with its next scheduled run and the number of its triggers.
    """
    from flowforge_graph.wire import WorkflowDocument

    with session.engine() as engine:
        workflows = engine.list_workflows()
        summaries = engine.summarize_triggers([workflow.id for workflow in workflows])
    rows = [
        (w.id, w.name, what_runs(w.run), str(summaries[w.id].trigger_count), instant(summaries[w.id].next_run_at))
        for w in workflows
    ]
    session.answer(
        {"workflows": [WorkflowDocument.of(workflow, summaries[workflow.id]).as_json() for workflow in workflows]},
        lambda: print_table(
            ("WORKFLOW", "NAME", "RUN", "TRIGGERS", "NEXT RUN"), rows, nothing="there are no workflows"
        ),
    )


def show(session: Session, workflow: WorkflowArgument) -> None:
    """Show one workflow.

    What it runs, what starts it, and what it starts.
    """
    from flowforge_graph.wire import WorkflowDocument

    with session.engine() as engine:
        found = engine.get_workflow(workflow)
        summary = engine.summarize_triggers([workflow])[workflow]
        triggers = engine.get_triggers(workflow)
        starts = [link.workflow_id for link in engine.get_dependency_graph(workflow).downstream]
    session.answer(
        {"workflow": WorkflowDocument.of(found, summary).as_json()}, lambda: _print(found, summary, triggers, starts)
    )


def delete(
    session: Session,
    workflow: WorkflowArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask on a terminal.")] = False,
) -> None:
    """Delete a workflow and its triggers.

    Every trigger into and out of it goes, and its pending executions are cancelled. On a terminal it asks first. Its
    history stays.
    """
    from flowforge_graph.wire import DeletionDocument

    with session.engine() as engine:
        engine.get_workflow(workflow)
        if not yes and is_terminal(sys.stdin) and is_terminal(sys.stderr):
            typer.confirm(f"Delete workflow '{shown(workflow)}' and its triggers?", abort=True, err=True)
        deletion = engine.delete_workflow(workflow)
    session.answer(DeletionDocument.of(deletion).as_json(), lambda: print_lines(_what_went(deletion)))


def what_runs(run: Run | None) -> str:
    """A run in one line; ``-`` where the host runs the workflow."""
    import shlex

    from flowforge_graph.wire import run_document

    document = run_document(run) or {}
    if "command" in document:
        return shlex.join(document["command"])
    return document.get("python") or document.get("prefect") or "-"


def _print(workflow: Workflow, summary: TriggerSummary, triggers: Sequence[AnyTrigger], starts: Sequence[str]) -> None:
    from flowforge_graph.cli.wording import trigger_rule

    facts = [
        ("workflow", workflow.id),
        ("name", workflow.name),
        ("description", workflow.description),
        ("runs", what_runs(workflow.run)),
        ("in folder", workflow.run_folder),
        ("tags", ", ".join(workflow.tags)),
        ("source", workflow.source),
        ("next run", instant(summary.next_run_at)),
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
