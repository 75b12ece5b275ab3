"""Workflows, as documents."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field

from flowforge_graph.model import CommandRun, PrefectRun, PythonRun, Run, TriggerSummary, Workflow, WorkflowDeletion
from flowforge_graph.wire.documents import Document, UnixSeconds, made, taken, unix_seconds


def run_document(run: Run | None) -> dict[str, Any] | None:
    """What a workflow runs, in the words of the file: exactly one of ``command``, ``python``, ``prefect``."""
    match run:
        case CommandRun(command=command, timeout_seconds=timeout):
            return {"command": list(command), **({"timeoutSeconds": timeout} if timeout else {})}
        case PythonRun(python=python):
            return {"python": python}
        case PrefectRun(prefect=prefect):
            return {"prefect": prefect}
    return None


class WorkflowDocument(Document):
    """What runs, with its next scheduled run and the number of triggers that start it."""

    model_config = ConfigDict(
        title="Workflow",
        json_schema_extra={
            "examples": [
                {
                    "id": "customer_silver",
                    "name": "Customer silver",
                    "description": None,
                    "tags": ["silver"],
                    "run": {"prefect": "customer-silver/production"},
                    "source": None,
                    "nextRunAt": None,
                    "triggerCount": 1,
                    "createdAt": 1_705_726_800,
                    "updatedAt": 1_705_726_800,
                }
            ]
        },
    )

    id: str
    name: str
    description: str | None
    tags: list[str]
    run: dict[str, Any] | None = Field(
        description="Exactly one of `command`, `python` and `prefect`; null where the host runs it itself."
    )
    source: str | None = Field(description="The file that defined it; null for one made over Python or REST.")
    next_run_at: UnixSeconds | None
    trigger_count: int
    created_at: UnixSeconds | None
    updated_at: UnixSeconds | None

    @classmethod
    def of(cls, workflow: Workflow, summary: TriggerSummary) -> Self:
        """The document of a workflow, with the summary of the triggers that start it."""
        return made(
            cls,
            id=workflow.id,
            name=workflow.name,
            description=workflow.description,
            tags=list(workflow.tags),
            run=run_document(workflow.run),
            source=workflow.source,
            next_run_at=unix_seconds(summary.next_run_at),
            trigger_count=summary.trigger_count,
            created_at=unix_seconds(workflow.created_at),
            updated_at=unix_seconds(workflow.updated_at),
        )


class UpstreamDocument(Document):
    """A workflow on which another one could depend."""

    model_config = ConfigDict(
        title="AvailableUpstream",
        json_schema_extra={
            "examples": [{"id": "customer_ingestion", "name": "Customer ingestion", "description": None}]
        },
    )

    id: str
    name: str
    description: str | None

    @classmethod
    def of(cls, workflow: Workflow) -> Self:
        """The document of a workflow."""
        return taken(cls, workflow)


class DeletionDocument(Document):
    """What went with a deleted workflow."""

    model_config = ConfigDict(title="WorkflowDeletion")

    success: bool
    workflow_id: str
    deleted_trigger_ids: list[str]
    cancelled_execution_ids: list[str]

    @classmethod
    def of(cls, deletion: WorkflowDeletion) -> Self:
        """The document of a deletion."""
        return made(
            cls,
            success=True,
            workflow_id=deletion.workflow_id,
            deleted_trigger_ids=list(deletion.deleted_trigger_ids),
            cancelled_execution_ids=list(deletion.cancelled_execution_ids),
        )
