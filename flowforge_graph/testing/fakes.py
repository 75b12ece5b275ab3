"""Stand-ins for the world around an engine, deterministic and in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from flowforge_graph.errors import DeploymentError
from flowforge_graph.model import Deployment, Execution, ScheduledTrigger, Workflow, as_instant


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
        stored: the deployments, by trigger id.
        fault: what Prefect answers to everything from now on; None where it is well.
    """

    def __init__(self) -> None:
        self.stored: dict[str, Deployment] = {}
        self.fault: str | None = None
        self._lock = threading.Lock()

    def sync(self, trigger: ScheduledTrigger, workflow: Workflow) -> Deployment:
        """Store the deployment of a trigger. Raises DeploymentError where a fault is set."""
        return self._put(
            Deployment(
                id=f"deployment-{trigger.id}",
                name=f"flowforge-trigger-{trigger.id}",
                trigger_id=trigger.id,
                cron_expression=trigger.cron_expression,
                timezone=trigger.timezone,
                paused=not trigger.enabled,
                details={"workflow": workflow.id},
            )
        )

    def find(self, trigger_id: str) -> Deployment | None:
        """The deployment of a trigger. Raises DeploymentError where a fault is set."""
        self._meet_fault()
        return self.stored.get(trigger_id)

    def delete(self, trigger_id: str) -> bool:
        """Forget the deployment of a trigger. Raises DeploymentError where a fault is set."""
        self._meet_fault()
        with self._lock:
            return self.stored.pop(trigger_id, None) is not None

    def pause(self, trigger_id: str) -> Deployment | None:
        """Pause it. Raises DeploymentError where a fault is set."""
        return self._set_paused(trigger_id, paused=True)

    def resume(self, trigger_id: str) -> Deployment | None:
        """Resume it. Raises DeploymentError where a fault is set."""
        return self._set_paused(trigger_id, paused=False)

    def _set_paused(self, trigger_id: str, *, paused: bool) -> Deployment | None:
        deployment = self.find(trigger_id)
        return None if deployment is None else self._put(deployment.evolve(paused=paused))

    def _put(self, deployment: Deployment) -> Deployment:
        self._meet_fault()
        with self._lock:
            self.stored[deployment.trigger_id] = deployment
        return deployment

    def _meet_fault(self) -> None:
        if self.fault is not None:
            raise DeploymentError("Prefect did not answer", self.fault)
