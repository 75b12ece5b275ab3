"""Workflows over REST."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from flowforge_graph.api import cursors
from flowforge_graph.api.answers import UpstreamsAnswer, WorkflowAnswer, WorkflowsAnswer, answer, answers
from flowforge_graph.api.cursors import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit
from flowforge_graph.api.requests import NewWorkflow, WorkflowId
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.model import TriggerSummary, Workflow
from flowforge_graph.model.ids import new_id
from flowforge_graph.wire import DeletionDocument, UpstreamDocument, WorkflowDocument

_BY_ID, _BY_NAME = "workflows", "upstream"


class WorkflowRoutes:
    """The routes on workflows."""

    def __init__(self, engine: TriggerEngine) -> None:
        self._engine = engine

    def add_to(self, *, read: APIRouter, write: APIRouter) -> None:
        """Add them to the routers of their scopes."""
        workflow = "/workflows/{workflow_id}"
        tags: dict[str, Any] = {"tags": ["workflows"]}
        read.get("/workflows", **answers(WorkflowsAnswer, 400), **tags)(self.list_workflows)
        read.get("/workflows/available-upstream", **answers(UpstreamsAnswer, 400, 404), **tags)(
            self.list_available_upstream
        )
        read.get(workflow, **answers(WorkflowAnswer, 404), **tags)(self.get_workflow)
        write.post("/workflows", **answers(WorkflowAnswer, 400, 409, 413, status_code=201), **tags)(
            self.create_workflow
        )
        write.delete(workflow, **answers(DeletionDocument, 404), **tags)(self.delete_workflow)

    def list_workflows(self, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Response:
        """Workflows by id, each with its next scheduled run and the number of its triggers. Two queries."""
        wanted = min(limit, MAX_LIMIT)
        found = self._engine.list_workflows(after=cursors.read(cursor, of=_BY_ID), limit=wanted + 1)
        page = found[:wanted]
        summaries = self._engine.summarize_triggers([workflow.id for workflow in page])
        next_cursor = cursors.written(of=_BY_ID, place=page[-1].id) if len(found) > wanted else None
        documents = [WorkflowDocument.of(workflow, summaries[workflow.id]) for workflow in page]
        return answer(WorkflowsAnswer(workflows=documents, next_cursor=next_cursor))

    def list_available_upstream(
        self,
        exclude_workflow_id: Annotated[
            str | None, Query(alias="excludeWorkflowId", description="the workflow that is to depend on one of them")
        ] = None,
        limit: Limit = MAX_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        """The workflows on which one could depend without a cycle, by name."""
        page, next_cursor = _page_by_name(
            self._upstream(exclude_workflow_id), limit=min(limit, MAX_LIMIT), after=cursor
        )
        return answer(UpstreamsAnswer(workflows=[UpstreamDocument.of(each) for each in page], next_cursor=next_cursor))

    def get_workflow(self, workflow_id: WorkflowId) -> Response:
        """One workflow."""
        workflow = self._engine.get_workflow(workflow_id)
        summary = self._engine.summarize_triggers([workflow_id])[workflow_id]
        return answer(WorkflowAnswer(workflow=WorkflowDocument.of(workflow, summary)))

    def create_workflow(self, body: NewWorkflow) -> Response:
        """Store a new workflow, which a Prefect deployment runs, or the host itself. Never a command or callable."""
        workflow = self._engine.create_workflow(
            body.id or new_id(),
            name=body.name,
            description=body.description,
            run=None if body.run is None else {"prefect": body.run.prefect},
            tags=body.tags,
        )
        return answer(WorkflowAnswer(workflow=WorkflowDocument.of(workflow, TriggerSummary())), 201)

    def delete_workflow(self, workflow_id: WorkflowId) -> Response:
        """Delete a workflow with every trigger into and out of it; its pending executions are cancelled."""
        return answer(DeletionDocument.of(self._engine.delete_workflow(workflow_id)))

    def _upstream(self, workflow_id: str | None) -> list[Workflow]:
        if workflow_id is not None:
            return self._engine.get_available_upstream_workflows(workflow_id)
        return sorted(self._engine.list_workflows(), key=_by_name)


def _page_by_name(workflows: list[Workflow], *, limit: int, after: str | None) -> tuple[list[Workflow], str | None]:
    """The page after a cursor, and the cursor of the next one: stable, because a place is a name and an id."""
    place = cursors.read(after, of=_BY_NAME)
    left = workflows if place is None else [each for each in workflows if _by_name(each) > _place(place)]
    page = left[:limit]
    more = len(left) > limit
    return page, cursors.written(of=_BY_NAME, place="\n".join(_by_name(page[-1]))) if more else None


def _by_name(workflow: Workflow) -> tuple[str, str]:
    return workflow.name, workflow.id


def _place(text: str) -> tuple[str, str]:
    name, _, workflow_id = text.partition("\n")
    return name, workflow_id
