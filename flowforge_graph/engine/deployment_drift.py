"""How Prefect's deployments differ from what is stored: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowforge_graph.errors import DeploymentError
from flowforge_graph.model import Deployment, DeploymentDrift, DriftKind, ScheduledTrigger


def is_ours(deployment: Deployment, database: str) -> bool:
    """Whether the engines of this database may change a deployment: they made it, or nobody says who did."""
    return deployment.database in (None, database)


def drift_of(
    trigger: ScheduledTrigger, planned: Deployment | DeploymentError, found: Sequence[Deployment], database: str
) -> Iterator[DeploymentDrift]:
    """What differs between a trigger and the deployments of its name.

    Args:
        trigger: as it is stored.
        planned: its deployment as it should be, or why there can be none.
        found: the deployments of its name, whoever made them.
        database: the name of the database that stores the trigger.
    """

    def drift(kind: DriftKind, message: str, *, mendable: bool = True) -> DeploymentDrift:
        return DeploymentDrift(
            trigger_id=trigger.id, workflow_id=trigger.workflow_id, kind=kind, message=message, mendable=mendable
        )

    ours = [deployment for deployment in found if is_ours(deployment, database)]
    if isinstance(planned, DeploymentError):
        yield drift("unrunnable", str(planned), mendable=bool(ours))
        return
    if any(not is_ours(d, database) and d.flow_id == planned.flow_id for d in found):
        yield drift("taken", taken(planned), mendable=False)
        return
    here = [deployment for deployment in ours if deployment.flow_id == planned.flow_id]
    if len(here) < len(ours):
        yield drift("flow", "there is a deployment in another flow than the workflow's")
    if not here:
        if trigger.schedule_owner == "prefect" and trigger.enabled:
            yield drift("missing", "Prefect should start it and has no deployment of it")
        return
    for kind, message in _differences(here[0], planned):
        yield drift(kind, message)


def orphans(found: Sequence[Deployment], trigger_ids: frozenset[str], database: str) -> Iterator[DeploymentDrift]:
    """The deployments that name a trigger which is not stored, or is no scheduled one; other databases' are theirs."""
    for deployment in found:
        if deployment.trigger_id in trigger_ids or not is_ours(deployment, database):
            continue
        is_known_as_ours = deployment.database is not None
        words = "" if is_known_as_ours else ", and nothing says which database made it: delete it in Prefect"
        yield DeploymentDrift(
            trigger_id=deployment.trigger_id,
            workflow_id=deployment.workflow_id,
            kind="orphan",
            message=f"there is no such scheduled trigger{words}",
            mendable=is_known_as_ours,
        )


def taken(planned: Deployment) -> str:
    """What is wrong where another database has the deployment of this name."""
    return (
        f"another database's engine has made the deployment '{planned.name}' in this flow: "
        "delete it there, or give the workflow a deployment of another flow"
    )


def _differences(actual: Deployment, planned: Deployment) -> Iterator[tuple[DriftKind, str]]:
    rhythm, wanted = _rhythm(actual), _rhythm(planned)
    if rhythm != wanted:
        yield "schedule", f"Prefect has the schedule {_said(rhythm)}, stored is {_said(wanted)}"
    if actual.schedule_active != planned.schedule_active:
        owner = "Prefect" if planned.schedule_active else "the engine"
        state = "inactive" if planned.schedule_active else "active"
        yield "owner", f"{owner} owns the schedule, and it is {state} in Prefect"
    if actual.paused != planned.paused:
        states = "enabled, and its deployment is" if actual.paused else "disabled, and its deployment is not"
        yield "paused", f"the trigger is {states} paused"
    changed = _changed_details(actual, planned)
    if changed:
        yield "base", f"the workflow's own deployment has changed since: {', '.join(changed)}"


# The details that belong to the schedule; all others are copied from the workflow's own deployment.
_DAY_OR, _OTHERS = "day_or", "other_schedules"


def _rhythm(deployment: Deployment) -> tuple[str | None, str | None, bool, int]:
    details = deployment.details or {}
    is_either_day = details.get(_DAY_OR) is not False
    return deployment.cron_expression, deployment.timezone, is_either_day, details.get(_OTHERS) or 0


def _said(rhythm: tuple[str | None, str | None, bool, int]) -> str:
    cron, zone, is_either_day, others = rhythm
    more = f" and {others} more" if others else ""
    if cron is None:
        return f"without a cron expression{more}"
    return f"'{cron}' {zone}{'' if is_either_day else ' on days that match by day and by weekday'}{more}"


def _changed_details(actual: Deployment, planned: Deployment) -> list[str]:
    before, after = actual.details or {}, planned.details or {}
    copied = {*before, *after} - {_DAY_OR, _OTHERS}
    return [name for name in sorted(copied) if before.get(name) != after.get(name)]
