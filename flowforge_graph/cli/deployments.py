"""``deployments sync``, ``info``, ``pause``, ``resume``, ``delete``, ``check`` and ``repair``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from flowforge_graph.cli.exits import ExitCode
from flowforge_graph.cli.options import TriggerArgument, command
from flowforge_graph.cli.output import print_lines, print_table
from flowforge_graph.cli.prefect import PrefectOption, connected_prefect
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import count, instant

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine
    from flowforge_graph.model import Deployment, DeploymentDrift, DeploymentRepair, ScheduleDifference


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(
        app,
        "sync",
        examples=[
            "deployments sync TRIGGER",
            "deployments sync TRIGGER --prefect-api http://host:4200/api",
        ],
    )(sync)
    command(app, "info", examples=["deployments info TRIGGER"])(info)
    command(app, "pause", examples=["deployments pause TRIGGER"])(pause)
    command(app, "resume", examples=["deployments resume TRIGGER"])(resume)
    command(app, "delete", examples=["deployments delete TRIGGER"])(delete)
    command(app, "check", examples=["deployments check", "deployments check --json"])(check)
    command(app, "repair", examples=["deployments repair"])(repair)


def sync(session: Session, trigger: TriggerArgument, prefect_api: PrefectOption = None) -> None:
    """Make or update the deployment of a scheduled trigger.

    It is a copy of the deployment on which the workflow runs, with the trigger's schedule: active where Prefect owns
    it. Lists the fire times of the next 400 days that only one of the two schedulers has.
    """
    with _engine(session, prefect_api) as engine:
        deployment = engine.sync_deployment(trigger)
    _answer(session, deployment, f"synchronised deployment '{deployment.name}'")


def info(session: Session, trigger: TriggerArgument, prefect_api: PrefectOption = None) -> None:
    """Show the Prefect deployment of a scheduled trigger."""
    with _engine(session, prefect_api) as engine:
        deployment = engine.get_deployment(trigger)
    _answer(session, deployment, f"deployment '{deployment.name}' is {'paused' if deployment.paused else 'not paused'}")


def pause(session: Session, trigger: TriggerArgument, prefect_api: PrefectOption = None) -> None:
    """Let Prefect start nothing more of a trigger by itself.

    The trigger stays enabled, which 'deployments check' calls drift. To stop it for good, disable it.
    """
    with _engine(session, prefect_api) as engine:
        deployment = engine.pause_deployment(trigger)
    _answer(session, deployment, f"paused deployment '{deployment.name}'")


def resume(session: Session, trigger: TriggerArgument, prefect_api: PrefectOption = None) -> None:
    """Undo a pause.

    A disabled trigger is refused: enabling it resumes its deployment.
    """
    with _engine(session, prefect_api) as engine:
        deployment = engine.resume_deployment(trigger)
    _answer(session, deployment, f"resumed deployment '{deployment.name}'")


def delete(session: Session, trigger: TriggerArgument, prefect_api: PrefectOption = None) -> None:
    """Delete the Prefect deployment of a scheduled trigger.

    And with it its runs that have not begun. The trigger stays.
    """
    with _engine(session, prefect_api) as engine:
        was_there = engine.delete_deployment(trigger)
    message = "deleted the deployment" if was_there else "there was no deployment"
    session.answer(
        {"success": True, "deployment": None, "message": message}, lambda: print_lines([f"{message} of {trigger}"])
    )


def check(session: Session, prefect_api: PrefectOption = None) -> int:
    """List where Prefect differs from what is stored.

    Missing deployments, other schedules, paused ones of enabled triggers, deployments of deleted triggers, and
    workflows' own deployments that have changed since. Exit code 1 where anything differs.
    """
    from flowforge_graph.wire import DriftDocument

    with _engine(session, prefect_api) as engine:
        drifts = engine.check_deployments()
    session.answer(
        {"success": not drifts, "drift": [DriftDocument.of(drift).as_json() for drift in drifts]},
        lambda: _print_drift(drifts),
    )
    return ExitCode.FAILED if drifts else ExitCode.OK


def repair(session: Session, prefect_api: PrefectOption = None) -> int:
    """Bring Prefect to what is stored, wherever it differs.

    Deployments of other databases are left alone. Exit code 1 where something could not be mended.
    """
    from flowforge_graph.wire import RepairDocument

    with _engine(session, prefect_api) as engine:
        repairs = engine.repair_deployments()
    is_mended = all(repair.action != "left" for repair in repairs)
    session.answer(
        {"success": is_mended, "repairs": [RepairDocument.of(repair).as_json() for repair in repairs]},
        lambda: _print_repairs(repairs),
    )
    return ExitCode.OK if is_mended else ExitCode.FAILED


@contextmanager
def _engine(session: Session, prefect_api: str | None) -> Iterator[TriggerEngine]:
    with connected_prefect(prefect_api) as server:
        from flowforge_graph.executors.prefect.deployments import PrefectDeployments

        with session.engine(deployments=PrefectDeployments(server)) as engine:
            yield engine


def _answer(session: Session, deployment: Deployment, done: str) -> None:
    from flowforge_graph.wire import DeploymentDocument, deployment_sentence

    message = deployment_sentence(deployment, done)
    session.answer(
        {"success": True, "deployment": DeploymentDocument.of(deployment).as_json(), "message": message},
        lambda: _print_deployment(deployment, done),
    )


def _print_deployment(deployment: Deployment, done: str) -> None:
    schedule = f"'{deployment.cron_expression}' {deployment.timezone}"
    state = "active" if deployment.schedule_active else "inactive"
    notes = [f"note: {note}" for note in deployment.notes]
    print_lines([done, f"schedule {schedule}: {state}", *notes, *_difference_lines(deployment)])


def _difference_lines(deployment: Deployment) -> Iterator[str]:
    if not deployment.difference_count:
        yield "the engine's rule and Prefect's agree on the next 400 days"
        return
    differing = count(deployment.difference_count, "fire time")
    yield f"{differing} of the next 400 days are not in both the engine's rule and Prefect's:"
    yield from (f"  {_difference(difference)}" for difference in deployment.differences)
    more = deployment.difference_count - len(deployment.differences)
    if more:
        yield f"  and {more} more"


def _difference(difference: ScheduleDifference) -> str:
    reasons = {"gap": " (clocks go forward)", "overlap": " (clocks go back)", None: ""}
    owner = "the engine" if difference.only == "engine" else "Prefect"
    return f"{instant(difference.at)}: only {owner} starts it{reasons[difference.reason]}"


def _print_drift(drifts: Sequence[DeploymentDrift]) -> None:
    rows = [(drift.trigger_id, drift.workflow_id or "-", drift.kind, drift.message) for drift in drifts]
    print_table(
        ("TRIGGER", "WORKFLOW", "DRIFT", "WHAT"), rows, nothing="Prefect's deployments are as the database says"
    )


def _print_repairs(repairs: Sequence[DeploymentRepair]) -> None:
    rows = [(repair.trigger_id, ", ".join(repair.kinds), repair.action, repair.message) for repair in repairs]
    print_table(("TRIGGER", "DRIFT", "DONE", "WHAT"), rows, nothing="there was nothing to mend")
