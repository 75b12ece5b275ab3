"""Triggers and previews of schedules, as documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict

from flowforge_graph.model import AnyTrigger
from flowforge_graph.model.triggers import Condition, TriggerType
from flowforge_graph.schedules import SchedulePreview
from flowforge_graph.wire.documents import Document, UnixSeconds, made, taken, unix_seconds


class TriggerDocument(Document):
    """A stored rule that starts a workflow: every field for every kind, null where a kind has none."""

    model_config = ConfigDict(
        title="Trigger",
        json_schema_extra={
            "examples": [
                {
                    "id": "b6f7a1d0-6c1e-4f0a-9a53-0f5d8f1c2f4e",
                    "workflowId": "customer_silver",
                    "triggerType": "dependency",
                    "enabled": True,
                    "triggerName": "After customer ingestion",
                    "cronExpression": None,
                    "timezone": None,
                    "nextRunAt": None,
                    "lastRunAt": None,
                    "dependsOnWorkflowId": "customer_ingestion",
                    "dependsOnWorkflowName": "Customer ingestion",
                    "dependencyCondition": "on_success",
                    "delayMinutes": 5,
                    "eventType": None,
                    "eventConfig": None,
                    "createdAt": 1_705_726_800,
                    "updatedAt": 1_705_726_800,
                }
            ]
        },
    )

    id: str
    workflow_id: str
    trigger_type: TriggerType
    enabled: bool
    trigger_name: str | None
    cron_expression: str | None
    timezone: str | None
    next_run_at: UnixSeconds | None
    last_run_at: UnixSeconds | None
    depends_on_workflow_id: str | None
    depends_on_workflow_name: str | None
    dependency_condition: Condition | None
    delay_minutes: int | None
    event_type: str | None
    event_config: dict[str, Any] | None
    created_at: UnixSeconds | None
    updated_at: UnixSeconds | None

    @classmethod
    def of(cls, trigger: AnyTrigger, workflow_names: Mapping[str, str]) -> Self:
        """The document of a stored trigger.

        Args:
            trigger: a stored trigger.
            workflow_names: the names of workflows by id; an upstream that is not in it gets the name null.
        """
        upstream = getattr(trigger, "depends_on_workflow_id", None)
        return made(
            cls,
            id=trigger.id,
            workflow_id=trigger.workflow_id,
            trigger_type=trigger.trigger_type,
            enabled=trigger.enabled,
            trigger_name=trigger.trigger_name,
            cron_expression=getattr(trigger, "cron_expression", None),
            timezone=getattr(trigger, "timezone", None),
            next_run_at=unix_seconds(getattr(trigger, "next_run_at", None)),
            last_run_at=unix_seconds(getattr(trigger, "last_run_at", None)),
            depends_on_workflow_id=upstream,
            depends_on_workflow_name=None if upstream is None else workflow_names.get(upstream),
            dependency_condition=getattr(trigger, "dependency_condition", None),
            delay_minutes=getattr(trigger, "delay_minutes", None),
            event_type=getattr(trigger, "event_type", None),
            event_config=getattr(trigger, "event_config", None),
            created_at=unix_seconds(trigger.created_at),
            updated_at=unix_seconds(trigger.updated_at),
        )


class PreviewDocument(Document):
    """The next runs of a schedule, and what it says in English."""

    model_config = ConfigDict(
        title="SchedulePreview",
        json_schema_extra={
            "examples": [
                {
                    "nextRuns": [1_705_734_000, 1_705_820_400],
                    "cronExpression": "0 2 * * *",
                    "timezone": "America/New_York",
                    "description": "Daily at 2:00 AM",
                }
            ]
        },
    )

    next_runs: list[UnixSeconds]
    cron_expression: str
    timezone: str
    description: str

    @classmethod
    def of(cls, preview: SchedulePreview) -> Self:
        """The document of a preview."""
        return taken(cls, preview, next_runs=[int(run.timestamp()) for run in preview.next_runs])
