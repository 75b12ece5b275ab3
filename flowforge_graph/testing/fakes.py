"""Stand-ins for the world around an engine, deterministic and in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flowforge_graph.errors import DeploymentError, DeploymentsUnreachable
from flowforge_graph.model import Deployment, Execution, PrefectRun, ScheduledTrigger, Workflow, as_instant
from flowforge_graph.schedules import CronExpression, fire_times
from flowforge_graph.schedules.differences import Rule


class FixedClock:
    """A clock that stands still until a test moves it; the monotonic clock moves along and never goes back.

    Args:
        now: the wall clock's first instant, an aware datetime; the monotonic clock begins at 0.

    Raises:
        InvalidTime: ``now`` is naive.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = as_instant(now, field="now")
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The instant that the test has set."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that :meth:`advance` has passed."""
        return self._monotonic

    def advance(self, seconds: float = 0.0, *, minutes: float = 0.0) -> None:
        """Let ``seconds`` and ``minutes`` pass on both clocks; less than nothing moves the wall clock alone."""
        passed = seconds + 60 * minutes
        self._now += timedelta(seconds=passed)
        self._monotonic += max(passed, 0.0)

    def set(self, now: datetime) -> None:
        """Set the wall clock alone, forwards or backwards: an operator's correction. Raises InvalidTime."""
        self._now = as_instant(now, field="now")


class RecordingExecutor:
    """Takes note of each execution that is handed over and answers ``external-<execution id>``. Thread-safe.

    Args:
        failures: raised first, one for each start: DispatchError to be asked again, PermanentDispatchError to end it.

    Attributes:
        started: the noted executions, in the order of their starts.
        failures: those not yet raised.
    """

    def __init__(self, failures: list[Exception] | None = None) -> None:
        self.started: list[Execution] = []
        self.failures = list(failures or [])
        self._lock = threading.Lock()

    def start(self, execution: Execution, workflow: Workflow) -> str:
        """Note the execution, or raise the next failure."""
        with self._lock:
            if self.failures:
                raise self.failures.pop(0)
            self.started.append(execution)
        return f"external-{execution.id}"

    @property
    def started_workflow_ids(self) -> list[str]:
        """The workflows of the noted executions, in order."""
        return [execution.workflow_id for execution in self.started]


class MemoryDeployments:
    """Keeps the deployments of scheduled triggers in memory, as a Prefect would. Thread-safe.

    Attributes:
        kept: the deployments, by their id.
        bases: what the deployments that workflows run on say, by ``flow/deployment``; whatever is named and not in it
            says nothing. A workflow that runs on none counts as one that runs on ``<its id>/default``.
        missing: those of them that Prefect does not have.
        rule: when a schedule fires by Prefect's rule; by ours until a test replaces it.
        fault: what Prefect answers to everything from now on; None where it is well.
    """

    def __init__(self) -> None:
        self.kept: dict[str, Deployment] = {}
        self.bases: dict[str, dict[str, Any]] = {}
        self.missing: set[str] = set()
        self.rule: Rule = fire_times
        self.fault: str | None = None
        self._lock = threading.Lock()

    def plan(self, trigger: ScheduledTrigger, workflow: Workflow) -> Deployment:
        """The deployment as it should be. Raises DeploymentError where the workflow's is missing or a fault is set."""
        self.meet_fault()
        base = workflow.run.prefect if isinstance(workflow.run, PrefectRun) else f"{workflow.id}/default"
        if base in self.missing:
            raise DeploymentError(f"Prefect has no deployment '{base}'")
        return Deployment(
            id=None,
            name=f"flowforge-trigger-{trigger.id}",
            trigger_id=trigger.id,
            workflow_id=workflow.id,
            flow_id=base.partition("/")[0],
            cron_expression=trigger.cron_expression,
            timezone=trigger.timezone,
            schedule_active=trigger.schedule_owner == "prefect",
            paused=not trigger.enabled,
            details=dict(self.bases.get(base, {})),
        )

    def put(self, planned: Deployment, workflow: Workflow, *, over: Deployment | None) -> Deployment:
        """Store the planned deployment. Raises DeploymentError where a fault is set."""
        self.meet_fault()
        with self._lock:
            put = planned.evolve(id=f"{planned.flow_id}/{planned.name}")
            self.kept[f"{put.id}"] = put
        return put

    def stored(self, trigger_id: str | None = None) -> list[Deployment]:
        """The deployments of a trigger, or all. Raises DeploymentError where a fault is set."""
        self.meet_fault()
        with self._lock:
            return [kept for kept in self.kept.values() if trigger_id in (None, kept.trigger_id)]

    def delete(self, deployment: Deployment) -> bool:
        """Forget it. Raises DeploymentError where a fault is set."""
        self.meet_fault()
        with self._lock:
            return self.kept.pop(f"{deployment.id}", None) is not None

    def pause(self, deployment: Deployment) -> Deployment | None:
        """Pause it. Raises DeploymentError where a fault is set."""
        return self._set_paused(deployment, paused=True)

    def resume(self, deployment: Deployment) -> Deployment | None:
        """Resume it. Raises DeploymentError where a fault is set."""
        return self._set_paused(deployment, paused=False)

    def fire_times(self, expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        """When a schedule fires by ``rule``."""
        return iter(self.rule(expression, zone, after))

    def meet_fault(self) -> None:
        """Raise DeploymentsUnreachable where a fault is set."""
        if self.fault is not None:
            raise DeploymentsUnreachable("Prefect did not answer", self.fault)

    def _set_paused(self, deployment: Deployment, *, paused: bool) -> Deployment | None:
        self.meet_fault()
        with self._lock:
            kept = self.kept.get(f"{deployment.id}")
            if kept is None:
                return None
            self.kept[f"{deployment.id}"] = changed = kept.evolve(paused=paused)
            return changed
