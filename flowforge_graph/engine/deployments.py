"""Deployments: what Prefect is told of scheduled triggers, and whether it still says the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.deployment_drift import drift_of, is_ours, orphans, taken
from flowforge_graph.engine.protocols import Deployments
from flowforge_graph.engine.questions import Questions
from flowforge_graph.errors import (
    DeploymentError,
    DeploymentNotFound,
    DeploymentsUnreachable,
    InvalidTrigger,
    TriggerNotFound,
)
from flowforge_graph.facts.catalogue import DeploymentDeleted, DeploymentSynchronised
from flowforge_graph.model import (
    Deployment,
    DeploymentDrift,
    DeploymentRepair,
    ScheduleDifference,
    ScheduledTrigger,
    Workflow,
)
from flowforge_graph.schedules import CronExpression, FireTimeDifference, SchedulePreview, compare_rules, zone
from flowforge_graph.schedules.preview import preview_schedule

# More would hide the first ones, and of a schedule that fires each minute there are 60 in one overlap.
MOST_DIFFERENCES: Final = 20

_ENGINE_OWNS: Final = "the engine owns this schedule, so that it is inactive in Prefect"


class DeploymentSync:
    """Use case of whoever shows the deployments of triggers, changes them, or looks whether they have drifted."""

    def __init__(self, context: Context, questions: Questions, deployments: Deployments | None) -> None:
        self._context = context
        self._questions = questions
        self._deployments = deployments

    # One trigger's

    def sync(self, trigger_id: str) -> Deployment:
        """Bring Prefect's deployment of a trigger to what is stored."""
        return self._explained(self.put(self._scheduled(trigger_id)))

    def find(self, trigger_id: str) -> Deployment:
        """Prefect's deployment of a trigger."""
        self._scheduled(trigger_id)
        return self._explained(self._existing(trigger_id))

    def delete(self, trigger_id: str) -> bool:
        """Delete Prefect's deployment of a trigger; False where there was none."""
        self._scheduled(trigger_id)
        return self.remove(trigger_id)

    def pause(self, trigger_id: str) -> Deployment:
        """Let Prefect start nothing more of a trigger by itself, whatever is stored."""
        self._scheduled(trigger_id)
        return self._set_paused(trigger_id, self._asked().pause)

    def resume(self, trigger_id: str) -> Deployment:
        """Undo a pause, of a trigger that is enabled."""
        if not self._scheduled(trigger_id).enabled:
            raise InvalidTrigger(f"trigger '{trigger_id}' is disabled: enabling it resumes its deployment")
        return self._set_paused(trigger_id, self._asked().resume)

    def preview(self, trigger_id: str, count: int, start: datetime | None) -> SchedulePreview:
        """The next fire times of a trigger by the rule of whoever owns its schedule."""
        trigger = self._scheduled(trigger_id, having="fire times")
        after = self._context.now() if start is None else start
        ours = preview_schedule(trigger.cron_expression, trigger.timezone, count=count, start=after)
        if trigger.schedule_owner == "engine":
            return ours
        expression = CronExpression.parse(trigger.cron_expression)
        theirs = islice(self._asked().fire_times(expression, zone(trigger.timezone), after), count)
        return replace(ours, next_runs=tuple(theirs))

    # All

    def check(self) -> list[DeploymentDrift]:
        """Where Prefect differs from what is stored, by workflow and trigger."""
        found = self._found_by_trigger()
        triggers, workflows = self._scheduled_triggers(), {w.id: w for w in self._questions.workflows()}
        drifts = [
            drift
            for trigger in triggers
            if (workflow := workflows.get(trigger.workflow_id)) is not None
            for drift in self._drift(trigger, workflow, found.get(trigger.id, []))
        ]
        known = frozenset(trigger.id for trigger in triggers)
        lost = orphans([d for all_of_one in found.values() for d in all_of_one], known, self._database)
        return sorted([*drifts, *lost], key=lambda drift: (drift.workflow_id or "", drift.trigger_id))

    def repair(self) -> list[DeploymentRepair]:
        """Mend what :meth:`check` finds, and answer what was done about each trigger."""
        by_trigger: dict[str, list[DeploymentDrift]] = defaultdict(list)
        for drift in self.check():
            by_trigger[drift.trigger_id].append(drift)
        return [self._repaired(trigger_id, drifts) for trigger_id, drifts in by_trigger.items()]

    # Parts that whoever follows the changes of triggers uses as well

    def put(self, trigger: ScheduledTrigger) -> Deployment:
        """Make or bring a deployment to what is stored, without a look at when it fires."""
        workflow = self._questions.workflow(trigger.workflow_id)
        planned = self._asked().plan(trigger, workflow).evolve(database=self._database)
        found = self._asked().stored(trigger.id)
        if any(not self._is_ours(d) and d.flow_id == planned.flow_id for d in found):
            raise DeploymentError(taken(planned), f"deployment {planned.name}")
        return self._put_over(planned, workflow, [d for d in found if self._is_ours(d)])

    def ours(self, trigger_id: str) -> list[Deployment]:
        """The deployments of a trigger's name that this database may change: one, or more after its flow changed."""
        return [deployment for deployment in self._asked().stored(trigger_id) if self._is_ours(deployment)]

    def remove(self, trigger_id: str) -> bool:
        """Delete the deployments of a trigger, stored or not; False where there was none."""
        removed = [self._removed(deployment) for deployment in self.ours(trigger_id)]
        return any(removed)

    def _put_over(self, planned: Deployment, workflow: Workflow, ours: list[Deployment]) -> Deployment:
        # What is in another flow goes first: never do two deployments start one trigger.
        for deployment in ours:
            if deployment.flow_id != planned.flow_id:
                self._removed(deployment)
        over = next((deployment for deployment in ours if deployment.flow_id == planned.flow_id), None)
        put = self._asked().put(planned, workflow, over=over)
        self._context.facts.tell(DeploymentSynchronised(trigger_id=put.trigger_id, deployment_id=put.id))
        return put

    def _removed(self, deployment: Deployment) -> bool:
        is_removed = self._asked().delete(deployment)
        if is_removed:
            self._context.facts.tell(DeploymentDeleted(trigger_id=deployment.trigger_id, deployment_id=deployment.id))
        return is_removed

    def _existing(self, trigger_id: str) -> Deployment:
        ours = self.ours(trigger_id)
        if not ours:
            raise DeploymentNotFound(trigger_id)
        return ours[0]

    def _set_paused(self, trigger_id: str, change: Callable[[Deployment], Deployment | None]) -> Deployment:
        changed = change(self._existing(trigger_id))
        if changed is None:
            raise DeploymentNotFound(trigger_id)
        return self._explained(changed)

    # Whose, which, and why not

    @property
    def _database(self) -> str:
        return self._context.store.epoch

    def _is_ours(self, deployment: Deployment) -> bool:
        return is_ours(deployment, self._database)

    def _asked(self) -> Deployments:
        if self._deployments is None:
            raise DeploymentError(
                "no Prefect is connected to this engine",
                "the engine runs its schedules by itself; hand it deployments= to have Prefect run them",
            )
        return self._deployments

    def _scheduled(self, trigger_id: str, *, having: str = "a deployment") -> ScheduledTrigger:
        trigger = self._questions.trigger(trigger_id)
        if not isinstance(trigger, ScheduledTrigger):
            raise InvalidTrigger(
                f"trigger '{trigger_id}' is of type {trigger.trigger_type}: only scheduled ones have {having}"
            )
        return trigger

    def _scheduled_triggers(self) -> list[ScheduledTrigger]:
        stored = self._questions.triggers(workflow_id=None, trigger_type="scheduled", enabled=None, source=None)
        return [trigger for trigger in stored if isinstance(trigger, ScheduledTrigger)]

    # Differences between the rules

    def _explained(self, deployment: Deployment) -> Deployment:
        """The deployment with what a person should know of it."""
        differences = self._differences(deployment)
        notes = deployment.notes if deployment.schedule_active else (_ENGINE_OWNS, *deployment.notes)
        return deployment.evolve(
            differences=tuple(_as_value(difference) for difference in differences[:MOST_DIFFERENCES]),
            difference_count=len(differences),
            notes=notes,
        )

    def _differences(self, deployment: Deployment) -> tuple[FireTimeDifference, ...]:
        trigger = self._scheduled(deployment.trigger_id)
        return compare_rules(
            CronExpression.parse(trigger.cron_expression),
            zone(trigger.timezone),
            self._asked().fire_times,
            after=self._context.now(),
        )

    # Drift

    def _found_by_trigger(self) -> dict[str, list[Deployment]]:
        found: dict[str, list[Deployment]] = defaultdict(list)
        for deployment in self._asked().stored():
            found[deployment.trigger_id].append(deployment)
        return found

    def _drift(
        self, trigger: ScheduledTrigger, workflow: Workflow, found: list[Deployment]
    ) -> Iterator[DeploymentDrift]:
        if found or trigger.schedule_owner == "prefect":
            # What the engine owns needs none, and its workflow need not run on Prefect.
            yield from drift_of(trigger, self._planned(trigger, workflow), found, self._database)

    def _planned(self, trigger: ScheduledTrigger, workflow: Workflow) -> Deployment | DeploymentError:
        try:
            return self._asked().plan(trigger, workflow)
        except DeploymentsUnreachable:
            raise
        except DeploymentError as error:
            return error

    def _repaired(self, trigger_id: str, drifts: list[DeploymentDrift]) -> DeploymentRepair:
        kinds = tuple(drift.kind for drift in drifts)
        if not all(drift.mendable for drift in drifts):
            message = "; ".join(drift.message for drift in drifts if not drift.mendable)
            return DeploymentRepair(trigger_id=trigger_id, kinds=kinds, action="left", message=message)
        try:
            return self._mended(trigger_id, drifts)
        except (DeploymentError, TriggerNotFound) as error:
            return DeploymentRepair(trigger_id=trigger_id, kinds=kinds, action="left", message=str(error))

    def _mended(self, trigger_id: str, drifts: list[DeploymentDrift]) -> DeploymentRepair:
        kinds = tuple(drift.kind for drift in drifts)
        if "orphan" in kinds or "unrunnable" in kinds:
            self.remove(trigger_id)
            message = f"deleted the deployment: {drifts[0].message}"
            return DeploymentRepair(trigger_id=trigger_id, kinds=kinds, action="deleted", message=message)
        put = self.put(self._scheduled(trigger_id))
        message = f"synchronised deployment '{put.name}'"
        return DeploymentRepair(trigger_id=trigger_id, kinds=kinds, action="synchronised", message=message)


def _as_value(difference: FireTimeDifference) -> ScheduleDifference:
    return ScheduleDifference(
        at=difference.at, only="engine" if difference.is_ours else "prefect", reason=difference.near
    )
