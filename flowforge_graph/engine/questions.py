"""Questions: reads that change nothing."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.freshness import is_stored, name_of
from flowforge_graph.errors import (
    ARROW,
    CycleError,
    ExecutionNotFound,
    InvalidExecution,
    InvalidTrigger,
    InvalidWorkflow,
    TriggerNotFound,
    WorkflowNotFound,
    shown,
)
from flowforge_graph.graph import DependencyEdge, TriggerGraph
from flowforge_graph.model import (
    STATUSES,
    TRIGGER_TYPES,
    AnyTrigger,
    DependencyGraph,
    DependencyLink,
    DependencyValidation,
    Execution,
    ScheduleDrop,
    TriggerSummary,
    Workflow,
)
from flowforge_graph.model.ids import is_storable_text
from flowforge_graph.storage import to_instant

if TYPE_CHECKING:
    from flowforge_graph.rendering import WorkflowNote


class Questions:
    """Use cases that only look."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def fresh_graph(self) -> TriggerGraph:
        """The live graph, caught up with what every process has committed."""
        with self._context.store.database.read() as connection:
            self._context.live.catch_up(connection)
        return self._context.live.graph

    # Workflows and triggers

    def workflow(self, workflow_id: str) -> Workflow:
        """One workflow."""
        with self._context.store.database.read() as connection:
            workflow = self._context.store.workflows.get(connection, workflow_id)
        if workflow is None:
            raise WorkflowNotFound(workflow_id)
        return workflow

    def workflows(self, *, after: str | None = None, limit: int | None = None) -> list[Workflow]:
        """At most ``limit`` workflows by id, those after that id."""
        if not _could_be_stored(after):
            raise InvalidWorkflow(f"after must be a workflow id, not {shown(after)}")
        most = None if limit is None else checked_limit(limit)
        with self._context.store.database.read() as connection:
            return self._context.store.workflows.page(connection, after=after, limit=most)

    def workflow_names(self, workflow_ids: Collection[str]) -> dict[str, str]:
        """The names of those that exist."""
        wanted = [*filter(is_storable_text, workflow_ids)]
        if not wanted:
            return {}
        with self._context.store.database.read() as connection:
            return self._context.store.workflows.names_of(connection, wanted)

    def trigger_summaries(self, workflow_ids: Collection[str]) -> dict[str, TriggerSummary]:
        """What starts each of these workflows, in numbers."""
        with self._context.store.database.read() as connection:
            stored = self._context.store.triggers.summaries(connection, [*filter(is_storable_text, workflow_ids)])
        return {workflow_id: stored.get(workflow_id, TriggerSummary()) for workflow_id in workflow_ids}

    def trigger(self, trigger_id: str) -> AnyTrigger:
        """One trigger."""
        with self._context.store.database.read() as connection:
            trigger = self._context.store.triggers.get(connection, trigger_id)
        if trigger is None:
            raise TriggerNotFound(trigger_id)
        return trigger

    def triggers(
        self, *, workflow_id: str | None, trigger_type: str | None, enabled: bool | None, source: str | None
    ) -> list[AnyTrigger]:
        """The triggers that meet every given filter, newest first."""
        _refuse_unknown("trigger_type", trigger_type, TRIGGER_TYPES, refusal=InvalidTrigger)
        if not _could_be_stored(workflow_id, source):
            return []
        with self._context.store.database.read() as connection:
            return self._context.store.triggers.find(
                connection, workflow_id=workflow_id, trigger_type=trigger_type, enabled=enabled, source=source
            )

    def schedule_drops(self, trigger_id: str, limit: int) -> list[ScheduleDrop]:
        """The newest ranges of fire times that a schedule's misfire policy dropped."""
        if not _could_be_stored(trigger_id):
            return []
        with self._context.store.database.read() as connection:
            return self._context.store.schedule_drops.of_trigger(connection, trigger_id, limit=limit)

    def workflow_notes(self) -> dict[str, WorkflowNote]:
        """What diagrams tell of workflows beside the graph, all read in one transaction."""
        from flowforge_graph.rendering import notes_of

        with self._context.store.database.read() as connection:
            store = self._context.store
            triggers = [
                trigger
                for kind in TRIGGER_TYPES
                if kind != "dependency"
                for trigger in store.triggers.find(connection, trigger_type=kind)
            ]
            return notes_of(store.workflows.all(connection), triggers, store.executions.last_statuses(connection))

    # Dependencies

    def dependency_graph(self, workflow_id: str, *, transitive: bool) -> DependencyGraph:
        """The enabled dependency triggers into and out of a workflow, directly or all the way."""
        self.fresh_graph()
        with self._context.live.reading() as graph:
            if not is_stored(graph, workflow_id):
                raise WorkflowNotFound(workflow_id)
            return DependencyGraph(
                upstream=_links_upstream(graph, workflow_id, transitive),
                downstream=_links_downstream(graph, workflow_id, transitive),
            )

    def available_upstream(self, workflow_id: str) -> list[Workflow]:
        """The workflows on which this one could depend, by name: not itself, and nothing downstream of it."""
        self.fresh_graph()
        with self._context.live.reading() as graph:
            excluded = {workflow_id, *graph.downstream(workflow_id)}
        return sorted(
            (workflow for workflow in self.workflows() if workflow.id not in excluded),
            key=lambda workflow: (workflow.name, workflow.id),
        )

    def validate_dependency(self, *, downstream: str, upstream: str) -> DependencyValidation:
        """Whether ``downstream`` could depend on ``upstream``; if not, the chain of the cycle."""
        self.fresh_graph()
        with self._context.live.reading() as graph:
            for workflow_id in (downstream, upstream):
                if not is_stored(graph, workflow_id):
                    raise WorkflowNotFound(workflow_id)
            chain = graph.chain_if_added(upstream=upstream, downstream=downstream)
        if chain is None:
            message = f"'{downstream}' can depend on '{upstream}': {upstream}{ARROW}{downstream} closes no cycle"
            return DependencyValidation(valid=True, message=message)
        return DependencyValidation(valid=False, error=str(CycleError(chain)), chain=chain)

    # Executions

    def execution(self, execution_id: str) -> Execution:
        """One execution."""
        with self._context.store.database.read() as connection:
            execution = self._context.store.executions.get(connection, execution_id)
        if execution is None:
            raise ExecutionNotFound(execution_id)
        return execution

    def executions(
        self,
        *,
        workflow_id: str | None,
        trigger_type: str | None,
        trigger_id: str | None,
        status: str | None,
        roots: Collection[str] | None,
        limit: int,
        before_seq: int | None,
    ) -> list[Execution]:
        """The executions that meet every given filter, newest first."""
        _refuse_unknown("status", status, STATUSES)
        _refuse_unknown("trigger_type", trigger_type, TRIGGER_TYPES)
        if not _could_be_stored(workflow_id, trigger_id):
            return []
        equal = {
            "workflow_id": workflow_id,
            "trigger_type": trigger_type,
            "trigger_id": trigger_id,
            "status": status,
        }
        roots = None if roots is None else [*filter(is_storable_text, roots)]
        with self._context.store.database.read() as connection:
            return self._context.store.executions.find(
                connection, equal=equal, limit=checked_limit(limit), before_seq=before_seq, roots=roots
            )

    def next_available_at(self, roots: Collection[str] | None) -> datetime | None:
        """When the next pending execution may start."""
        with self._context.store.database.read() as connection:
            return to_instant(self._context.store.executions.next_available_at(connection, roots))


