"""What is asked of Prefect's lists, each question whole however long the answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from flowforge_graph.executors.prefect.flow_runs import END_TYPES
from flowforge_graph.executors.prefect.server import PrefectServer, as_uuid
from flowforge_graph.storage import in_batches

if TYPE_CHECKING:
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.objects import FlowRun, State
    from prefect.client.schemas.sorting import FlowRunSort

# The server answers with no more at a time.
PAGE: Final = 200
_HEARTBEAT: Final = "prefect.flow-run.heartbeat"
_RESOURCE: Final = "prefect.flow-run."
_RESOURCES_AT_ONCE: Final = 50
_EVENTS: Final = 50


def server_time(server: PrefectServer) -> datetime:
    """What the server's clock says, to the second: the clock by which it says when runs ended."""
    response = server.ask(lambda client: client.hello())
    date = response.headers.get("date")
    return parsedate_to_datetime(date) if date else datetime.now(UTC).replace(microsecond=0)


def ended_since(server: PrefectServer, since: datetime) -> list[FlowRun]:
    """All flow runs of deployments that ended at or after an instant of the server's, the earliest end first.

    The list comes newest first and in pages. Each page is asked for by the last end of the one before, not by a
    number of runs to pass over: meanwhile others end, and some are deleted.
    """
    found: dict[UUID, FlowRun] = {}
    before: datetime | None = None
    offset = 0
    while True:
        page = _page_of_ended(server, since, before, offset)
        new = [run for run in page if run.id not in found]
        found.update((run.id, run) for run in new)
        if len(page) < PAGE:
            return sorted(found.values(), key=_end_time)
        # More than a page may have ended in one instant.
        before, offset = (_end_time(page[-1]), 0) if new else (before, offset + PAGE)


def runs_by_id(server: PrefectServer, ids: Collection[str]) -> dict[str, FlowRun]:
    """Those of these flow runs that Prefect has, by id."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    found: dict[str, FlowRun] = {}
    for some in in_batches([run_id for text in ids if (run_id := as_uuid(text))], PAGE):
        runs = _read(server, FlowRunFilter(id=FlowRunFilterId(any_=list(some))))
        found.update((str(run.id), run) for run in runs)
    return found


def states_of(server: PrefectServer, run: FlowRun) -> list[State[Any]]:
    """The history of a flow run's states."""
    return server.ask(lambda client: client.read_flow_run_states(run.id))


def beating_since(server: PrefectServer, run_ids: Collection[str], since: datetime) -> set[str]:
    """Those of these flow runs that have given a heartbeat since an instant."""
    beating: set[str] = set()
    for some in in_batches(sorted(run_ids), _RESOURCES_AT_ONCE):
        beating |= _beating(server, some, since)
        # Of many runs a page may hold the heartbeats of some only; the others are asked one by one.
        for run_id in set(some) - beating:
            beating |= _beating(server, [run_id], since, limit=1)
    return beating


def _page_of_ended(server: PrefectServer, since: datetime, before: datetime | None, offset: int) -> list[FlowRun]:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterDeploymentId,
        FlowRunFilterEndTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    between: dict[str, Any] = {"after_": since} if before is None else {"after_": since, "before_": before}
    wanted = FlowRunFilter(
        end_time=FlowRunFilterEndTime(**between),
        deployment_id=FlowRunFilterDeploymentId(is_null_=False),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType(name) for name in END_TYPES])),
    )
    return _read(server, wanted, sort=FlowRunSort.END_TIME_DESC, offset=offset)


def _read(
    server: PrefectServer, wanted: FlowRunFilter, *, sort: FlowRunSort | None = None, offset: int = 0
) -> list[FlowRun]:
    return server.ask(
        lambda client: client.read_flow_runs(flow_run_filter=wanted, sort=sort, limit=PAGE, offset=offset)
    )


def _beating(server: PrefectServer, run_ids: Sequence[str], since: datetime, *, limit: int = _EVENTS) -> set[str]:
    from prefect.events.filters import EventFilter, EventNameFilter, EventOccurredFilter, EventResourceFilter

    wanted = EventFilter(
        occurred=EventOccurredFilter.model_validate({"since": since}),
        event=EventNameFilter(name=[_HEARTBEAT]),
        resource=EventResourceFilter(id=[_RESOURCE + run_id for run_id in run_ids]),
    )
    page = server.ask(lambda client: client.read_events(wanted, limit=limit))
    return {event.resource.id.removeprefix(_RESOURCE) for event in page.events}


def _end_time(run: FlowRun) -> datetime:
    assert run.end_time is not None
    return run.end_time
