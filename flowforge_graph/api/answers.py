"""The bodies that are answered: documents of the wire in their envelopes, and how a route is told of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from flowforge_graph.api.refusals import documented
from flowforge_graph.wire import (
    DeploymentDocument,
    Document,
    ExecutionDocument,
    TriggerDocument,
    UpstreamDocument,
    VerdictDocument,
    WholeExecutionDocument,
    WorkflowDocument,
)

NextCursor = Annotated[str | None, Field(description="asks for what follows as `cursor`; null at the end")]


class TriggerAnswer(Document):
    """One trigger."""

    trigger: TriggerDocument


class TriggersAnswer(Document):
    """All triggers of a workflow, newest first."""

    triggers: list[TriggerDocument]


class WorkflowAnswer(Document):
    """One workflow."""

    workflow: WorkflowDocument


class WorkflowsAnswer(Document):
    """A page of workflows, by id."""

    workflows: list[WorkflowDocument]
    next_cursor: NextCursor


class UpstreamsAnswer(Document):
    """A page of workflows on which one could depend, by name."""

    workflows: list[UpstreamDocument]
    next_cursor: NextCursor


class ExecutionAnswer(Document):
    """One execution."""

    execution: ExecutionDocument


class WholeExecutionAnswer(Document):
    """One execution with its output."""

    execution: WholeExecutionDocument


class ExecutionsAnswer(Document):
    """A page of executions, newest first."""

    executions: list[ExecutionDocument]
    next_cursor: NextCursor


class StartedAnswer(Document):
    """The executions that an event started."""

    executions: list[ExecutionDocument]


class VerdictsAnswer(Document):
    """What each trigger answered to a completion, in creation order."""

    verdicts: list[VerdictDocument]


class DeploymentAnswer(Document):
    """A deployment, and in one sentence what was done."""

    success: bool
    deployment: DeploymentDocument | None
    message: str


class SuccessAnswer(Document):
    """It is done."""

    model_config = ConfigDict(title="Success")

    success: Literal[True] = True


def answer(document: BaseModel, status_code: int = 200) -> Response:
    """A document as a response. Its fields were checked when its values were made, so that nothing is checked again."""
    return Response(document.model_dump_json(by_alias=True), status_code, media_type="application/json")


def answers(model: type[BaseModel], *errors: int, status_code: int = 200) -> dict[str, Any]:
    """What a route is told: the document that it answers, and the errors that it may meet."""
    return {"response_model": model, "status_code": status_code, "responses": documented(*errors)}
