"""What the path of a request names."""

from __future__ import annotations

from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import TriggerNotFound
from flowforge_graph.model import AnyTrigger


def trigger_of(engine: TriggerEngine, *, workflow_id: str, trigger_id: str) -> AnyTrigger:
    """A trigger of this workflow. Raises WorkflowNotFound, and TriggerNotFound also for one of another workflow."""
    trigger = engine.get_trigger(trigger_id)
    if trigger.workflow_id != workflow_id:
        engine.get_workflow(workflow_id)
        raise TriggerNotFound(trigger_id)
    return trigger


def refuse_if_missing(engine: TriggerEngine, path: dict[str, str]) -> None:
    """What the path names and is not there comes before what is wrong with the rest of the request."""
    if "workflow_id" in path:
        engine.get_workflow(path["workflow_id"])
    if "trigger_id" in path:
        trigger_of(engine, workflow_id=path["workflow_id"], trigger_id=path["trigger_id"])
