"""What makes two triggers of a workflow the same one, and the ids that follow from it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Container
from typing import Final

from flowforge_graph.model import AnyTrigger, DependencyTrigger, EventTrigger, ScheduledTrigger

# Part of every id that a file has ever stored: it must never change.
NAMESPACE: Final = uuid.UUID("6f2c1a52-52d5-5b0e-9a53-0f1c3b8e7d41")


def natural_key(trigger: AnyTrigger) -> tuple[str, ...]:
    """What identifies a trigger among those of its type in one workflow, whatever else of it is edited.

    Dependency: upstream and condition. Scheduled: its name, else cron and zone. Event: its name, else the event type.
    Manual: its name.
    """
    if isinstance(trigger, DependencyTrigger):
        return (trigger.depends_on_workflow_id, trigger.dependency_condition)
    if trigger.trigger_name is not None:
        return ("name", trigger.trigger_name)
    if isinstance(trigger, ScheduledTrigger):
        return ("schedule", trigger.cron_expression, trigger.timezone)
    return ("event", trigger.event_type) if isinstance(trigger, EventTrigger) else ()


def full_key(trigger: AnyTrigger) -> tuple[str, ...]:
    """The natural key among all triggers: workflow and type first."""
    return (trigger.workflow_id, trigger.trigger_type, *natural_key(trigger))


def derived_id(trigger: AnyTrigger, *, source: str) -> str:
    """The id of a file's trigger: uuid5 of the source and the full key, joined as JSON so that no two keys blend."""
    return str(uuid.uuid5(NAMESPACE, json.dumps([source, *full_key(trigger)])))


def free_id(trigger_id: str, *, taken: Container[str]) -> str:
    """``trigger_id`` itself or, where a row of another meaning has it, the first free one derived from it."""
    while trigger_id in taken:
        trigger_id = str(uuid.uuid5(NAMESPACE, trigger_id))
    return trigger_id


def described(trigger: AnyTrigger) -> str:
    """The trigger in words: ``dependency trigger of 'silver' on 'bronze' (on_success)``."""
    name = f" '{trigger.trigger_name}'" if trigger.trigger_name else ""
    words = f"{trigger.trigger_type} trigger{name} of '{trigger.workflow_id}'"
    if isinstance(trigger, DependencyTrigger):
        return f"{words} on '{trigger.depends_on_workflow_id}' ({trigger.dependency_condition})"
    if isinstance(trigger, ScheduledTrigger):
        return f"{words} at '{trigger.cron_expression}' in {trigger.timezone}"
    return f"{words} on '{trigger.event_type}'" if isinstance(trigger, EventTrigger) else words
