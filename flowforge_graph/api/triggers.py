"""Triggers over REST."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response
from pydantic.alias_generators import to_camel

from flowforge_graph.api.answers import SuccessAnswer, TriggerAnswer, TriggersAnswer, answer, answers
from flowforge_graph.api.paths import trigger_of
from flowforge_graph.api.requests import (
    NewTrigger,
    ProposedDependency,
    TriggerChanges,
    TriggerId,
    WorkflowId,
    format_of,
)
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import DuplicateTrigger, InvalidTrigger, TriggerNotFound, shown
from flowforge_graph.model import AnyTrigger, parse_trigger
from flowforge_graph.wire import (
    DependencyGraphDocument,
    HistoryDocument,
    PreviewDocument,
    TriggerDocument,
    ValidationDocument,
)

MOST_NEXT_RUNS: Final = 20
MOST_HISTORY: Final = 50

# Makes the id of a trigger from the client's key: a repeat meets the UNIQUE id in the database, in any process.
_KEYS: Final = uuid.UUID("3a0d3d0c-3a0e-4e36-9b0e-51a3c1f4f7a1")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="the same key for the same workflow creates one trigger, however often it is sent",
    ),
]


class TriggerRoutes:
    """The routes on triggers."""

    def __init__(self, engine: TriggerEngine) -> None:
        self._engine = engine

    def add_to(self, *, read: APIRouter, write: APIRouter) -> None:
        """Add them to the routers of their scopes; what has a fixed last word comes before what has an id there."""
        triggers = "/workflows/{workflow_id}/triggers"
        trigger = f"{triggers}/{{trigger_id}}"
        tags: dict[str, Any] = {"tags": ["triggers"]}
        read.get(triggers, **answers(TriggersAnswer, 404), **tags)(self.list_triggers)
        read.get(f"{triggers}/schedule/preview", **answers(PreviewDocument, 400, 404), **tags)(self.preview_schedule)
        read.get(f"{triggers}/dependencies", **answers(DependencyGraphDocument, 400, 404), **tags)(
            self.get_dependencies
        )
        read.post(f"{triggers}/validate-dependency", **answers(ValidationDocument, 400, 404, 413), **tags)(
            self.validate_dependency
        )
        read.get(trigger, **answers(TriggerAnswer, 404), **tags)(self.get_trigger)
        read.get(f"{trigger}/preview", **answers(PreviewDocument, 400, 404), **tags)(self.preview_trigger)
        read.get(f"{trigger}/history", **answers(HistoryDocument, 400, 404), **tags)(self.get_history)
        write.post(triggers, **answers(TriggerAnswer, 400, 404, 409, 413, status_code=201), **tags)(self.create_trigger)
        write.put(trigger, **answers(TriggerAnswer, 400, 404, 409, 413), **tags)(self.update_trigger)
        write.delete(trigger, **answers(SuccessAnswer, 404), **tags)(self.delete_trigger)
        write.patch(f"{trigger}/enable", **answers(TriggerAnswer, 404), **tags)(self.enable_trigger)
        write.patch(f"{trigger}/disable", **answers(TriggerAnswer, 404), **tags)(self.disable_trigger)

    # Looking

    def list_triggers(self, workflow_id: WorkflowId) -> Response:
        """All triggers of a workflow, newest first."""
        triggers = self._engine.get_triggers(workflow_id)
        return answer(TriggersAnswer(triggers=self._documents(triggers)))

    def get_trigger(self, workflow_id: WorkflowId, trigger_id: TriggerId) -> Response:
        """One trigger of a workflow."""
        return self._one(self._trigger_of(workflow_id, trigger_id))

    def get_history(
        self,
        workflow_id: WorkflowId,
        trigger_id: TriggerId,
        limit: Annotated[int, Query(ge=1, description=f"more than {MOST_HISTORY} counts as {MOST_HISTORY}")] = 10,
    ) -> Response:
        """The executions that a trigger started, newest first."""
        self._engine.get_workflow(workflow_id)
        executions = self._engine.get_trigger_history(trigger_id, limit=min(limit, MOST_HISTORY))
        if not executions:
            self._trigger_of(workflow_id, trigger_id)
        elif executions[0].workflow_id != workflow_id:
            raise TriggerNotFound(trigger_id)
        return answer(HistoryDocument.of(executions))

    def preview_schedule(
        self,
        workflow_id: WorkflowId,
        cron: Annotated[
            str,
            Query(
                description="five fields, or @daily and the like",
                examples=["0 2 * * *"],
                json_schema_extra=format_of("cron-expression"),
            ),
        ],
        timezone: Annotated[
            str, Query(description="an IANA name", json_schema_extra=format_of("iana-time-zone"))
        ] = "UTC",
        count: Annotated[int, Query(ge=1, description=f"more than {MOST_NEXT_RUNS} counts as {MOST_NEXT_RUNS}")] = 5,
    ) -> Response:
        """The next runs of a schedule that need not be stored, and what it says in English."""
        self._engine.get_workflow(workflow_id)
        preview = self._engine.preview_schedule(cron, timezone, count=min(count, MOST_NEXT_RUNS))
        return answer(PreviewDocument.of(preview))

    def preview_trigger(
        self,
        workflow_id: WorkflowId,
        trigger_id: TriggerId,
        count: Annotated[int, Query(ge=1, description=f"more than {MOST_NEXT_RUNS} counts as {MOST_NEXT_RUNS}")] = 5,
    ) -> Response:
        """The next runs of a stored schedule, by the rule of its owner: the engine, or Prefect."""
        self._trigger_of(workflow_id, trigger_id)
        return answer(PreviewDocument.of(self._engine.preview_trigger(trigger_id, count=min(count, MOST_NEXT_RUNS))))

    def get_dependencies(
        self,
        workflow_id: WorkflowId,
        transitive: Annotated[bool, Query(description="follow enabled triggers all the way")] = False,
    ) -> Response:
        """The enabled dependency triggers into and out of a workflow, a row a trigger."""
        return answer(DependencyGraphDocument.of(self._engine.get_dependency_graph(workflow_id, transitive=transitive)))

    def validate_dependency(self, workflow_id: WorkflowId, body: ProposedDependency) -> Response:
        """Whether a workflow could depend on another one; if not, the chain of the cycle."""
        validation = self._engine.validate_dependency(workflow_id, body.depends_on_workflow_id)
        return answer(ValidationDocument.of(validation))

    # Changing

    def create_trigger(
        self, workflow_id: WorkflowId, body: NewTrigger, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Store a new trigger. A dependency that would close a cycle is refused with its chain."""
        self._engine.get_workflow(workflow_id)
        fields = {**body.given(), "workflow_id": workflow_id}
        if idempotency_key is None:
            return self._one(self._engine.create_trigger(parse_trigger(fields)), status_code=201)
        trigger = parse_trigger({**fields, "id": str(uuid.uuid5(_KEYS, f"{workflow_id}\n{idempotency_key}"))})
        return self._one(self._created_once(trigger, idempotency_key), status_code=201)

    def update_trigger(self, workflow_id: WorkflowId, trigger_id: TriggerId, body: TriggerChanges) -> Response:
        """Change the given fields of a trigger, and nothing else."""
        stored = self._trigger_of(workflow_id, trigger_id)
        return self._one(self._engine.update_trigger(trigger_id, **_checked_changes(stored, body.given())))

    def delete_trigger(self, workflow_id: WorkflowId, trigger_id: TriggerId) -> Response:
        """Delete a trigger. What it has started stays; what waits because of it is cancelled when its time comes."""
        self._trigger_of(workflow_id, trigger_id)
        self._engine.delete_trigger(trigger_id)
        return answer(SuccessAnswer())

    def enable_trigger(self, workflow_id: WorkflowId, trigger_id: TriggerId) -> Response:
        """Let a trigger start executions. What a schedule missed while it was disabled is not caught up."""
        self._trigger_of(workflow_id, trigger_id)
        return self._one(self._engine.enable_trigger(trigger_id))

    def disable_trigger(self, workflow_id: WorkflowId, trigger_id: TriggerId) -> Response:
        """Keep a trigger from starting anything; it stays an edge of the graph."""
        self._trigger_of(workflow_id, trigger_id)
        return self._one(self._engine.disable_trigger(trigger_id))

    # Parts

    def _trigger_of(self, workflow_id: str, trigger_id: str) -> AnyTrigger:
        return trigger_of(self._engine, workflow_id=workflow_id, trigger_id=trigger_id)

    def _created_once(self, trigger: AnyTrigger, key: str) -> AnyTrigger:
        try:
            return self._engine.create_trigger(trigger)
        except DuplicateTrigger as error:
            if error.existing_id != trigger.id:
                raise
        stored = self._engine.get_trigger(trigger.id)
        if stored.updated_at == stored.created_at and _said(stored) != _said(trigger):
            raise DuplicateTrigger(f"the Idempotency-Key {shown(key)} was sent before, with another trigger", stored.id)
        return stored

    def _documents(self, triggers: list[AnyTrigger]) -> list[TriggerDocument]:
        upstream = {trigger.depends_on_workflow_id for trigger in triggers if trigger.trigger_type == "dependency"}
        names = self._engine.get_workflow_names(upstream)
        return [TriggerDocument.of(trigger, names) for trigger in triggers]

    def _one(self, trigger: AnyTrigger, *, status_code: int = 200) -> Response:
        (document,) = self._documents([trigger])
        return answer(TriggerAnswer(trigger=document), status_code)


