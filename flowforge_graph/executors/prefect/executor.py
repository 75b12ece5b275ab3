"""The executor: a due execution becomes a flow run of its workflow's deployment, exactly one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from flowforge_graph.errors import DispatchError, ExecutorUnavailable, PermanentDispatchError, shown
from flowforge_graph.executors.prefect.flow_runs import (
    DATABASE_TAG,
    EXECUTION_TAG,
    TAG,
    TRIGGER_TAG,
    WORKFLOW_TAG,
    execution_id_of,
)
from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer, as_uuid
from flowforge_graph.model import Execution, PrefectRun, Workflow

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

# What makes Prefect's server read a parameter as a template, a variable or JSON instead of as a value.
_KIND: Final = "__prefect_kind"
_KNOWN_SECONDS: Final = 10.0


class PrefectExecutor:
    """Hands executions over to Prefect: its workers run them, wherever they are.

    Args:
        server: the connection, which stays open.

    One execution is one flow run, however often it is handed over: the idempotency key is the execution's id within
    this database, which Prefect keeps unique for each flow. A key with the attempt in it would start a second run
    after a crash between Prefect's answer and its storing. The run's parameters are the execution's; beside them
    ``execution_id``, ``workflow_id``, ``trigger_type``, ``attempt``, ``root_execution_id``, ``upstream_execution_id``
    and ``fire_time`` (ISO 8601), where the flow has a parameter of that name and it is not given.
    """

    runs: ClassVar[frozenset[str]] = frozenset({"prefect"})

    def __init__(self, server: PrefectServer) -> None:
        self._server = server
        self._namespace = ""
        # By name, each with when it was read: a flow may be deployed anew at any time, with other parameters.
        self._deployments: dict[str, tuple[float, DeploymentResponse]] = {}

    def use_namespace(self, namespace: str) -> None:
        """Learn how the database calls itself, whose execution ids need be unique in it only."""
        self._namespace = namespace

    def start(self, execution: Execution, workflow: Workflow) -> str:
        """Start ``execution`` and answer the id of its flow run, the same one again if it was started before.

        Raises ExecutorUnavailable while Prefect is away, and PermanentDispatchError for what it will never take.
        """
        if not isinstance(workflow.run, PrefectRun):
            raise PermanentDispatchError(f"workflow '{workflow.id}' does not run with Prefect")
        try:
            run = self._create(execution, workflow, workflow.run.prefect)
        except PrefectFault as fault:
            raise self._dispatch_error(fault, workflow.run.prefect) from fault
        if execution_id_of(run) != execution.id:
            raise PermanentDispatchError(
                f"Prefect answered with flow run {run.id}, which is of another execution: its idempotency key is taken"
            )
        return str(run.id)

    def call_off(self, external_id: str) -> None:
        """Cancel a flow run. Raises DispatchError where Prefect does not answer."""
        try:
            cancel(self._server, external_id)
        except PrefectFault as fault:
            raise DispatchError(str(fault)) from fault

    def _dispatch_error(self, fault: PrefectFault, name: str) -> DispatchError:
        if fault.status_code == 404 and not self._is_prefect():
            return ExecutorUnavailable(
                f"what answers at {self._server.api_url} is not Prefect's API, whose address ends in /api as a rule"
            )
        if fault.status_code == 404:
            return PermanentDispatchError(
                f"Prefect has no deployment '{name}': deploy the flow, or mend the workflow's run, and start it again"
            )
        if not fault.may_pass:
            return PermanentDispatchError(str(fault))
        if fault.status_code == 500 and self._answers(name):
            # The server is well: it is this execution that it cannot take, and others need not wait.
            return DispatchError(str(fault))
        return ExecutorUnavailable(str(fault))

    def _is_prefect(self) -> bool:
        try:
            return self._server.is_prefect()
        except PrefectFault:
            return False

    def _answers(self, name: str) -> bool:
        """Whether the server answers another question that needs its database."""
        try:
            self._server.ask(lambda client: client.read_deployment_by_name(name))
        except PrefectFault:
            return False
        return True

    def _create(self, execution: Execution, workflow: Workflow, name: str) -> FlowRun:
        known = self._known(name, execution)
        if known is not None:
            try:
                return self._create_of(known, execution, workflow)
            except PrefectFault as fault:
                # Whoever deploys anew after deleting gets another id under the same name.
                if fault.status_code != 404:
                    raise
        deployment = self._server.ask(lambda client: client.read_deployment_by_name(name))
        self._deployments[name] = (time.monotonic(), deployment)
        return self._create_of(deployment, execution, workflow)

    def _known(self, name: str, execution: Execution) -> DeploymentResponse | None:
        """The deployment as it was read a moment ago; None where it must be read (again)."""
        read_at, deployment = self._deployments.get(name, (-math.inf, None))
        if deployment is None or time.monotonic() - read_at > _KNOWN_SECONDS:
            return None
        taken = _taken(deployment)
        return deployment if taken is None or execution.parameters.keys() <= taken.keys() else None

    def _create_of(self, deployment: DeploymentResponse, execution: Execution, workflow: Workflow) -> FlowRun:
        deployment_id: UUID = deployment.id
        parameters = _parameters(execution, _taken(deployment))
        tags = _tags(execution, workflow, self._namespace)
        return self._server.ask(
            lambda client: client.create_flow_run_from_deployment(
                deployment_id,
                parameters=parameters,
                tags=tags,
                idempotency_key=f"flowforge:{self._namespace}:{execution.id}",
            )
        )


def cancel(server: PrefectServer, external_id: str) -> bool:
    """Ask Prefect to cancel a flow run, which ends at once where it has not started; False where there is no such run.

    Raises PrefectFault.
    """
    from prefect.states import Cancelling

    run_id = as_uuid(external_id)
    if run_id is None:
        return False

    def ask(client: SyncPrefectClient) -> bool:
        client.set_flow_run_state(run_id, Cancelling())
        return True

    return server.find(ask) is not None


def _tags(execution: Execution, workflow: Workflow, namespace: str) -> list[str]:
    by_trigger = [] if execution.trigger_id is None else [TRIGGER_TAG + execution.trigger_id]
    by_execution = [EXECUTION_TAG + execution.id, WORKFLOW_TAG + workflow.id, DATABASE_TAG + namespace]
    return [TAG, *by_execution, *by_trigger]


def _taken(deployment: DeploymentResponse) -> Mapping[str, Any] | None:
    """The parameters that a flow takes, by name; None where whoever deployed it did not say.

    Prefect's schema of a flow has a title; what its server puts in the place of none has not, and names no parameter.
    """
    schema = deployment.parameter_openapi_schema or {}
    taken: Mapping[str, Any] = schema.get("properties", {})
    return taken if taken or "title" in schema else None


def _parameters(execution: Execution, taken: Mapping[str, Any] | None) -> dict[str, Any]:
    given = {name: _as_value(value) for name, value in execution.parameters.items()}
    if _KIND in given:
        raise PermanentDispatchError(f"a parameter of a flow cannot be called {_KIND}: Prefect reads it as its own")
    if taken is None:
        return given
    if unknown := sorted(given.keys() - taken.keys()):
        given = _without(unknown, given, execution, taken)
    return {name: value for name, value in _offered(execution).items() if name in taken} | given


def _without(
    unknown: Sequence[str], given: Mapping[str, Any], execution: Execution, taken: Collection[str]
) -> dict[str, Any]:
    """The parameters that a flow takes of those that came with a cascade or an event: not every flow takes all.

    Prefect fails a run with any other name. Raises PermanentDispatchError where a person asked for one.
    """
    if execution.trigger_type == "manual":
        names, takes = ", ".join(map(shown, unknown)), ", ".join(sorted(taken)) or "none"
        raise PermanentDispatchError(f"the flow takes no parameter {names}: it takes {takes}")
    return {name: value for name, value in given.items() if name in taken}


def _offered(execution: Execution) -> dict[str, Any]:
    """What an execution knows of itself, by the names that a local command finds in its environment."""
    return {
        "execution_id": execution.id,
        "workflow_id": execution.workflow_id,
        "trigger_type": execution.trigger_type,
        "attempt": execution.attempt,
        "root_execution_id": execution.root_execution_id,
        "upstream_execution_id": execution.upstream_execution_id,
        "fire_time": None if execution.fire_time is None else execution.fire_time.isoformat(),
    }


def _as_value(value: Any) -> Any:
    """The value, told so that Prefect's server takes it as it is and renders nothing in it."""
    text = json.dumps(value)
    return {_KIND: "json", "value": text} if _KIND in text else value
