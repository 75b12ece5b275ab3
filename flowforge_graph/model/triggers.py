"""The four kinds of trigger: what starts a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field

from flowforge_graph.errors import InvalidTrigger, shown
from flowforge_graph.model.ids import (
    RESERVED_TRIGGER_IDS,
    RESERVED_WORKFLOW_IDS,
    checked_id,
    checked_name,
    new_id,
)
from flowforge_graph.model.json_values import JsonObject, checked_json_object
from flowforge_graph.model.values import Instant, Value, checked, within
from flowforge_graph.schedules import CronExpression, MisfirePolicy, zone

TriggerType = Literal["manual", "scheduled", "dependency", "event"]
Condition = Literal["on_success", "on_failure", "on_completion"]
ScheduleOwner = Literal["engine", "prefect"]

TRIGGER_TYPES: tuple[str, ...] = get_args(TriggerType)
CONDITIONS: tuple[str, ...] = get_args(Condition)
MAX_DELAY_MINUTES = 60

_WorkflowId = Annotated[str, checked(checked_id, "workflow_id", reserved=RESERVED_WORKFLOW_IDS)]
_UpstreamId = Annotated[str, checked(checked_id, "depends_on_workflow_id", reserved=RESERVED_WORKFLOW_IDS)]
_TriggerId = Annotated[str, checked(checked_id, "id", reserved=RESERVED_TRIGGER_IDS)]


def _canonical_cron(value: Any) -> str:
    return CronExpression.parse(value).text


def _zone_name(value: Any) -> str:
    return zone(value).key


class _Trigger(Value):
    """What all triggers have. ``created_at``, ``updated_at`` and ``source`` are filled by the engine that stores it."""

    refusal = InvalidTrigger

    id: _TriggerId = Field(default_factory=new_id)
    workflow_id: _WorkflowId
    enabled: bool = True
    trigger_name: Annotated[str, checked(checked_name, "trigger_name")] | None = None
    source: Annotated[str, checked(checked_name, "source")] | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None

    OWN_FIELDS: ClassVar[frozenset[str]] = frozenset()

    def __hash__(self) -> int:
        return hash((self.id, self.workflow_id))


class ManualTrigger(_Trigger):
    """A person (or a program) starts the workflow. Always possible; storing one gives it a name and a history."""

    trigger_type: Literal["manual"] = "manual"

    __hash__ = _Trigger.__hash__


class ScheduledTrigger(_Trigger):
    """A schedule starts the workflow: at every fire time of ``cron_expression`` in ``timezone``.

    ``planned_until`` is the instant up to which fire times were planned; ``next_run_at`` is its cache and
    ``last_run_at`` the last fire time that started an execution. The engine keeps all three.
    """

    trigger_type: Literal["scheduled"] = "scheduled"
    cron_expression: Annotated[str, BeforeValidator(_canonical_cron)]
    timezone: Annotated[str, BeforeValidator(_zone_name)] = "UTC"
    misfire_policy: MisfirePolicy = "latest"
    schedule_owner: ScheduleOwner = "engine"
    planned_until: Instant | None = None
    next_run_at: Instant | None = None
    last_run_at: Instant | None = None

    OWN_FIELDS = frozenset({"cron_expression", "timezone", "misfire_policy", "schedule_owner"})

    @property
    def rhythm(self) -> tuple[str, ...]:
        """What its fire times follow from, and who starts it: of another rhythm it is another schedule."""
        return (self.cron_expression, self.timezone, self.schedule_owner)

    __hash__ = _Trigger.__hash__


class DependencyTrigger(_Trigger):
    """The completion of another workflow starts this one, if its outcome meets the condition, after the delay.

    ``delay_minutes`` is whole minutes, 0–60. That a workflow cannot depend on itself is the graph's rule, not the
    value's: the graph refuses it with the chain.
    """

    trigger_type: Literal["dependency"] = "dependency"
    depends_on_workflow_id: _UpstreamId
    dependency_condition: Condition = "on_success"
    delay_minutes: Annotated[int, within(0, MAX_DELAY_MINUTES, field="delay_minutes")] = 0

    OWN_FIELDS = frozenset({"depends_on_workflow_id", "dependency_condition", "delay_minutes"})
    __hash__ = _Trigger.__hash__


class EventTrigger(_Trigger):
    """An event of ``event_type`` starts the workflow, once per event key. ``event_config`` is kept for the host."""

    trigger_type: Literal["event"] = "event"
    event_type: Annotated[str, checked(checked_id, "event_type")]
    event_config: Annotated[JsonObject, checked(checked_json_object, "event_config")] | None = None

    OWN_FIELDS = frozenset({"event_type", "event_config"})
    __hash__ = _Trigger.__hash__


AnyTrigger = ManualTrigger | ScheduledTrigger | DependencyTrigger | EventTrigger

# The same as a type for pydantic, which reads the kind from ``trigger_type``.
Trigger = Annotated[AnyTrigger, Field(discriminator="trigger_type")]

TRIGGER_CLASSES: Mapping[str, type[AnyTrigger]] = {
    "manual": ManualTrigger,
    "scheduled": ScheduledTrigger,
    "dependency": DependencyTrigger,
    "event": EventTrigger,
}


def parse_trigger(fields: Mapping[str, Any]) -> AnyTrigger:
    """Build the trigger that ``fields["trigger_type"]`` names; raise InvalidTrigger or InvalidSchedule."""
    kind = fields.get("trigger_type")
    if not isinstance(kind, str) or kind not in TRIGGER_CLASSES:
        raise InvalidTrigger(f"trigger_type must be one of {', '.join(TRIGGER_TYPES)}, not {shown(kind)}")
    return TRIGGER_CLASSES[kind](**fields)