def _checked_changes(stored: AnyTrigger, given: dict[str, Any]) -> dict[str, Any]:
    """The changes of a stored trigger that a body asks for, in the words of the body where it asks for too much."""
    kind = given.pop("trigger_type", stored.trigger_type)
    if kind != stored.trigger_type:
        raise InvalidTrigger(f"triggerType cannot be changed from {stored.trigger_type}: create another trigger")
    for name, value in given.items():
        if name not in {"trigger_name", "enabled", *stored.OWN_FIELDS}:
            raise InvalidTrigger(f"{to_camel(name)} is no field of {stored.trigger_type} triggers")
        if value is None or (name, value) == ("trigger_name", ""):
            given[name] = _cleared(stored, name)
    return given


def _cleared(stored: AnyTrigger, name: str) -> Any:
    """What a field is without a value: as if it had been left out when the trigger was made."""
    field = type(stored).model_fields[name]
    if name == "enabled" or field.is_required():
        raise InvalidTrigger(f"{to_camel(name)} cannot be null")
    return field.default


def _said(trigger: AnyTrigger) -> dict[str, Any]:
    """What its creator said of a trigger."""
    names = {"trigger_type", "trigger_name", "enabled", *trigger.OWN_FIELDS}
    return {name: getattr(trigger, name) for name in names}
