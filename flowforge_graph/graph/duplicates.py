"""When two triggers of one workflow say exactly the same: the rule, in one place."""

from __future__ import annotations

from collections.abc import Iterable

from flowforge_graph.errors import DuplicateTrigger, shown
from flowforge_graph.graph.edges import EdgeTuple, StandaloneTrigger
from flowforge_graph.model import AnyTrigger, DependencyTrigger, ScheduledTrigger


def unique_key(trigger: AnyTrigger) -> tuple[str, ...]:
    """What no two triggers of different id may share (rule 2); empty where triggers may repeat.

    Dependency triggers: workflow, upstream and condition. Scheduled triggers: workflow, name (or none), cron and
    zone. Manual and event triggers may repeat.
    """
    if isinstance(trigger, DependencyTrigger):
        return (trigger.workflow_id, trigger.depends_on_workflow_id, trigger.dependency_condition)
    if isinstance(trigger, ScheduledTrigger):
        return (trigger.workflow_id, trigger.trigger_name or "", trigger.cron_expression, trigger.timezone)
    return ()


def refuse_used_id(trigger_id: str) -> DuplicateTrigger:
    """The error for an id that a stored trigger has."""
    return DuplicateTrigger(f"there is already a trigger {shown(trigger_id)}: give the new one another id", trigger_id)


def refuse_equal_edge(edge: EdgeTuple, *, among: Iterable[EdgeTuple]) -> None:
    """Raise DuplicateTrigger if a trigger of another id ``among`` those of the same two workflows has its condition."""
    trigger_id, downstream, upstream, condition = edge[:4]
    for other_id, _, _, other_condition, *_ in among:
        if other_condition == condition and other_id != trigger_id:
            raise DuplicateTrigger(
                f"{shown(downstream)} already depends on {shown(upstream)} {condition}, by trigger {shown(other_id)}: "
                "change that one instead",
                other_id,
            )


def refuse_equal_standalone(trigger: StandaloneTrigger, *, among: Iterable[StandaloneTrigger]) -> None:
    """Raise DuplicateTrigger if a trigger of another id ``among`` those of the same workflow says the same."""
    key = unique_key(trigger)
    for other in among if key else ():
        if other.id != trigger.id and unique_key(other) == key:
            raise DuplicateTrigger(
                f"{shown(trigger.workflow_id)} already has a trigger with this name, cron expression and time zone, "
                f"{shown(other.id)}: give the new one another name or schedule",
                other.id,
            )
