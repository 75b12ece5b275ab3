"""Deployments and flow runs for tests, made through the client: no runner is needed to set a state."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from flowforge_graph import TriggerEngine
from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer
from flowforge_graph.testing import FixedClock


def ask(server: PrefectServer, question: Callable[[Any], Any]) -> Any:
    """Ask as a runner does: a server on SQLite answers 503 now and then, while it writes something else."""
    for _ in range(20):
        try:
            return server.ask(question)
        except PrefectFault as fault:
            if not fault.may_pass:
                raise
            time.sleep(0.5)
    return server.ask(question)


def dispatch_all(engine: TriggerEngine, clock: FixedClock) -> int:
    """Hand over what is due until nothing is, passing over 503s, and count the starts."""
    started = 0
    for _ in range(50):
        started += engine.dispatch_due()
        if not engine.health().pending_due and engine.next_available_at() is None:
            break
        clock.advance(120)
    return started


def deploy(server: PrefectServer, flow: str | None = None, name: str = "main", **fields: Any) -> str:
    """Make a deployment of a flow of this name (a new one's by default), and answer ``flow/deployment``."""
    flow = flow or f"flow-{uuid4().hex[:12]}"
    flow_id = ask(server, lambda client: client.create_flow_from_name(flow))
    ask(server, lambda client: client.create_deployment(flow_id, name, **fields))
    return f"{flow}/{name}"


def runs_of(server: PrefectServer, deployment: str) -> list[Any]:
    """All flow runs of a deployment, the oldest first."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    found = ask(server, lambda client: client.read_deployment_by_name(deployment))
    wanted = DeploymentFilter(id=DeploymentFilterId(any_=[found.id]))
    runs = ask(server, lambda client: client.read_flow_runs(deployment_filter=wanted))
    return sorted(runs, key=lambda run: run.created)


def set_state(server: PrefectServer, run_id: UUID | str, *states: str, message: str | None = None) -> None:
    """Bring a flow run into these states, one after another, as a runner and an operator can."""
    from prefect.client.schemas.objects import State, StateType

    for state in states:
        wanted: State[Any] = State(type=StateType(state.upper()), message=message)
        ask(server, lambda client, wanted=wanted: client.set_flow_run_state(UUID(str(run_id)), wanted, force=True))


def run_by_hand(server: PrefectServer, deployment: str, **fields: Any) -> str:
    """Start a flow run as a person does on Prefect's page."""
    found = ask(server, lambda client: client.read_deployment_by_name(deployment))
    return str(ask(server, lambda client: client.create_flow_run_from_deployment(found.id, **fields)).id)
