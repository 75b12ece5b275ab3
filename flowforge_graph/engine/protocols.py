"""What the engine expects of the world around it: a clock, executors, and what it offers to an executor in return."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from flowforge_graph.model import Deployment, EndStatus, Execution, ScheduledTrigger, Workflow
from flowforge_graph.schedules import CronExpression


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The wall clock, as an aware UTC datetime."""

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary beginning."""


class Executor(Protocol):
    """Starts executions somewhere.

    One that can do only some kinds of ``run`` names them in an attribute ``runs``, such as ``frozenset({"prefect"})``:
    it is never asked to start another, nor a workflow without one. Those executions stay pending for another process
    that has an executor for them, or until the host completes or claims them.
    """

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        """Start ``execution`` and return at once: its external id, or None where this process now holds it.

        ``execution.id`` is the idempotency key: the same execution may be started again after a crash, with a higher
        ``attempt``. Raise DispatchError to be asked again later, PermanentDispatchError to give up, and
        ExecutorUnavailable where nothing can be started now: then all that is due waits, however long.
        """


@runtime_checkable
class NamespacedExecutor(Protocol):
    """An executor that keeps the executions of several databases apart."""

    def use_namespace(self, namespace: str) -> None:
        """Learn how the database of the engine calls itself: execution ids are unique within it."""


@runtime_checkable
class RevocableExecutor(Protocol):
    """An executor that can stop what was cancelled while it was handed over."""

    def call_off(self, external_id: str) -> None:
        """Stop what ``start`` answered with. Raises DispatchError where that is not known to have worked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutionEnd:
    """How a held execution ended. ``duration_ms`` is measured on the monotonic clock."""

    status: EndStatus
    error: str | None = None
    reason: str | None = None
    output: str | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewal:
    """What became of renewed leases: ``lost`` ones must stop without a word, ``cancel_requested`` ones must stop."""

    lost: frozenset[str] = frozenset()
    cancel_requested: frozenset[str] = frozenset()


class Deployments(Protocol):
    """The deployments that Prefect has of scheduled triggers. Whose they are is the engine's to decide.

    Everything raises DeploymentError for what Prefect refuses, DeploymentsUnreachable where it does not answer now.
    """

    def plan(self, trigger: ScheduledTrigger, workflow: Workflow) -> Deployment:
        """The deployment as it should be, a copy of the workflow's own with this trigger's schedule. Changes nothing.

        Raises DeploymentError where the workflow has no deployment to copy.
        """

    def put(self, planned: Deployment, workflow: Workflow, *, over: Deployment | None) -> Deployment:
        """Make the planned deployment, or bring ``over``, one of the same name and flow, to it: whole."""

    def stored(self, trigger_id: str | None = None) -> list[Deployment]:
        """All deployments of a trigger's name, whoever made them, in whichever flow; of any trigger without one."""

    def delete(self, deployment: Deployment) -> bool:
        """Delete it; False where it was gone."""

    def pause(self, deployment: Deployment) -> Deployment | None:
        """Let it start nothing more by itself; None where it was gone."""

    def resume(self, deployment: Deployment) -> Deployment | None:
        """Let it start by its active schedule again; None where it was gone."""

    def fire_times(self, expression: CronExpression, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
        """When Prefect's own rule fires, strictly after an instant, ascending, in UTC."""


class ExecutionHost(Protocol):
    """What the engine offers to an executor that holds executions on this machine."""

    @property
    def lease_seconds(self) -> float:
        """How long a lease is believed without a renewal."""

    @property
    def namespace(self) -> str:
        """A short name of this database, equal in every process that uses it."""

    def renew(self, execution_ids: Collection[str]) -> Renewal:
        """Renew the leases of the executions that this executor still runs. Raises DatabaseError; try again then."""

    def ended(self, execution_id: str, end: ExecutionEnd) -> None:
        """Record how an execution ended. Never raises: what the database cannot take now is tried again."""

    def let_go(self, execution_id: str) -> None:
        """The lease of this execution counts as lost, and it runs here no more: there is nothing to record."""


@runtime_checkable
class HoldingExecutor(Protocol):
    """An executor that runs executions on this machine and therefore holds their leases: the local executor."""

    def attach(self, host: ExecutionHost) -> None:
        """Learn to whom to report. Called once, by the engine that owns this executor."""

    def start(self, execution: Execution, workflow: Workflow) -> str | None:
        """See :class:`Executor`. Always answers None: this process holds the execution until it reports the end."""

    def free_slots(self) -> int:
        """How many more executions may be started now."""

    def running(self) -> frozenset[str]:
        """The ids of the executions that were started and whose end was not yet recorded with the host."""

    def cancel(self, execution_id: str) -> bool:
        """Ask a running execution to stop (its end is then reported as cancelled); False if it is not running here."""

    def wait(self, timeout: float | None = None) -> None:
        """Block until any execution has ended since the last call, or nothing runs, or ``timeout`` seconds passed."""

    def close(self) -> None:
        """Stop what runs, report each as cancelled... never leave a process behind. Idempotent."""
