"""Changes of what is defined, with Prefect's deployments following along.

Our own change stands whatever Prefect says; what did not follow is told, and ``deployments repair`` mends it. One
change must not go ahead of Prefect: where a schedule comes from Prefect to the engine, Prefect lets go first, as both
would start it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from flowforge_graph.engine.changes import DefinitionChanges, StoredDefinitions
from flowforge_graph.engine.context import Context
from flowforge_graph.engine.definitions import Definitions
from flowforge_graph.engine.deployments import DeploymentSync
from flowforge_graph.engine.protocols import Deployments
from flowforge_graph.engine.questions import Questions
from flowforge_graph.errors import DeploymentError, DeploymentsUnreachable, TriggerNotFound
from flowforge_graph.facts.catalogue import DeploymentNotFollowed
from flowforge_graph.model import AnyTrigger, Deployment, ScheduledTrigger, Workflow, WorkflowDeletion


class _MustLetGo(Exception):
    """Interrupts a transaction, in which Prefect cannot be asked."""

    def __init__(self, triggers: Sequence[ScheduledTrigger]) -> None:
        super().__init__()
        self.triggers = triggers


class FollowedDefinitions:
    """The use cases that change what is defined, where a Prefect is connected."""

    def __init__(
        self,
        definitions: Definitions,
        context: Context,
        *,
        questions: Questions,
        sync: DeploymentSync,
        prefect: Deployments,
    ) -> None:
        self._definitions = definitions
        self._context = context
        self._questions = questions
        self._sync = sync
        self._prefect = prefect

    # Workflows

    def create_workflow(self, workflow: Workflow) -> Workflow:
        """Store a new workflow."""
        return self._definitions.create_workflow(workflow)

    def update_workflow(self, workflow_id: str, changes: Mapping[str, Any]) -> Workflow:
        """Change the given fields of a workflow; another ``run`` is another deployment to copy."""
        before = self._questions.workflow(workflow_id)
        after = self._definitions.update_workflow(workflow_id, changes)
        if after.run != before.run:
            self._follow(self._scheduled_of(workflow_id), copied_anew=True)
        return after

    def delete_workflow(self, workflow_id: str) -> WorkflowDeletion:
        """Delete a workflow with its triggers and their deployments."""
        with self._context.store.database.read() as connection:
            # No value is read: a row that cannot be read may go as well.
            ids = self._context.store.triggers.ids_of_schedules(connection, workflow_id)
        deletion = self._definitions.delete_workflow(workflow_id)
        self._follow(dict.fromkeys(ids))
        return deletion

    # Triggers

    def create_triggers(self, triggers: Sequence[AnyTrigger]) -> list[AnyTrigger]:
        """Store new triggers; a schedule of Prefect's gets its deployment."""
        created = self._definitions.create_triggers(triggers)
        self._follow({trigger.id: None for trigger in created if _is_prefects(trigger)})
        return created

    def update_trigger(self, trigger_id: str, changes: Mapping[str, Any]) -> AnyTrigger:
        """Change a trigger. Raises DeploymentError where Prefect would have to let go of it and does not answer."""
        before = self._questions.trigger(trigger_id)
        moves = _is_prefects(before) and changes.get("schedule_owner", "prefect") != "prefect"
        with self._released([before] if moves else []):
            after = self._definitions.update_trigger(trigger_id, changes)
        if isinstance(before, ScheduledTrigger):
            self._follow({trigger_id: before})
        return after

    def delete_trigger(self, trigger_id: str) -> AnyTrigger:
        """Delete a trigger and its deployment."""
        deleted = self._definitions.delete_trigger(trigger_id)
        if isinstance(deleted, ScheduledTrigger):
            self._follow({trigger_id: deleted})
        return deleted

    # Files

    def stored(self) -> StoredDefinitions:
        """Everything that is defined, as of one instant."""
        return self._definitions.stored()

    def change_definitions(self, decide: Callable[[StoredDefinitions], DefinitionChanges]) -> DefinitionChanges:
        """Write what ``decide`` decides. Raises as :meth:`update_trigger`, and then nothing is changed."""
        let_go: dict[str, ScheduledTrigger] = {}
        seen: list[StoredDefinitions] = []

        def decide_or_let_go_first(stored: StoredDefinitions) -> DefinitionChanges:
            changes = decide(stored)
            held = [trigger for trigger in _moved_to_the_engine(stored, changes) if trigger.id not in let_go]
            if held:
                raise _MustLetGo(held)
            seen.append(stored)
            return changes

        with self._released([]) as release:
            while not seen:
                try:
                    changes = self._definitions.change_definitions(decide_or_let_go_first)
                except _MustLetGo as interruption:
                    release(interruption.triggers)
                    let_go.update({trigger.id: trigger for trigger in interruption.triggers})
        self._follow_all(seen[-1], changes)
        return changes

    def _follow_all(self, stored: StoredDefinitions, changes: DefinitionChanges) -> None:
        before = {i: t for i, t in stored.triggers.items() if isinstance(t, ScheduledTrigger)}
        gone = {trigger.id for trigger in changes.deleted_triggers(stored)}
        put = {trigger.id for trigger in changes.put_triggers if isinstance(trigger, ScheduledTrigger)}
        new = {trigger.id for trigger in changes.put_triggers if _is_prefects(trigger)} - before.keys()
        self._follow({i: before.get(i) for i in before if i in gone | put} | dict.fromkeys(new))
        copied = {t.id: t for t in changes.rerouted_triggers(stored) if isinstance(t, ScheduledTrigger)}
        self._follow(copied, copied_anew=True)

    # Following

    def _scheduled_of(self, workflow_id: str) -> dict[str, ScheduledTrigger | None]:
        triggers = self._questions.triggers(
            workflow_id=workflow_id, trigger_type="scheduled", enabled=None, source=None
        )
        return {trigger.id: trigger for trigger in triggers if isinstance(trigger, ScheduledTrigger)}

    def _follow(self, before: Mapping[str, ScheduledTrigger | None], *, copied_anew: bool = False) -> None:
        """Bring Prefect to what is stored now of triggers that were so ``before``; never fail because it does."""
        unreachable: DeploymentsUnreachable | None = None
        for trigger_id, trigger in before.items():
            try:
                if unreachable is not None:
                    # Nobody waits for the time limit of each of a thousand.
                    raise unreachable
                self._bring(trigger_id, trigger, copied_anew=copied_anew)
            except DeploymentError as error:
                unreachable = error if isinstance(error, DeploymentsUnreachable) else None
                self._context.facts.tell(DeploymentNotFollowed(trigger_id=trigger_id, error=str(error)))

    def _bring(self, trigger_id: str, before: ScheduledTrigger | None, *, copied_anew: bool) -> None:
        # Read at the last moment: of two changes at once, the later one must be what Prefect keeps.
        now = self._stored_schedule(trigger_id)
        if now is None:
            self._sync.remove(trigger_id)
        elif copied_anew or before is None or before.rhythm != now.rhythm:
            self._put(now)
        elif before.enabled != now.enabled:
            self._switch(now)

    def _put(self, trigger: ScheduledTrigger) -> None:
        """Prefect's schedules need a deployment, the engine's only keep theirs up to date."""
        if trigger.schedule_owner == "prefect" or self._sync.ours(trigger.id):
            self._sync.put(trigger)

    def _switch(self, trigger: ScheduledTrigger) -> None:
        if trigger.enabled:
            # Whole, not only resumed: it may have changed where Prefect could not hear of it.
            self._put(trigger)
            return
        for deployment in self._sync.ours(trigger.id):
            self._prefect.pause(deployment)

    def _stored_schedule(self, trigger_id: str) -> ScheduledTrigger | None:
        try:
            trigger = self._questions.trigger(trigger_id)
        except TriggerNotFound:
            return None
        return trigger if isinstance(trigger, ScheduledTrigger) else None

    # Letting go

    @contextmanager
    def _released(self, triggers: Collection[AnyTrigger]) -> Iterator[Callable[[Collection[AnyTrigger]], None]]:
        """Prefect starts these no more while the block hands them to the engine; if that fails, it does again."""
        paused: list[Deployment] = []

        def release(more: Collection[AnyTrigger]) -> None:
            for trigger in more:
                for deployment in self._sync.ours(trigger.id):
                    if not deployment.paused and self._prefect.pause(deployment) is not None:
                        paused.append(deployment)

        try:
            release(triggers)
            yield release
        except BaseException:
            self._resume(paused)
            raise

    def _resume(self, deployments: Sequence[Deployment]) -> None:
        for deployment in deployments:
            try:
                self._prefect.resume(deployment)
            except DeploymentError as error:
                self._context.facts.tell(DeploymentNotFollowed(trigger_id=deployment.trigger_id, error=str(error)))


def _is_prefects(trigger: AnyTrigger) -> bool:
    return isinstance(trigger, ScheduledTrigger) and trigger.schedule_owner == "prefect"


def _moved_to_the_engine(stored: StoredDefinitions, changes: DefinitionChanges) -> Iterator[ScheduledTrigger]:
    for trigger in changes.put_triggers:
        before = stored.triggers.get(trigger.id)
        if isinstance(before, ScheduledTrigger) and _is_prefects(before) and not _is_prefects(trigger):
            yield before
