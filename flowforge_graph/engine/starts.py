"""Starts that are nobody's downstream: a person's (always possible) and an event's (once per trigger and key)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.telling import tell_of_created
from flowforge_graph.errors import (
    ExecutionConflict,
    ExecutionNotFound,
    InvalidExecution,
    TriggerNotFound,
    WorkflowNotFound,
)
from flowforge_graph.evaluation import cause_id
from flowforge_graph.model import EventTrigger, Execution
from flowforge_graph.model.ids import checked_id, checked_name, new_id
from flowforge_graph.model.json_values import JsonObject, checked_json_object


class Starts:
    """Use cases that make root executions."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(
        self,
        workflow_id: str,
        parameters: Mapping[str, Any] | None,
        *,
        execution_id: str | None,
        trigger_id: str | None,
        caused_by: str | None,
    ) -> Execution:
        """A manual start; the same execution id again answers the stored execution."""
        wanted_id = new_id() if execution_id is None else _checked("execution_id", execution_id)
        wanted = _checked_object("parameters", parameters)

        def work(connection: Connection) -> Execution:
            return self._stored(connection, wanted_id, workflow_id) or self._insert(
                connection, wanted_id, workflow_id, wanted, trigger_id=trigger_id, caused_by=caused_by
            )

        execution = self._context.store.database.run(work)
        self._context.wake.call()
        return execution

    def emit(self, event_type: str, payload: Mapping[str, Any] | None, *, key: str) -> list[Execution]:
        """Start every enabled event trigger of this type, once per (trigger, key)."""
        event_type, key = _checked("event_type", event_type), _checked_key(key)
        parameters = _checked_object("payload", payload)
        executions = self._context.store.database.run(
            lambda connection: self._emit(connection, event_type, parameters, key)
        )
        self._context.wake.call()
        return executions

    def _stored(self, connection: Connection, execution_id: str, workflow_id: str) -> Execution | None:
        stored = self._context.store.executions.get(connection, execution_id)
        if stored is not None and stored.workflow_id != workflow_id:
            raise ExecutionConflict(
                f"execution '{execution_id}' exists and is of workflow '{stored.workflow_id}', not of '{workflow_id}'"
            )
        if stored is None and execution_id in self._context.store.tombstones.of(connection, [execution_id]):
            raise ExecutionConflict(f"execution '{execution_id}' ran and was pruned: it cannot start again")
        return stored

    def _insert(
        self,
        connection: Connection,
        execution_id: str,
        workflow_id: str,
        parameters: JsonObject,
        *,
        trigger_id: str | None,
        caused_by: str | None,
    ) -> Execution:
        store, now = self._context.store, self._context.now()
        workflow = store.workflows.get(connection, workflow_id)
        if workflow is None:
            raise WorkflowNotFound(workflow_id)
        execution = Execution(
            id=execution_id,
            workflow_id=workflow_id,
            workflow_name=workflow.name,
            trigger_id=trigger_id,
            trigger_name=self._trigger_name(connection, trigger_id, workflow_id),
            parameters=parameters,
            **self._place_in_cascade(connection, execution_id, caused_by),
            **_due(now),
        )
        store.executions.insert(connection, [execution])
        tell_of_created(self._context.facts, [execution])
        return self._stored(connection, execution_id, workflow_id) or execution

    def _trigger_name(self, connection: Connection, trigger_id: str | None, workflow_id: str) -> str | None:
        if trigger_id is None:
            return None
        trigger = self._context.store.triggers.get(connection, trigger_id)
        if trigger is None:
            raise TriggerNotFound(trigger_id)
        if trigger.workflow_id != workflow_id:
            raise InvalidExecution(f"trigger '{trigger_id}' starts '{trigger.workflow_id}', not '{workflow_id}'")
        return trigger.trigger_name

    def _place_in_cascade(self, connection: Connection, execution_id: str, caused_by: str | None) -> dict[str, Any]:
        if caused_by is None:
            return {"root_execution_id": execution_id}
        executions = self._context.store.executions
        # Locked with its root, so that the cascade cannot be pruned meanwhile.
        locked = executions.lock(connection, [caused_by]).get(caused_by)
        if locked is None:
            raise ExecutionNotFound(caused_by)
        cause = locked.execution
        executions.grow_cascades(connection, {cause.root_execution_id: 1})
        return {"root_execution_id": cause.root_execution_id, "hop": cause.hop, "caused_by_execution_id": cause.id}

    def _emit(self, connection: Connection, event_type: str, parameters: JsonObject, key: str) -> list[Execution]:
        store, now = self._context.store, self._context.now()
        triggers = [
            trigger
            for trigger in store.triggers.enabled_of_event(connection, event_type)
            if isinstance(trigger, EventTrigger)
        ]
        # On PostgreSQL a workflow may go between the two questions, and its triggers with it.
        workflows = store.workflows.get_many(connection, {trigger.workflow_id for trigger in triggers})
        starts = [
            _event_start(trigger, workflows[trigger.workflow_id].name, parameters, key, now)
            for trigger in triggers
            if trigger.workflow_id in workflows
        ]
        pruned = store.tombstones.of(connection, [start.id for start in starts])
        new = frozenset(store.executions.insert_new(connection, [start for start in starts if start.id not in pruned]))
        tell_of_created(self._context.facts, [start for start in starts if start.id in new])
        return store.executions.of_event(connection, trigger_ids=[trigger.id for trigger in triggers], event_key=key)


def _event_start(
    trigger: EventTrigger, workflow_name: str, parameters: JsonObject, key: str, now: datetime
) -> Execution:
    execution_id = cause_id(trigger.id, key)
    return Execution(
        id=execution_id,
        workflow_id=trigger.workflow_id,
        workflow_name=workflow_name,
        trigger_type="event",
        trigger_id=trigger.id,
        trigger_name=trigger.trigger_name,
        root_execution_id=execution_id,
        event_key=key,
        parameters=parameters,
        **_due(now),
    )


def _due(now: datetime) -> dict[str, Any]:
    return {"created_at": now, "run_after": now, "available_at": now}


def _checked(field: str, value: str) -> str:
    try:
        return checked_id(value, field=field)
    except ValueError as error:
        raise InvalidExecution(str(error)) from None


def _checked_key(key: str) -> str:
    """Not an id: the natural key of an event is often a path or a URL."""
    try:
        return checked_name(key, field="key")
    except ValueError as error:
        raise InvalidExecution(str(error)) from None


def _checked_object(field: str, value: Mapping[str, Any] | None) -> JsonObject:
    try:
        return checked_json_object({} if value is None else value, field=field)
    except ValueError as error:
        raise InvalidExecution(str(error)) from None
