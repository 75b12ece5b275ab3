"""What a Prefect flow run says of itself: whose it is, and whether and how it ended. Pure readings of its values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import FlowRunParametersDropped
from flowforge_graph.model import EndStatus, ExternalEnd
from flowforge_graph.model.ids import checked_id
from flowforge_graph.model.json_values import checked_json_object

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun, State

TAG: Final = "flowforge"
EXECUTION_TAG: Final = "flowforge-execution:"
TRIGGER_TAG: Final = "flowforge-trigger:"
WORKFLOW_TAG: Final = "flowforge-workflow:"
DATABASE_TAG: Final = "flowforge-database:"

# By the type of a final state. A crash, a lost process among them, is a failure; all else is no end: a run that awaits
# its retry is scheduled, and a paused one goes on.
_STATUSES: Final[dict[str, EndStatus]] = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CRASHED": "failed",
    "CANCELLED": "cancelled",
}
END_TYPES: Final = tuple(_STATUSES)


def execution_id_of(run: FlowRun) -> str | None:
    """The execution that a run carries: its tag's, else its parameter ``execution_id``; None where it carries none."""
    return tagged(run.tags, EXECUTION_TAG) or _id_in(run.parameters.get("execution_id"))


def tagged(tags: Iterable[str], prefix: str) -> str | None:
    """The id that follows ``prefix`` in a tag."""
    return next((found for tag in tags if tag.startswith(prefix) and (found := _id_in(tag[len(prefix) :]))), None)


def status_of(state: State[Any] | None) -> EndStatus | None:
    """How a state ends its run; None for one that does not."""
    return None if state is None else _STATUSES.get(state.type.value)


def end_of(
    run: FlowRun, workflow_id: str | None, *, state: State[Any] | None = None, run_count: int | None = None
) -> ExternalEnd | None:
    """The end of a flow run, by its present state or by an earlier one; None where it has not ended.

    ``workflow_id``: the workflow that the run is of.
    """
    is_earlier, state = state is not None, state or run.state
    status = status_of(state)
    if status is None or state is None:
        return None
    return ExternalEnd(
        external_id=str(run.id),
        run_count=run.run_count if run_count is None else run_count,
        status=status,
        execution_id=execution_id_of(run),
        workflow_id=workflow_id,
        error=None if status == "completed" else state.message,
        duration_ms=None if is_earlier else _duration_ms(run.start_time, run.end_time),
        parameters=_storable(run),
        trigger_id=tagged(run.tags, TRIGGER_TAG) if run.auto_scheduled else None,
        fire_time=run.expected_start_time if run.auto_scheduled else None,
    )


def ends_of(run: FlowRun, states: Sequence[State[Any]], workflow_id: str | None) -> list[ExternalEnd]:
    """All ends of a run that Prefect has started more than once, the oldest first, from the history of its states.

    Each start counts once, and of its final states the first. Where the history does not add up to the run's own count
    (old states are gone) only the present end is told.
    """
    starts, ends, resumes = 0, dict[int, "State[Any]"](), False
    for state in sorted(states, key=lambda state: state.timestamp):
        kind = state.type.value
        if kind == "RUNNING":
            # A run that goes on after a pause is not started again.
            starts, resumes = starts + (not resumes), False
        elif kind == "PAUSED":
            resumes = True
        elif kind in _STATUSES:
            resumes = False
            ends.setdefault(starts, state)
    if starts != run.run_count:
        present = end_of(run, workflow_id)
        return [] if present is None else [present]
    told = [end_of(run, workflow_id, state=state, run_count=count) for count, state in ends.items()]
    return [end for end in told if end is not None]


def _storable(run: FlowRun) -> dict[str, Any]:
    """The run's parameters; none at all where they hold what no database of ours takes, which is logged."""
    try:
        return checked_json_object(run.parameters, field="parameters")
    except ValueError as error:
        log(FlowRunParametersDropped(flow_run_id=str(run.id), error=str(error)))
        return {}


def _duration_ms(start: datetime | None, end: datetime | None) -> int | None:
    return None if start is None or end is None else max(0, round((end - start).total_seconds() * 1000))


def _id_in(value: object) -> str | None:
    """An id that we could have given; whatever else a run is labelled with is not ours."""
    if not isinstance(value, str):
        return None
    try:
        return checked_id(value, field="execution_id")
    except ValueError:
        return None
