"""Creating, changing and deleting workflows and triggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.engine.context import Context
from flowforge_graph.engine.definition_writes import DefinitionWrites
from flowforge_graph.errors import (
    InvalidTrigger,
    InvalidWorkflow,
    TriggerNotFound,
    WorkflowConflict,
    WorkflowNotFound,
    shown,
)
from flowforge_graph.model import (
    TRIGGER_CLASSES,
    AnyTrigger,
    Workflow,
    WorkflowDeletion,
)
from flowforge_graph.storage import Change

_CHANGEABLE = frozenset({"enabled", "trigger_name", "source"})
_CHANGEABLE_OF_WORKFLOWS = frozenset({"name", "description", "run", "run_folder", "tags"})


class Definitions:
    """Use cases that change what is defined."""

    def __init__(self, context: Context, writes: DefinitionWrites) -> None:
        self._context = context
        self._writes = writes

    # Workflows

    def create_workflow(self, workflow: Workflow) -> Workflow:
        """Store a new workflow."""

        def work(connection: Connection) -> tuple[Workflow, list[Change]]:
            if self._context.store.workflows.get(connection, workflow.id) is not None:
                raise WorkflowConflict(f"there is already a workflow '{workflow.id}'")
            return self._put_workflow(connection, workflow)

        return self._writes.change(work)

    def update_workflow(self, workflow_id: str, changes: Mapping[str, Any]) -> Workflow:
        """Change the given fields of a workflow."""

        def work(connection: Connection) -> tuple[Workflow, list[Change]]:
            stored = self._context.store.workflows.get(connection, workflow_id)
            if stored is None:
                raise WorkflowNotFound(workflow_id)
            changed = stored.evolve(**_checked_workflow_changes(stored, changes))
            return (stored, []) if changed == stored else self._put_workflow(connection, changed)

        return self._writes.change(work)

    def delete_workflow(self, workflow_id: str) -> WorkflowDeletion:
        """Delete a workflow with every trigger into and out of it; its pending executions end cancelled."""

        def work(connection: Connection) -> tuple[WorkflowDeletion, list[Change]]:
            if self._context.store.workflows.get(connection, workflow_id) is None:
                raise WorkflowNotFound(workflow_id)
            return self._writes.delete_workflow(connection, workflow_id, self._context.now())

        return self._writes.change(work)

    def _put_workflow(self, connection: Connection, workflow: Workflow) -> tuple[Workflow, list[Change]]:
        changes = DefinitionChanges(put_workflows=(workflow,))
        log = self._writes.write(connection, changes, self._context.now())
        stored = self._context.store.workflows.get(connection, workflow.id)
        assert stored is not None
        return stored, log

    # Triggers

    def create_triggers(self, triggers: Sequence[AnyTrigger]) -> list[AnyTrigger]:
        """Store new triggers, all or nothing; a refusal is the one that they would meet one at a time."""
        for trigger in triggers:
            _refuse_other_things(trigger)

        def work(connection: Connection) -> tuple[list[AnyTrigger], list[Change]]:
            changes = DefinitionChanges(put_triggers=tuple(triggers))
            log = self._writes.write(connection, changes, self._context.now(), only_new=True)
            stored = self._context.store.triggers.get_many(connection, [trigger.id for trigger in triggers])
            return [stored[trigger.id] for trigger in triggers], log

        return self._writes.change(work) if triggers else []

    def update_trigger(self, trigger_id: str, changes: Mapping[str, Any]) -> AnyTrigger:
        """Change the given fields of a trigger, checked as if it were gone; None clears an optional field."""

        def work(connection: Connection) -> tuple[AnyTrigger, list[Change]]:
            stored = self._stored(connection, trigger_id)
            changed = stored.evolve(**_checked_changes(stored, changes))
            if changed == stored:
                return stored, []
            log = self._writes.write(connection, DefinitionChanges(put_triggers=(changed,)), self._context.now())
            return self._stored(connection, trigger_id), log

        return self._writes.change(work)

    def delete_trigger(self, trigger_id: str) -> AnyTrigger:
        """Delete a trigger and answer it. What it has started stays."""

        def work(connection: Connection) -> tuple[AnyTrigger, list[Change]]:
            stored = self._stored(connection, trigger_id)
            changes = DefinitionChanges(delete_trigger_ids=(trigger_id,))
            return stored, self._writes.write(connection, changes, self._context.now())

        return self._writes.change(work)

    def _stored(self, connection: Connection, trigger_id: str) -> AnyTrigger:
        trigger = self._context.store.triggers.get(connection, trigger_id)
        if trigger is None:
            raise TriggerNotFound(trigger_id)
        return trigger

    # Files

    def stored(self) -> StoredDefinitions:
        """Everything that is defined, as of one instant."""
        store = self._context.store
        with store.database.read() as connection:
            return store.changes.while_unchanged(connection, lambda: self._all(connection))[1]

    def change_definitions(self, decide: Callable[[StoredDefinitions], DefinitionChanges]) -> DefinitionChanges:
        """Decide purely from what is stored and write the decision, under one lock."""

        def work(connection: Connection) -> tuple[DefinitionChanges, list[Change]]:
            changes = decide(self._all(connection))
            log = self._writes.write(connection, changes, self._context.now()) if changes else []
            return changes, log

        return self._writes.change(work)

    def _all(self, connection: Connection) -> StoredDefinitions:
        workflows = self._context.store.workflows.all(connection)
        triggers = self._context.store.triggers.find(connection)
        return StoredDefinitions(
            workflows={workflow.id: workflow for workflow in workflows},
            triggers={trigger.id: trigger for trigger in reversed(triggers)},
        )


def _refuse_other_things(trigger: object) -> None:
    if not isinstance(trigger, AnyTrigger):
        raise InvalidTrigger(f"a trigger must be one of the trigger values, not {shown(trigger)}")


def _checked_workflow_changes(stored: Workflow, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in changes:
        if name in Workflow.model_fields and name not in _CHANGEABLE_OF_WORKFLOWS:
            raise InvalidWorkflow(f"{name} of workflow '{stored.id}' cannot be changed to {shown(changes[name])}")
    return changes


def _checked_changes(stored: AnyTrigger, changes: Mapping[str, Any]) -> dict[str, Any]:
    allowed = _CHANGEABLE | stored.OWN_FIELDS
    for name in changes:
        if name not in allowed:
            raise InvalidTrigger(_refused_change(stored, name, changes[name]))
    return {name: _cleared(stored, name) if value is None else value for name, value in changes.items()}


def _refused_change(stored: AnyTrigger, name: str, value: object) -> str:
    owners = [kind for kind, values in TRIGGER_CLASSES.items() if name in values.OWN_FIELDS]
    if owners:
        return f"{name} belongs to {owners[0]} triggers, and '{stored.id}' is {stored.trigger_type}"
    if name in type(stored).model_fields:
        return f"{name} of trigger '{stored.id}' cannot be changed to {shown(value)}"
    return f"a trigger has no field '{name}'"


def _cleared(stored: AnyTrigger, name: str) -> Any:
    """What None means for a field: its default where it has one; a required field refuses None by itself."""
    field = type(stored).model_fields[name]
    return None if field.is_required() or name == "enabled" else field.get_default()
