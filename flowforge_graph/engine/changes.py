"""A whole file's worth of changes, decided purely from what is stored and written in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flowforge_graph.model import AnyTrigger, DependencyTrigger, Workflow


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredDefinitions:
    """All stored workflows and triggers, by id, triggers in creation order."""

    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    triggers: Mapping[str, AnyTrigger] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class DefinitionChanges:
    """What to delete, then what to put: a put creates the row of that id, or changes the stored one in place.

    Deleting a workflow takes its triggers and cancels its pending executions. Put triggers keep their stored
    creation order, and a scheduled one its ``planned_until`` unless cron, zone or ``enabled`` changed.
    """

    delete_workflow_ids: tuple[str, ...] = ()
    delete_trigger_ids: tuple[str, ...] = ()
    put_workflows: tuple[Workflow, ...] = ()
    put_triggers: tuple[AnyTrigger, ...] = ()

    def __bool__(self) -> bool:
        return any((self.delete_workflow_ids, self.delete_trigger_ids, self.put_workflows, self.put_triggers))

    def deleted_triggers(self, stored: StoredDefinitions) -> list[AnyTrigger]:
        """The stored triggers that go: by their own ids, or with a workflow into or out of which they lead."""
        ids, workflow_ids = set(self.delete_trigger_ids), set(self.delete_workflow_ids)
        return [
            trigger
            for trigger in stored.triggers.values()
            if trigger.id in ids or not workflow_ids.isdisjoint(workflows_of(trigger))
        ]

    def rerouted_triggers(self, stored: StoredDefinitions) -> list[AnyTrigger]:
        """The stored triggers that stay, of workflows which then run otherwise."""
        before = stored.workflows
        rerouted = {w.id for w in self.put_workflows if w.id in before and before[w.id].run != w.run}
        gone = {trigger.id for trigger in self.deleted_triggers(stored)}
        return [t for t in stored.triggers.values() if t.workflow_id in rerouted and t.id not in gone]


def workflows_of(trigger: AnyTrigger) -> tuple[str, ...]:
    """The workflows that a trigger names: the one that it starts, and the one that it waits for."""
    if isinstance(trigger, DependencyTrigger):
        return (trigger.workflow_id, trigger.depends_on_workflow_id)
    return (trigger.workflow_id,)
