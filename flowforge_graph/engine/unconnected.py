"""Changes of what is defined where no Prefect is connected: it goes on by what it was told last, and that is said.

A host or a terminal that does not name Prefect may change any trigger. What it does to Prefect's schedules stands, and
Prefect would start by the old ones until somebody repairs its deployments: silence would be two owners of a schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.engine.context import Context
from flowforge_graph.engine.definition_writes import DefinitionWrites
from flowforge_graph.engine.definitions import Definitions
from flowforge_graph.engine.questions import Questions
from flowforge_graph.facts.catalogue import DeploymentNotFollowed
from flowforge_graph.model import AnyTrigger, ScheduledTrigger, Workflow, WorkflowDeletion

_NOT_CONNECTED: Final = "no Prefect is connected here, and it goes by what it was told elsewhere, if anything"
# What Prefect goes by: other fields are none of its business.
_FOLLOWED: Final = ("cron_expression", "timezone", "schedule_owner", "enabled")


class UnconnectedDefinitions(Definitions):
    """Use cases that change what is defined, and tell what Prefect should know of it."""

    def __init__(self, context: Context, writes: DefinitionWrites, questions: Questions) -> None:
        super().__init__(context, writes)
        self._questions = questions

    def update_workflow(self, workflow_id: str, changes: Mapping[str, Any]) -> Workflow:
        """Change the given fields of a workflow; another ``run`` is another deployment to copy."""
        if "run" not in changes:
            return super().update_workflow(workflow_id, changes)
        before = self._questions.workflow(workflow_id)
        after = super().update_workflow(workflow_id, changes)
        if after.run != before.run:
            self._tell_of(self._of_prefect(workflow_id))
        return after

    def delete_workflow(self, workflow_id: str) -> WorkflowDeletion:
        """Delete a workflow with its triggers."""
        ids = self._of_prefect(workflow_id)
        deletion = super().delete_workflow(workflow_id)
        self._tell_of(ids)
        return deletion

    def create_triggers(self, triggers: Sequence[AnyTrigger]) -> list[AnyTrigger]:
        """Store new triggers."""
        created = super().create_triggers(triggers)
        self._tell_of(trigger.id for trigger in created if _seen_by_prefect(trigger) is not None)
        return created

    def update_trigger(self, trigger_id: str, changes: Mapping[str, Any]) -> AnyTrigger:
        """Change a trigger."""
        if changes.keys().isdisjoint(_FOLLOWED):
            return super().update_trigger(trigger_id, changes)
        before = self._questions.trigger(trigger_id)
        after = super().update_trigger(trigger_id, changes)
        if _seen_by_prefect(before) != _seen_by_prefect(after):
            self._tell_of([trigger_id])
        return after

    def delete_trigger(self, trigger_id: str) -> AnyTrigger:
        """Delete a trigger."""
        deleted = super().delete_trigger(trigger_id)
        if _seen_by_prefect(deleted) is not None:
            self._tell_of([trigger_id])
        return deleted

    def change_definitions(self, decide: Callable[[StoredDefinitions], DefinitionChanges]) -> DefinitionChanges:
        """Write what ``decide`` decides."""
        seen: list[StoredDefinitions] = []

        def decide_and_remember(stored: StoredDefinitions) -> DefinitionChanges:
            seen.append(stored)
            return decide(stored)

        changes = super().change_definitions(decide_and_remember)
        self._tell_of(_unheard(seen[-1], changes))
        return changes

    def _of_prefect(self, workflow_id: str) -> list[str]:
        """The ids of Prefect's schedules of a workflow. No value is read: a row that cannot be read may go as well."""
        with self._context.store.database.read() as connection:
            return self._context.store.triggers.ids_of_schedules(connection, workflow_id, owner="prefect")

    def _tell_of(self, trigger_ids: Iterable[str]) -> None:
        for trigger_id in dict.fromkeys(trigger_ids):
            self._context.facts.tell(DeploymentNotFollowed(trigger_id=trigger_id, error=_NOT_CONNECTED))


def _unheard(stored: StoredDefinitions, changes: DefinitionChanges) -> Iterable[str]:
    """The ids of the triggers of which Prefect should hear after these changes."""
    gone = [*changes.deleted_triggers(stored), *changes.rerouted_triggers(stored)]
    yield from (trigger.id for trigger in gone if _seen_by_prefect(trigger) is not None)
    for trigger in changes.put_triggers:
        if _seen_by_prefect(trigger) != _seen_by_prefect(stored.triggers.get(trigger.id)):
            yield trigger.id


def _seen_by_prefect(trigger: AnyTrigger | None) -> tuple[object, ...] | None:
    """What Prefect goes by; None for what is not its own. Of a disabled trigger it has a paused deployment."""
    if not isinstance(trigger, ScheduledTrigger) or trigger.schedule_owner != "prefect":
        return None
    return (*trigger.rhythm, trigger.enabled)
