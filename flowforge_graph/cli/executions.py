"""``executions list``, ``show`` and ``cancel``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowforge_graph.cli.options import ExecutionArgument, command, whole_number
from flowforge_graph.cli.output import print_lines, print_table
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import duration, instant, last_lines

if TYPE_CHECKING:
    from flowforge_graph.model import Execution, RecordedEnd, Verdict

StatusName = Literal["pending", "running", "completed", "failed", "cancelled"]
TriggerTypeName = Literal["manual", "scheduled", "dependency", "event"]


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(app, "list", examples=["executions list", "executions list --workflow silver --status failed --limit 5"])(
        list_executions
    )
    command(app, "show", examples=["executions show EXECUTION", "executions show EXECUTION --json"])(show)
    command(app, "cancel", examples=["executions cancel EXECUTION"])(cancel)


def list_executions(
    session: Session,
    workflow: Annotated[str | None, typer.Option("--workflow", metavar="ID", help="Only this workflow's.")] = None,
    status: Annotated[StatusName | None, typer.Option("--status", help="Only of this status.")] = None,
    trigger_type: Annotated[TriggerTypeName | None, typer.Option("--trigger-type", help="Only of this kind.")] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", parser=whole_number(at_least=1), help="At most so many.")
    ] = 50,
) -> None:
    """List executions, newest first."""
    from flowforge_graph.wire import ExecutionDocument

    with session.engine() as engine:
        executions = engine.list_executions(workflow_id=workflow, status=status, trigger_type=trigger_type, limit=limit)
    session.answer(
        {"executions": [ExecutionDocument.of(execution).as_json() for execution in executions]},
        lambda: _print_table(executions),
    )


def show(session: Session, execution: ExecutionArgument) -> None:
    """Show one execution.

    Why it started, how it ended, what it started and skipped, and its output.
    """
    from flowforge_graph.wire import VerdictDocument, WholeExecutionDocument

    with session.engine() as engine:
        found, verdicts = engine.get_execution(execution), engine.get_verdicts(execution)
        end = engine.get_external_end(execution)
    session.answer(
        {
            "execution": WholeExecutionDocument.of(found, end).as_json(),
            "verdicts": [VerdictDocument.of(verdict).as_json() for verdict in verdicts],
        },
        lambda: print_lines(_described(found, verdicts, end)),
    )


def cancel(session: Session, execution: ExecutionArgument) -> None:
    """Cancel an execution.

    A pending one ends at once; whoever runs a running one is asked to stop it.
    """
    from flowforge_graph.wire import ExecutionDocument

    with session.engine() as engine:
        found = engine.cancel(execution)
    sentence = (
        f"cancelled execution {found.id} of {found.workflow_id}"
        if found.has_ended
        else f"asked for execution {found.id} of {found.workflow_id} to be stopped"
    )
    session.answer({"execution": ExecutionDocument.of(found).as_json()}, lambda: print_lines([sentence]))


def _print_table(executions: Sequence[Execution]) -> None:
    from flowforge_graph.cli.wording import why_started

    rows = [
        (e.id, e.workflow_id, e.status, instant(e.created_at), duration(e.duration_ms), why_started(e))
        for e in executions
    ]
    print_table(("EXECUTION", "WORKFLOW", "STATUS", "CREATED", "TOOK", "WHY"), rows, nothing="there are no executions")


def _described(execution: Execution, verdicts: Sequence[Verdict], end: RecordedEnd | None) -> list[str]:
    from flowforge_graph.cli.wording import why_ended, why_started

    facts = [
        ("execution", execution.id),
        ("workflow", execution.workflow_id),
        ("status", execution.status),
        ("why", why_started(execution)),
        ("because", why_ended(execution)),
        ("error", execution.error),
        ("upstream", execution.upstream_execution_id),
        ("root", f"{execution.root_execution_id} (hop {execution.hop})"),
        ("created", instant(execution.created_at)),
        ("due", instant(execution.available_at) if execution.status == "pending" else None),
        ("started", instant(execution.started_at) if execution.started_at else None),
        ("ended", instant(execution.ended_at) if execution.ended_at else None),
        ("took", duration(execution.duration_ms) if execution.duration_ms is not None else None),
        ("attempt", str(execution.attempt) if execution.attempt else None),
        ("elsewhere", _elsewhere(execution, end)),
    ]
    lines = [f"{label:<12} {value}" for label, value in facts if value]
    return lines + _verdict_lines(execution, verdicts) + _output_lines(execution)


def _elsewhere(execution: Execution, end: RecordedEnd | None) -> str | None:
    """What another engine calls it, and where it contradicted itself."""
    run = execution.external_id or (end.external_id if end else None)
    if end is None or end.conflicting_status is None:
        return run
    return f"{run}; it was told to be {end.conflicting_status} later, and the first end stands"


def _verdict_lines(execution: Execution, verdicts: Sequence[Verdict]) -> list[str]:
    from flowforge_graph.cli.wording import why_skipped

    return [
        f"{'triggered':<12} {verdict.workflow_id} ({verdict.condition}): execution {verdict.execution_id}"
        if verdict.outcome == "triggered"
        else f"{'skipped':<12} {verdict.workflow_id}: {why_skipped(verdict, execution)}"
        for verdict in verdicts
    ]


def _output_lines(execution: Execution) -> list[str]:
    if not execution.output:
        return []
    return ["output", *(f"  {line}" for line in last_lines(execution.output, len(execution.output)))]
