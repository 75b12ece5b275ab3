"""A Prefect server with one upstream and five downstream deployments, asked through its own client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from benchmarks.worlds import FAN_OUT

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

T = TypeVar("T")

UPSTREAM: Final = "upstream"
DOWNSTREAM: Final = tuple(f"down{number}" for number in range(FAN_OUT))
# Our executor fills in a parameter of this name, and so do the automations.
CAUSE: Final = "upstream_execution_id"
_PAGE: Final = 200
_SCHEMA: Final = {"type": "object", "properties": {CAUSE: {"type": "string"}}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One round by the server's own times: which run caused a run of which deployment, and when."""

    pairs: tuple[tuple[str, str], ...]
    seconds: float
    latencies: tuple[float, ...] = field(repr=False)

    @property
    def latency(self) -> float:
        """The median from an end to the creation of a run that it caused."""
        return median(self.latencies)


class PrefectWorld:
    """Deployments that no worker takes: states are set, runs are counted and deleted through the client."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self.client = client
        self.ids = {name: self._deploy(name) for name in (UPSTREAM, *DOWNSTREAM)}

    def start_upstream(self, count: int) -> list[UUID]:
        """So many runs of the upstream deployment, all running."""
        from prefect.states import Running

        ids = [self.create_run(UPSTREAM).id for _ in range(count)]
        for run_id in ids:
            self.client.set_flow_run_state(run_id, Running(), force=True)
        return ids

    def create_run(self, name: str, **fields: Any) -> FlowRun:
        """One run of a deployment."""
        return self.client.create_flow_run_from_deployment(self.ids[name], **fields)

    def complete(self, run_ids: Iterable[UUID]) -> None:
        """Say of each run that it has completed, one after another."""
        from prefect.states import Completed

        for run_id in run_ids:
            self.client.set_flow_run_state(run_id, Completed(), force=True)

    def count_downstream(self) -> int:
        """How many runs the downstream deployments have."""
        return self.client.count_flow_runs(deployment_filter=self._filter(DOWNSTREAM))

    def runs_of(self, *names: str) -> list[FlowRun]:
        """All runs of some deployments."""
        found: list[FlowRun] = []
        while page := self._page(names, len(found)):
            found += page
        return found

    def outcome(self, run_ids: Sequence[UUID]) -> Outcome:
        """What these ends have caused."""
        ends = {str(run.id): _known(run.end_time) for run in self.runs_of(UPSTREAM) if run.id in set(run_ids)}
        names = {deployment_id: name for name, deployment_id in self.ids.items()}
        caused = [(cause_of(run), names[_known(run.deployment_id)], run) for run in self.runs_of(*DOWNSTREAM)]
        created = [(cause, _known(run.created)) for cause, _, run in caused]
        return Outcome(
            pairs=tuple(sorted((cause, name) for cause, name, _ in caused)),
            seconds=(max(at for _, at in created) - min(ends.values())).total_seconds(),
            latencies=tuple((at - ends[cause]).total_seconds() for cause, at in created),
        )

    def delete_runs(self) -> None:
        """Delete every run of the deployments."""
        for run in self.runs_of(*self.ids):
            self.client.delete_flow_run(run.id)

    @contextmanager
    def automated(self, *pairs: tuple[str, str]) -> Iterator[None]:
        """While the block runs, a completed run of the one deployment starts a run of the other, by an automation."""
        made = [self.client.create_automation(_automation(self.ids[a], self.ids[b])) for a, b in pairs]
        try:
            yield
        finally:
            for automation_id in made:
                self.client.delete_automation(automation_id)

    def _deploy(self, name: str) -> UUID:
        flow_id = self.client.create_flow_from_name(name)
        return self.client.create_deployment(flow_id, "bench", parameter_openapi_schema=_SCHEMA)

    def _filter(self, names: Sequence[str]) -> Any:
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

        return DeploymentFilter(id=DeploymentFilterId(any_=[self.ids[name] for name in names]))

    def _page(self, names: Sequence[str], offset: int) -> list[FlowRun]:
        return self.client.read_flow_runs(deployment_filter=self._filter(names), limit=_PAGE, offset=offset)


def cause_of(run: FlowRun) -> str:
    """The upstream run that caused a run, as its parameters say."""
    return str(run.parameters[CAUSE]).removeprefix("prefect.flow-run.")


def _automation(upstream: UUID, downstream: UUID) -> Any:
    from prefect.events.actions import RunDeployment
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.events.schemas.events import ResourceSpecification

    trigger = EventTrigger(
        expect={"prefect.flow-run.Completed"},
        match=ResourceSpecification({"prefect.resource.id": "prefect.flow-run.*"}),
        match_related=ResourceSpecification(
            {"prefect.resource.role": "deployment", "prefect.resource.id": f"prefect.deployment.{upstream}"}
        ),
        for_each={"prefect.resource.id"},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    cause = {"__prefect_kind": "jinja", "template": "{{ event.resource.id }}"}
    action = RunDeployment(source="selected", deployment_id=downstream, parameters={CAUSE: cause})
    return AutomationCore(name=f"{upstream} to {downstream}", trigger=trigger, actions=[action])


def _known(value: T | None) -> T:
    assert value is not None
    return value
