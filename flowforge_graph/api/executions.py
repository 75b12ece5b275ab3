"""Executions, completions and events over REST."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from flowforge_graph.api import cursors
from flowforge_graph.api.answers import (
    ExecutionAnswer,
    ExecutionsAnswer,
    StartedAnswer,
    VerdictsAnswer,
    WholeExecutionAnswer,
    answer,
    answers,
)
from flowforge_graph.api.cursors import DEFAULT_LIMIT, MAX_LIMIT, Cursor, Limit
from flowforge_graph.api.requests import End, ExecutionId, NewEvent, Start, WorkflowId
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.model import CompletionResult, Execution, ExecutionStatus, ExternalEnd, TriggerType
from flowforge_graph.wire import CompletionDocument, ExecutionDocument, VerdictDocument, WholeExecutionDocument

_NEWEST_FIRST = "executions"


class ExecutionRoutes:
    """The routes on executions."""

    def __init__(self, engine: TriggerEngine) -> None:
        self._engine = engine

    def add_to(self, *, read: APIRouter, run: APIRouter) -> None:
        """Add them to the routers of their scopes."""
        execution = "/executions/{execution_id}"
        tags: dict[str, Any] = {"tags": ["executions"]}
        read.get("/executions", **answers(ExecutionsAnswer, 400), **tags)(self.list_executions)
        read.get(execution, **answers(WholeExecutionAnswer, 404), **tags)(self.get_execution)
        read.get(f"{execution}/verdicts", **answers(VerdictsAnswer, 404), **tags)(self.get_verdicts)
        run.post(f"{execution}/complete", **answers(CompletionDocument, 400, 404, 409, 413), **tags)(self.complete)
        run.post(f"{execution}/cancel", **answers(ExecutionAnswer, 404, 409), **tags)(self.cancel)
        run.post(
            "/workflows/{workflow_id}/execute",
            **answers(ExecutionAnswer, 400, 404, 409, 413, status_code=202),
            **tags,
        )(self.execute)
        run.post("/events", **answers(StartedAnswer, 400, 413, status_code=202), **tags)(self.emit)

    def list_executions(
        self,
        *,
        workflow_id: Annotated[str | None, Query(alias="workflowId", description="only of this workflow")] = None,
        trigger_type: Annotated[
            TriggerType | None, Query(alias="triggerType", description="only those that such a trigger started")
        ] = None,
        trigger_id: Annotated[
            str | None, Query(alias="triggerId", description="only those that this trigger started")
        ] = None,
        status: Annotated[ExecutionStatus | None, Query(description="only those that are in it now")] = None,
        root_execution_id: Annotated[
            str | None, Query(alias="rootExecutionId", description="only the cascade of this execution")
        ] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        """Executions that meet every given filter, newest first."""
        wanted = min(limit, MAX_LIMIT)
        found = self._engine.list_executions(
            workflow_id=workflow_id,
            trigger_type=trigger_type,
            trigger_id=trigger_id,
            status=status,
            root_execution_id=root_execution_id,
            limit=wanted + 1,
            before_seq=cursors.read_number(cursor, of=_NEWEST_FIRST),
        )
        page = found[:wanted]
        next_cursor = cursors.written(of=_NEWEST_FIRST, place=str(page[-1].seq)) if len(found) > wanted else None
        return answer(ExecutionsAnswer(executions=_documents(page), next_cursor=next_cursor))

    def get_execution(self, execution_id: ExecutionId) -> Response:
        """One execution with its captured output."""
        execution, end = self._engine.get_execution(execution_id), self._engine.get_external_end(execution_id)
        return answer(WholeExecutionAnswer(execution=WholeExecutionDocument.of(execution, end)))

    def get_verdicts(self, execution_id: ExecutionId) -> Response:
        """What each trigger answered to this execution's completion, in creation order."""
        verdicts = self._engine.get_verdicts(execution_id)
        return answer(VerdictsAnswer(verdicts=[VerdictDocument.of(verdict) for verdict in verdicts]))

    def complete(self, execution_id: ExecutionId, body: End) -> Response:
        """Record that an execution ended, once, and start what its triggers ask for.

        The same again answers the same and starts nothing; another status is a conflict. An execution that was never
        seen is recorded if its workflow exists. With ``externalId`` each (external id, run count) is one execution.
        """
        if body.external_id is None:
            result = self._engine.complete(execution_id, body.status, workflow_id=body.workflow_id, error=body.error)
        else:
            result = self._complete_external(execution_id, body, body.external_id)
        return answer(CompletionDocument.of(result))

    def _complete_external(self, execution_id: str, body: End, external_id: str) -> CompletionResult:
        end = ExternalEnd(
            external_id=external_id,
            run_count=body.run_count,
            status=body.status,
            execution_id=execution_id,
            workflow_id=body.workflow_id,
            error=body.error,
            duration_ms=body.duration_ms,
            parameters=body.parameters or {},
            trigger_id=body.trigger_id,
            fire_time=None if body.fire_time is None else datetime.fromtimestamp(body.fire_time, UTC),
        )
        [result] = self._engine.record_external_ends([end])
        if isinstance(result, FlowforgeGraphError):
            raise result
        return result

    def cancel(self, execution_id: ExecutionId) -> Response:
        """Cancel: a pending execution ends at once, a running one is asked to stop."""
        return answer(ExecutionAnswer(execution=ExecutionDocument.of(self._engine.cancel(execution_id))))

    def execute(self, workflow_id: WorkflowId, body: Start | None = None) -> Response:
        """Start a workflow by hand: always possible, also where its triggers are disabled."""
        start = body or Start()
        execution = self._engine.start(
            workflow_id,
            start.parameters,
            execution_id=start.execution_id,
            trigger_id=start.trigger_id,
            caused_by=start.caused_by_execution_id,
        )
        return answer(ExecutionAnswer(execution=ExecutionDocument.of(execution)), 202)

    def emit(self, body: NewEvent) -> Response:
        """Start every enabled event trigger of a type, once for each key; the same key again answers the same."""
        started = self._engine.emit(body.event_type, body.payload, key=body.key)
        return answer(StartedAnswer(executions=_documents(started)), 202)


def _documents(executions: list[Execution]) -> list[ExecutionDocument]:
    return [ExecutionDocument.of(execution) for execution in executions]
