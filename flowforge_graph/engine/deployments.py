"""Deployments: what Prefect is told of scheduled triggers. Prefect may be away; our own change stands nonetheless."""

from __future__ import annotations

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.protocols import Deployments
from flowforge_graph.engine.questions import Questions
from flowforge_graph.errors import DeploymentError, DeploymentNotFound, InvalidTrigger
from flowforge_graph.facts.catalogue import DeploymentNotFollowed
from flowforge_graph.model import AnyTrigger, Deployment, ScheduledTrigger


class DeploymentSync:
    """Use case of whoever shows the deployments of triggers, or changes them."""

    def __init__(self, context: Context, questions: Questions, deployments: Deployments | None) -> None:
        self._context = context
        self._questions = questions
        self._deployments = deployments

    def sync(self, trigger_id: str) -> Deployment:
        """Bring Prefect's deployment of a trigger to what is stored."""
        trigger = self._scheduled(trigger_id)
        return self._asked().sync(trigger, self._questions.workflow(trigger.workflow_id))

    def find(self, trigger_id: str) -> Deployment:
        """Prefect's deployment of a trigger."""
        self._scheduled(trigger_id)
        deployment = self._asked().find(trigger_id)
        if deployment is None:
            raise DeploymentNotFound(trigger_id)
        return deployment

    def delete(self, trigger_id: str) -> bool:
        """Delete Prefect's deployment of a trigger; False where there was none."""
        self._scheduled(trigger_id)
        return self._asked().delete(trigger_id)

    def follow(self, trigger: AnyTrigger) -> None:
        """Pause or resume the deployment of a trigger that was disabled or enabled; never fail because Prefect does."""
        if self._deployments is None or not isinstance(trigger, ScheduledTrigger):
            return
        try:
            (self._deployments.resume if trigger.enabled else self._deployments.pause)(trigger.id)
        except DeploymentError as error:
            self._context.facts.tell(DeploymentNotFollowed(trigger_id=trigger.id, error=str(error)))

    def _scheduled(self, trigger_id: str) -> ScheduledTrigger:
        trigger = self._questions.trigger(trigger_id)
        if not isinstance(trigger, ScheduledTrigger):
            raise InvalidTrigger(
                f"trigger '{trigger_id}' is of type {trigger.trigger_type}: only scheduled ones have a deployment"
            )
        return trigger

    def _asked(self) -> Deployments:
        if self._deployments is None:
            raise DeploymentError(
                "no Prefect is connected to this engine",
                "the engine runs its schedules by itself; hand it deployments= to have Prefect run them",
            )
        return self._deployments
