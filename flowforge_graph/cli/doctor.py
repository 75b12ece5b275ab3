"""``doctor``: is anything wrong that needs a person?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flowforge_graph.cli.exits import ExitCode, without_password
from flowforge_graph.cli.options import command, seconds, whole_number
from flowforge_graph.cli.output import print_lines, print_table
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import count

if TYPE_CHECKING:
    from flowforge_graph.observability import Finding


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    examples = ["doctor", "doctor --database postgresql://user@host/name --json", "doctor --watch 0 --overdue 60"]
    command(app, "doctor", examples=examples)(doctor)


def doctor(
    session: Session,
    watch: Annotated[
        float,
        typer.Option(
            "--watch",
            metavar="SECONDS",
            parser=seconds,
            help="How long claims are watched for a sign of life: more than a third of the lease.",
        ),
    ] = 6.0,
    overdue: Annotated[
        int,
        typer.Option(
            "--overdue", metavar="SECONDS", parser=whole_number(at_least=0), help="How late what is due may be."
        ),
    ] = 300,
) -> int:
    """Check the database and what waits in it.

    One line a check: ok, warning or problem, and what to do. Nothing is changed. Exit code 1 when something needs a
    person: at least one problem.
    """
    findings = _findings(session, watch_seconds=watch, overdue_seconds=overdue)
    has_problem = any(finding.state == "problem" for finding in findings)
    document = {
        "success": not has_problem,
        "checks": [
            {"check": finding.check, "state": finding.state, "message": without_password(finding.message)}
            for finding in findings
        ],
    }
    session.answer(document, lambda: _print(findings))
    return ExitCode.FAILED if has_problem else ExitCode.OK


def _findings(session: Session, *, watch_seconds: float, overdue_seconds: int) -> list[Finding]:
    from flowforge_graph.observability import Limits, examine

    limits = Limits(watch_seconds=watch_seconds, overdue_seconds=overdue_seconds)
    return list(examine(session.accepted_url, limits=limits))


def _print(findings: Sequence[Finding]) -> None:
    rows = [(finding.state, finding.check, without_password(finding.message)) for finding in findings]
    print_table(("STATE", "CHECK", "FINDING"), rows, nothing="there was nothing to check")
    states = [finding.state for finding in findings]
    numbers = [count(states.count("problem"), "problem"), count(states.count("warning"), "warning")]
    print_lines(["", f"{count(len(findings), 'check')}: {', '.join(numbers)}"])
