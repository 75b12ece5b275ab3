"""Prefect's deployments of scheduled triggers: copies of the workflows' own, each with the schedule of one trigger.

A deployment of ours is never upserted over an existing one: that gives its schedule another id and with it the runs
another idempotency key, so that an instant which a worker has taken already is scheduled a second time. It is changed
in place, its schedule by a constant slug; that moves the deployment's ``updated``, which the scheduler's quick loop
looks at. (Changing the schedule alone leaves it without runs until the slow loop comes around.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from flowforge_graph.errors import DeploymentError, DeploymentsUnreachable
from flowforge_graph.executors.prefect.flow_runs import DATABASE_TAG, TAG, TRIGGER_TAG, WORKFLOW_TAG, tagged
from flowforge_graph.executors.prefect.schedules import cron_schedule, prefect_fire_times
from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer
from flowforge_graph.model import Deployment, PrefectRun, ScheduledTrigger, Workflow
from flowforge_graph.schedules import CronExpression

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import CronSchedule

T = TypeVar("T")

NAME_PREFIX: Final = "flowforge-trigger-"
SCHEDULE_SLUG: Final = "flowforge"

# What is copied, by whether everybody may see it: variables, parameters and steps often hold passwords.
_SHOWN: Final = (
    "version",
    "description",
    "path",
    "entrypoint",
    "work_pool_name",
    "work_queue_name",
    "enforce_parameter_schema",
    "storage_document_id",
    "infrastructure_document_id",
    "concurrency_options",
)
_HIDDEN: Final = ("parameters", "job_variables", "pull_steps", "parameter_openapi_schema")
_PAGE: Final = 200

_NO_POOL: Final = (
    "the workflow's own deployment has no work pool: the process that serves it takes only that deployment's runs, "
    "not those of this schedule"
)


class PrefectDeployments:
    """The deployments of scheduled triggers on a Prefect server, for ``TriggerEngine(deployments=...)``.

    Args:
        server: the connection, which stays its owner's to close.

    Safe for any number of threads. See :class:`flowforge_graph.engine.protocols.Deployments`.
    """

    def __init__(self, server: PrefectServer) -> None:
        self._server = server

    def __repr__(self) -> str:
        return f"<PrefectDeployments at {self._server.api_url}>"

    def plan(self, trigger: ScheduledTrigger, workflow: Workflow) -> Deployment:
        """The deployment as it should be: one request, nothing is changed."""
        base = self._base_of(workflow)
        schedule = cron_schedule(CronExpression.parse(trigger.cron_expression), trigger.timezone)
        return Deployment(
            id=None,
            name=f"{NAME_PREFIX}{trigger.id}",
            trigger_id=trigger.id,
            workflow_id=workflow.id,
            flow_id=str(base.flow_id),
            cron_expression=schedule.cron,
            timezone=schedule.timezone,
            schedule_active=trigger.schedule_owner == "prefect",
            paused=not trigger.enabled,
            details=_details(base, schedule, others=0),
            notes=_notes(base),
        )

    def put(self, planned: Deployment, workflow: Workflow, *, over: Deployment | None) -> Deployment:
        """Make the planned deployment, or change ``over`` to it."""
        base = self._base_of(workflow)
        deployment_id = None if over is None else self._updated(planned, base, UUID(over.id))
        if deployment_id is None:
            deployment_id = self._created(planned, base)
        return self._read(deployment_id) or planned

    def stored(self, trigger_id: str | None = None) -> list[Deployment]:
        """All deployments of a trigger's name, of any trigger without one; a request for each 200."""
        found = [self._value(response) for response in self._responses(trigger_id)]
        return [d for d in found if d.name.startswith(NAME_PREFIX) and trigger_id in (None, d.trigger_id)]

    def delete(self, deployment: Deployment) -> bool:
        """Delete it, and with it its runs that have not begun."""
        deployment_id = UUID(deployment.id)
        return self._is_there(lambda client: client.delete_deployment(deployment_id))

    def pause(self, deployment: Deployment) -> Deployment | None:
        """Pause it: Prefect drops the runs that it has scheduled by itself."""
        deployment_id = UUID(deployment.id)
        self._is_there(lambda client: client.pause_deployment(deployment_id))
        return self._read(deployment_id)

    def resume(self, deployment: Deployment) -> Deployment | None:
        """Resume it."""
        deployment_id = UUID(deployment.id)
        self._is_there(lambda client: client.resume_deployment(deployment_id))
        return self._read(deployment_id)

    def fire_times(self, expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        """When Prefect's rule fires; nobody is asked."""
        return prefect_fire_times(expression, zone, after)

    # Requests

    def _base_of(self, workflow: Workflow) -> DeploymentResponse:
        run = workflow.run
        if not isinstance(run, PrefectRun):
            raise DeploymentError(
                f"workflow '{workflow.id}' does not run on Prefect, so that there is no deployment to schedule: "
                "give it run: {prefect: flow/deployment}"
            )
        base = self._find(lambda client: client.read_deployment_by_name(run.prefect))
        if base is None:
            raise DeploymentError(
                f"Prefect has no deployment '{run.prefect}', on which workflow '{workflow.id}' runs: deploy its flow"
            )
        return base

    def _created(self, planned: Deployment, base: DeploymentResponse) -> UUID:
        from prefect.client.schemas.actions import DeploymentScheduleCreate

        schedule = DeploymentScheduleCreate(
            schedule=_schedule(planned), active=planned.schedule_active, slug=SCHEDULE_SLUG
        )
        fields = _copied(planned, base)
        return self._ask(
            lambda client: client.create_deployment(base.flow_id, planned.name, schedules=[schedule], **fields)
        )

    def _updated(self, planned: Deployment, base: DeploymentResponse, deployment_id: UUID) -> UUID | None:
        """Its id, None where it is gone."""
        from prefect.client.schemas.actions import DeploymentScheduleUpdate, DeploymentUpdate

        schedule = DeploymentScheduleUpdate(
            schedule=_schedule(planned), active=planned.schedule_active, slug=SCHEDULE_SLUG
        )
        self._drop_other_schedules(deployment_id)
        update = DeploymentUpdate(schedules=[schedule], **_copied(planned, base))
        is_there = self._is_there(lambda client: client.update_deployment(deployment_id, update))
        return deployment_id if is_there else None

    def _drop_other_schedules(self, deployment_id: UUID) -> None:
        """What somebody added to the deployment, which an update of ours leaves alone."""
        found = self._find(lambda client: client.read_deployment_schedules(deployment_id)) or []
        for schedule in found:
            if schedule.slug != SCHEDULE_SLUG:
                self._is_there(_deletion_of(schedule, deployment_id))

    def _read(self, deployment_id: UUID) -> Deployment | None:
        response = self._find(lambda client: client.read_deployment(deployment_id))
        return None if response is None else self._value(response)

    def _responses(self, trigger_id: str | None) -> Iterator[DeploymentResponse]:
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

        wanted = (
            DeploymentFilterName(like_=NAME_PREFIX)
            if trigger_id is None
            else DeploymentFilterName(any_=[f"{NAME_PREFIX}{trigger_id}"])
        )
        offset = 0
        while page := self._ask(_page_of(DeploymentFilter(name=wanted), offset)):
            yield from page
            offset += len(page)
            if len(page) < _PAGE:
                return

    def _ask(self, question: Callable[[SyncPrefectClient], T]) -> T:
        return _answer_of(lambda: self._server.ask(question))

    def _find(self, question: Callable[[SyncPrefectClient], T]) -> T | None:
        return _answer_of(lambda: self._server.find(question))

    def _is_there(self, change: Callable[[SyncPrefectClient], None]) -> bool:
        """Whether there was something to change."""

        def changed(client: SyncPrefectClient) -> bool:
            change(client)
            return True

        return self._find(changed) or False

    # Values

    def _value(self, response: DeploymentResponse) -> Deployment:
        schedule = _schedule_of(response)
        cron = None if schedule is None else _cron(schedule)
        return Deployment(
            id=str(response.id),
            name=response.name,
            trigger_id=response.name.removeprefix(NAME_PREFIX),
            workflow_id=tagged(response.tags, WORKFLOW_TAG),
            flow_id=str(response.flow_id),
            database=tagged(response.tags, DATABASE_TAG),
            cron_expression=None if cron is None else cron.cron,
            timezone=None if cron is None else cron.timezone,
            schedule_active=any(schedule.active for schedule in response.schedules),
            paused=response.paused,
            details=_details(response, cron, others=sum(s is not schedule for s in response.schedules)),
            notes=_notes(response),
        )


def _page_of(wanted: Any, offset: int) -> Callable[[SyncPrefectClient], list[DeploymentResponse]]:
    return lambda client: client.read_deployments(deployment_filter=wanted, limit=_PAGE, offset=offset)


def _deletion_of(schedule: DeploymentSchedule, deployment_id: UUID) -> Callable[[SyncPrefectClient], None]:
    return lambda client: client.delete_deployment_schedule(deployment_id, schedule.id)


def _answer_of(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except PrefectFault as fault:
        raise _error_of(fault) from fault


def _error_of(fault: PrefectFault) -> DeploymentError:
    kind = DeploymentsUnreachable if fault.may_pass else DeploymentError
    return kind(str(fault), None if fault.status_code is None else f"status {fault.status_code}")


def _schedule(planned: Deployment) -> CronSchedule:
    expression = CronExpression.parse(planned.cron_expression or "")
    return cron_schedule(expression, planned.timezone or "UTC")


def _schedule_of(response: DeploymentResponse) -> DeploymentSchedule | None:
    """Our schedule; any other where there is none of our slug, so that it shows as drift."""
    ours = [schedule for schedule in response.schedules if schedule.slug == SCHEDULE_SLUG]
    return next(iter([*ours, *response.schedules]), None)


def _cron(schedule: DeploymentSchedule) -> CronSchedule | None:
    from prefect.client.schemas.schedules import CronSchedule

    return schedule.schedule if isinstance(schedule.schedule, CronSchedule) else None


def _copied(planned: Deployment, base: DeploymentResponse) -> dict[str, Any]:
    """Everything that a deployment is given beside its name, flow and schedule: what is left out would be wiped."""
    return {
        **{name: getattr(base, name) for name in (*_SHOWN, *_HIDDEN)},
        # Its own, of the same size: a limit that is shared would be deleted along with this deployment.
        "concurrency_limit": _concurrency_limit(base),
        "tags": _tags(planned, base),
        "paused": planned.paused,
    }


def _tags(planned: Deployment, base: DeploymentResponse) -> list[str]:
    own = [
        TAG,
        f"{TRIGGER_TAG}{planned.trigger_id}",
        f"{WORKFLOW_TAG}{planned.workflow_id}",
        *([f"{DATABASE_TAG}{planned.database}"] if planned.database else []),
    ]
    return list(dict.fromkeys([*base.tags, *own]))


def _is_own(tag: str) -> bool:
    return tag == TAG or tag.startswith((TRIGGER_TAG, WORKFLOW_TAG, DATABASE_TAG))


def _concurrency_limit(response: DeploymentResponse) -> int | None:
    limit = response.global_concurrency_limit
    return None if limit is None else limit.limit


def _details(response: DeploymentResponse, schedule: CronSchedule | None, *, others: int) -> dict[str, Any]:
    """What is copied, as everybody may see it."""
    whole = response.model_dump(mode="json", include={*_SHOWN, *_HIDDEN})
    # Of a flow without a docstring Prefect stores the word, and when it is deployed again, nothing.
    whole["description"] = None if whole.get("description") == "None" else whole.get("description")
    return {
        **{name: whole.get(name) for name in _SHOWN},
        **{name: _digest(whole.get(name)) for name in _HIDDEN},
        "concurrency_limit": _concurrency_limit(response),
        "tags": sorted(tag for tag in response.tags if not _is_own(tag)),
        "day_or": None if schedule is None else schedule.day_or,
        "other_schedules": others,
    }


def _digest(value: object) -> str | None:
    """Tells whether something has changed, without telling what it is."""
    if not value:
        return None
    return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _notes(response: DeploymentResponse) -> tuple[str, ...]:
    return () if response.work_pool_name else (_NO_POOL,)
