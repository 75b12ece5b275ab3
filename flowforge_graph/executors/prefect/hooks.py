"""Hooks: a flow that tells of its own end at once. What they miss, the reconciler finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from flowforge_graph.client import CompletionNotice, notify_completion
from flowforge_graph.executors.prefect.flow_runs import WORKFLOW_TAG, end_of, tagged
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import CompletionNotNotified
from flowforge_graph.model import ExternalEnd

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun, State

    AnyFlow = TypeVar("AnyFlow", bound=Flow[..., Any])

_ATTACHED: Final = "_flowforge_reports_completions"


def report_completions(
    flow: AnyFlow,
    *,
    workflow_id: str | None = None,
    api_base_url: str | None = None,
    token: str | None = None,
    timeout_seconds: float = 30.0,
) -> AnyFlow:
    """Have a flow tell FlowForge's API of each of its ends, by the hooks that Prefect calls; answer the flow.

    It tells of completed, failed and crashed runs, and of cancelled ones once Prefect has stored that they are. Runs
    that the engine started say whose they are; one that a schedule of Prefect's or a person started is recorded for
    ``workflow_id``. Attaching twice does nothing more. A hook runs at most once, and not at all where its process was
    killed: it makes completions quick, the reconciler makes them certain, and both name a run alike.

    Args:
        flow: the flow as it is deployed: the object that the deployment's entrypoint names.
        workflow_id: the workflow of runs that do not say it themselves; None: those are left to the reconciler.
        api_base_url, token, timeout_seconds: as of :func:`flowforge_graph.notify_completion`.
    """

    def report_to_flowforge(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
        end = _stored_end(flow_run, workflow_id)
        if end is not None:
            _tell(end, api_base_url=api_base_url, token=token, timeout_seconds=timeout_seconds)

    if not getattr(flow, _ATTACHED, False):
        for attach in (flow.on_completion, flow.on_failure, flow.on_crashed, flow.on_cancellation):
            attach(report_to_flowforge)
        setattr(flow, _ATTACHED, True)
    return flow


def _stored_end(flow_run: FlowRun, workflow_id: str | None) -> ExternalEnd | None:
    """The run's end as the server has it; None where it has none yet, as while a run is being cancelled.

    A hook is handed the run as it was before it started, without the start in its run count.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run.id)
    return end_of(run, tagged(run.tags, WORKFLOW_TAG) or workflow_id)


def _tell(
    end: ExternalEnd, *, api_base_url: str | None, token: str | None, timeout_seconds: float
) -> CompletionNotice | None:
    if end.workflow_id is None:
        log(
            CompletionNotNotified(
                execution_id=end.execution_id or end.external_id,
                workflow_id="",
                status=end.status,
                tries=0,
                error="the run does not say of which workflow it is: name it in report_completions(workflow_id=...)",
            )
        )
        return None
    return notify_completion(
        end.execution_id or end.external_id,
        end.workflow_id,
        end.status,
        api_base_url,
        end=end,
        token=token,
        timeout_seconds=timeout_seconds,
    )
