"""The bodies that clients send: strict, camelCase, and nothing that is not known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import Body, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from flowforge_graph.model import MAX_DELAY_MINUTES, Condition, EndStatus, ScheduleOwner, TriggerType
from flowforge_graph.model.ids import MAX_ID_LENGTH, checked_id, checked_name
from flowforge_graph.model.json_values import checked_json_object


def _checked(check: Callable[..., Any]) -> AfterValidator:
    """A rule of the values, checked here already so that its sentence names the field as the client does."""

    def look(value: Any, info: ValidationInfo) -> Any:
        return check(value, field=to_camel(info.field_name or "value"))

    return AfterValidator(look)


def format_of(name: str) -> dict[str, Any]:
    """What a text is that no pattern says well, for OpenAPI's ``format``."""
    return {"format": name}


_ID_RULE: Final = "1 to 200 printable characters without slash, backslash or surrounding space"

Id = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ID_LENGTH, description=_ID_RULE, json_schema_extra=format_of("flowforge-id")),
    _checked(checked_id),
]
Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_ID_LENGTH,
        description="1 to 200 printable characters",
        json_schema_extra=format_of("flowforge-name"),
    ),
    _checked(checked_name),
]
# An empty one is as none.
OptionalName = Annotated[
    str,
    Field(
        max_length=MAX_ID_LENGTH,
        description="at most 200 printable characters; empty is as null",
        json_schema_extra=format_of("flowforge-name"),
    ),
    _checked(lambda value, field: value and checked_name(value, field=field)),
]
Cron = Annotated[
    str, Field(min_length=1, max_length=256, examples=["0 2 * * *"], json_schema_extra=format_of("cron-expression"))
]
Zone = Annotated[str, Field(examples=["America/New_York"], json_schema_extra=format_of("iana-time-zone"))]
Config = Annotated[dict[str, Any], _checked(checked_json_object)]
DelayMinutes = Annotated[int, Field(ge=0, le=MAX_DELAY_MINUTES, description="whole minutes")]

# The last of the year 9999.
_LAST_SECOND: Final = 253_402_300_799


class RequestBody(BaseModel):
    """A JSON object. "5" is no number here, and what is not known is refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)

    def given(self) -> dict[str, Any]:
        """The fields that the client has sent, by the names that they have in Python."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class _NewTrigger(RequestBody):
    trigger_name: OptionalName | None = None
    enabled: bool | None = Field(default=None, description="true where it is left out")

    def given(self) -> dict[str, Any]:
        """The fields that say something: forms send null, or an empty name, for what was not filled in."""
        given = {name: value for name, value in super().given().items() if value is not None}
        return given if given.get("trigger_name") else {**given, "trigger_name": None}


# What belongs to another kind may be there as null, as forms send it.


class _NoSchedule(RequestBody):
    cron_expression: None = None
    timezone: None = None
    schedule_owner: None = None


class _NoDependency(RequestBody):
    depends_on_workflow_id: None = None
    dependency_condition: None = None
    delay_minutes: None = None


class _NoEvent(RequestBody):
    event_type: None = None
    event_config: None = None


class NewManualTrigger(_NoSchedule, _NoDependency, _NoEvent, _NewTrigger):
    """A person starts the workflow."""

    trigger_type: Literal["manual"]


class NewScheduledTrigger(_NoDependency, _NoEvent, _NewTrigger):
    """A schedule starts the workflow."""

    trigger_type: Literal["scheduled"]
    cron_expression: Cron
    timezone: Zone | None = Field(default=None, description="an IANA name; UTC where it is left out")
    schedule_owner: ScheduleOwner | None = Field(default=None, description="who starts it; engine where it is left out")


class NewDependencyTrigger(_NoSchedule, _NoEvent, _NewTrigger):
    """The completion of another workflow starts the workflow."""

    trigger_type: Literal["dependency"]
    depends_on_workflow_id: Id
    dependency_condition: Condition | None = Field(default=None, description="on_success where it is left out")
    delay_minutes: DelayMinutes | None = Field(default=None, description="0 where it is left out")


class NewEventTrigger(_NoSchedule, _NoDependency, _NewTrigger):
    """An event starts the workflow."""

    trigger_type: Literal["event"]
    event_type: Id
    event_config: Config | None = None


WorkflowId = Annotated[str, Path(description="of a workflow", json_schema_extra=format_of("flowforge-id"))]
TriggerId = Annotated[str, Path(description="of a trigger", json_schema_extra=format_of("flowforge-id"))]
ExecutionId = Annotated[str, Path(description="of an execution", json_schema_extra=format_of("flowforge-id"))]

