"""A database of definitions in memory, so that planning is tested without any."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flowforge_graph.definitions import Plan, apply_definitions, parse_definitions
from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.errors import DuplicateTrigger
from flowforge_graph.graph.duplicates import unique_key
from flowforge_graph.model import AnyTrigger, DependencyTrigger, Workflow


class MemoryStore:
    """Writes changes as the engine promises to: deletes first, then puts in place or at the end."""

    def __init__(self, workflows: Iterable[Workflow] = (), triggers: Iterable[AnyTrigger] = ()) -> None:
        self.workflows = {workflow.id: workflow for workflow in workflows}
        self.triggers = {trigger.id: trigger for trigger in triggers}
        self.writes = 0

    def stored_definitions(self) -> StoredDefinitions:
        return StoredDefinitions(workflows=dict(self.workflows), triggers=dict(self.triggers))

    def change_definitions(self, decide: Callable[[StoredDefinitions], DefinitionChanges]) -> DefinitionChanges:
        changes = decide(self.stored_definitions())
        self.writes += bool(changes)
        for trigger_id in changes.delete_trigger_ids:
            del self.triggers[trigger_id]
        for workflow_id in changes.delete_workflow_ids:
            self._delete_workflow(workflow_id)
        self.workflows |= {workflow.id: workflow for workflow in changes.put_workflows}
        for trigger in changes.put_triggers:
            self.put(trigger)
        return changes

    def put(self, trigger: AnyTrigger) -> None:
        """Store a trigger; what says the same as another row is refused, as by a unique key of the database."""
        for row in self.triggers.values():
            if row.id != trigger.id and unique_key(trigger) and unique_key(row) == unique_key(trigger):
                raise DuplicateTrigger(f"'{trigger.id}' says the same as '{row.id}'", row.id)
        self.triggers[trigger.id] = trigger

    def _delete_workflow(self, workflow_id: str) -> None:
        del self.workflows[workflow_id]
        gone = [trigger.id for trigger in self.triggers.values() if workflow_id in _ends(trigger)]
        for trigger_id in gone:
            del self.triggers[trigger_id]


def _ends(trigger: AnyTrigger) -> set[str]:
    upstream = {trigger.depends_on_workflow_id} if isinstance(trigger, DependencyTrigger) else set()
    return {trigger.workflow_id} | upstream


def applied(store: MemoryStore, text: str, *, name: str = "sales", prune: bool = False) -> Plan:
    """Apply a file whose workflows ``text`` gives, as lines under ``workflows:``."""
    definitions = parse_definitions(f"version: 1\nname: {name}\nworkflows:\n{text}", path=f"/srv/{name}.yaml")
    return apply_definitions(store, definitions, prune=prune)