def checked_limit(limit: object) -> int:
    """A positive whole number of rows."""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InvalidExecution(f"limit must be a whole number of at least 1, not {shown(limit)}")
    return limit


def _could_be_stored(*filters: str | None) -> bool:
    """Whether rows may have these values (None: any); a driver cannot even ask for text that no database can hold."""
    return all(value is None or is_storable_text(value) for value in filters)


def _refuse_unknown(
    field: str,
    value: str | None,
    known: tuple[str, ...],
    *,
    refusal: type[InvalidExecution | InvalidTrigger] = InvalidExecution,
) -> None:
    if value is not None and value not in known:
        raise refusal(f"{field} must be one of {', '.join(known)}, not {shown(value)}")


def _links_upstream(graph: TriggerGraph, workflow_id: str, transitive: bool) -> tuple[DependencyLink, ...]:
    reached, links = {workflow_id}, []
    # Against the order: each workflow is reached from all it starts before its own triggers are followed.
    ordered = [*graph.upstream(workflow_id), workflow_id] if transitive else [workflow_id]
    for each in reversed(ordered):
        if each in reached:
            edges = [edge for edge in graph.edges_into(each) if edge.enabled]
            reached.update(edge.depends_on_workflow_id for edge in edges)
            links += [_link(graph, edge, edge.depends_on_workflow_id) for edge in edges]
    place = {each: number for number, each in enumerate(ordered)}
    return tuple(sorted(links, key=lambda link: place.get(link.workflow_id, 0)))


def _links_downstream(graph: TriggerGraph, workflow_id: str, transitive: bool) -> tuple[DependencyLink, ...]:
    reached, links = {workflow_id}, []
    ordered = [workflow_id, *graph.downstream(workflow_id)] if transitive else [workflow_id]
    for each in ordered:
        if each in reached:
            edges = [edge for edge in graph.edges_out_of(each) if edge.enabled]
            reached.update(edge.workflow_id for edge in edges)
            links += [_link(graph, edge, edge.workflow_id) for edge in edges]
    place = {each: number for number, each in enumerate(ordered)}
    return tuple(sorted(links, key=lambda link: place.get(link.workflow_id, 0)))


def _link(graph: TriggerGraph, edge: DependencyEdge, other_end: str) -> DependencyLink:
    return DependencyLink(
        trigger_id=edge.id,
        workflow_id=other_end,
        workflow_name=name_of(graph, other_end),
        condition=edge.dependency_condition,
    )