_TRIGGER_EXAMPLES: dict[str, Any] = {
    "after another workflow": {
        "value": {
            "triggerType": "dependency",
            "triggerName": "After customer ingestion",
            "dependsOnWorkflowId": "customer_ingestion",
            "dependencyCondition": "on_success",
            "delayMinutes": 5,
        }
    },
    "on a schedule": {
        "value": {
            "triggerType": "scheduled",
            "triggerName": "Nightly",
            "cronExpression": "0 2 * * *",
            "timezone": "America/New_York",
        }
    },
    "on an event": {"value": {"triggerType": "event", "eventType": "file.arrived"}},
    "by hand": {"value": {"triggerType": "manual"}},
}

NewTrigger = Annotated[
    NewManualTrigger | NewScheduledTrigger | NewDependencyTrigger | NewEventTrigger,
    Body(discriminator="trigger_type", openapi_examples=_TRIGGER_EXAMPLES),
]


class TriggerChanges(RequestBody):
    """What to change: only what is given; ``null`` clears an optional field. Never another kind's fields."""

    trigger_type: TriggerType | None = Field(default=None, description="as it is: it cannot be changed")
    trigger_name: OptionalName | None = None
    enabled: bool | None = None
    cron_expression: Cron | None = None
    timezone: Zone | None = None
    schedule_owner: ScheduleOwner | None = None
    depends_on_workflow_id: Id | None = None
    dependency_condition: Condition | None = None
    delay_minutes: DelayMinutes | None = None
    event_type: Id | None = None
    event_config: Config | None = None


class ProposedDependency(RequestBody):
    """A dependency that somebody thinks of adding."""

    depends_on_workflow_id: Id = Field(examples=["customer_ingestion"])


class PrefectRunBody(RequestBody):
    """A Prefect deployment. Commands and callables come only from files that are applied on the machine itself."""

    prefect: str = Field(
        description="flow/deployment",
        examples=["customer-silver/production"],
        json_schema_extra=format_of("prefect-deployment"),
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_programs(cls, value: object) -> object:
        for kind in ("command", "python"):
            if isinstance(value, dict) and kind in value:
                raise ValueError(
                    f"run may only name a Prefect deployment over the API, not a {kind}: "
                    "that comes from a file which is applied on the machine itself"
                )
        return value


class NewWorkflow(RequestBody):
    """A workflow that a Prefect deployment runs, or, without ``run``, the host itself."""

    id: Id | None = Field(default=None, description="made where it is left out", examples=["customer_silver"])
    name: Name | None = Field(default=None, description="the id where it is left out")
    description: Annotated[str, Field(max_length=10_000, json_schema_extra={"pattern": r"^[^\u0000]*$"})] | None = None
    tags: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    run: PrefectRunBody | None = None


class Start(RequestBody):
    """A start by hand. The same ``executionId`` again answers the same execution."""

    execution_id: Id | None = None
    trigger_id: Id | None = None
    parameters: dict[str, Any] | None = None
    caused_by_execution_id: Id | None = None


class End(RequestBody):
    """How an execution ended, and of which workflow it is."""

    status: EndStatus
    workflow_id: Id = Field(examples=["customer_ingestion"])
    error: str | None = Field(default=None, description="what went wrong; cut after 10,000 characters")
    external_id: Id | None = Field(
        default=None,
        description="the run of another engine that this was: the path then names the execution it carries",
    )
    run_count: int = Field(default=0, ge=0, le=2**31 - 1, description="how often that engine has started the run")
    parameters: dict[str, Any] | None = Field(
        default=None, description="of such a run, where it is recorded only now: downstream executions inherit them"
    )
    duration_ms: int | None = Field(default=None, ge=0, le=2**53, description="of such a run, by that engine's clock")
    trigger_id: Id | None = Field(default=None, description="the schedule of that engine which started such a run")
    fire_time: int | None = Field(
        default=None, ge=0, le=_LAST_SECOND, description="when it was to start, by that schedule: Unix seconds"
    )


class NewEvent(RequestBody):
    """An event: it starts every enabled event trigger of its type, once for each ``key``."""

    event_type: Id = Field(examples=["file.arrived"])
    key: Name = Field(examples=["landing/2026-01-20.csv"])
    payload: dict[str, Any] | None = None


FIELD_NAMES: Final = frozenset(
    str(field.alias)
    for body in (
        NewManualTrigger,
        NewScheduledTrigger,
        NewDependencyTrigger,
        NewEventTrigger,
        TriggerChanges,
        ProposedDependency,
        NewWorkflow,
        Start,
        End,
        NewEvent,
    )
    for field in body.model_fields.values()
)
