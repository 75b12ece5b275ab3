"""Prefect's deployments of scheduled triggers, their drift and their repair."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, get_args

from hypothesis import strategies as st

from flowforge_graph.model import Deployment, DeploymentDrift, DeploymentRepair, DriftKind, ScheduleDifference
from flowforge_graph.model.deployments import RepairAction
from flowforge_graph.schedules import ClockChange
from flowforge_graph.testing.strategies.names import numbered_ids, workflow_ids
from flowforge_graph.testing.strategies.triggers import triggers
from flowforge_graph.testing.strategies.values import built, several, whole_minutes

_KIND = st.sampled_from(get_args(DriftKind))
_MESSAGE = st.sampled_from(("the schedule differs", "Prefect has no deployment 'load/nightly'"))


def schedule_differences() -> st.SearchStrategy[ScheduleDifference]:
    """Fire times of one scheduler only."""
    only, reason = st.sampled_from(("engine", "prefect")), st.sampled_from(get_args(ClockChange))
    return built(ScheduleDifference, {"at": whole_minutes(), "only": only}, {"reason": reason})


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    """Deployments of scheduled triggers, planned or made, as their triggers say."""
    trigger = draw(triggers("scheduled"))
    differences = sorted(draw(several(schedule_differences(), by="at")), key=attrgetter("at"))
    is_made, more = draw(st.booleans()), draw(st.integers(0, 100))
    said: dict[str, Any] = {"id": f"deployment of {trigger.id}", "database": "postgresql://db/flowforge"}
    return Deployment(
        **(said if is_made else {"id": None}),
        name=f"flowforge-trigger-{trigger.id}",
        trigger_id=trigger.id,
        workflow_id=trigger.workflow_id,
        flow_id="load",
        cron_expression=trigger.cron_expression,
        timezone=trigger.timezone,
        schedule_active=trigger.schedule_owner == "prefect",
        paused=not trigger.enabled,
        differences=tuple(differences),
        difference_count=len(differences) + more if differences else 0,
    )


def deployment_drifts() -> st.SearchStrategy[DeploymentDrift]:
    """One thing in which Prefect differs, of any kind."""
    required = {"trigger_id": numbered_ids("t"), "workflow_id": workflow_ids(), "kind": _KIND, "message": _MESSAGE}
    return built(DeploymentDrift, required, {"mendable": st.booleans()})


def deployment_repairs() -> st.SearchStrategy[DeploymentRepair]:
    """What was done about one kind of drift or several."""
    return st.builds(
        DeploymentRepair,
        trigger_id=numbered_ids("t"),
        kinds=st.lists(_KIND, min_size=1, max_size=3, unique=True).map(tuple),
        action=st.sampled_from(get_args(RepairAction)),
        message=_MESSAGE,
    )
