"""Processes are killed with SIGKILL on the Prefect side; every completion counts once, every downstream starts once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowforge_graph import DependencyTrigger, TriggerEngine
from flowforge_graph.executors.prefect import PrefectExecutor, PrefectReconciler, PrefectServer
from tests.executors.prefect.flows import deploy, runs_of, set_state
from tests.executors.prefect.processes import eventually, kill_group, program
from tests.support.prefect_servers import PrefectProcess, running_prefect
from tests.support.serving import Serving, serving

FLOWS = Path(__file__).with_name("killed_flows.py")
DOWN_SECONDS = 60


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Two workflows on Prefect; after each end of them another one is due, of the host's."""
    url = f"sqlite:///{tmp_path / 'flowforge.db'}"
    with TriggerEngine(url) as engine:
        for workflow_id in ("sleeper", "dies-in-hook"):
            engine.create_workflow(workflow_id, run={"prefect": f"{workflow_id}/main"})
            engine.create_workflow(f"after-{workflow_id}")
            engine.create_trigger(
                DependencyTrigger(
                    workflow_id=f"after-{workflow_id}",
                    depends_on_workflow_id=workflow_id,
                    dependency_condition="on_completion",
                )
            )
    return url


@pytest.fixture
def server(database: str, prefect_process: PrefectProcess, tmp_path: Path) -> Iterator[Serving]:
    """``serve`` on that database and the Prefect of all."""
    with serving(database, "--prefect-api", prefect_process.api_url, folder=tmp_path) as server:
        yield server


def status_of(server: Serving, execution_id: str) -> str:
    """How an execution stands."""
    status: str = server.ask("GET", f"/api/executions/{execution_id}").document["execution"]["status"]
    return status


def started_after(server: Serving, workflow_id: str) -> list[str]:
    """The causes of what was started after a workflow."""
    found = server.ask("GET", f"/api/executions?workflowId=after-{workflow_id}").document["executions"]
    return [execution["upstreamExecutionId"] for execution in found]


def test_killed_flows_hooks_and_runners_lose_nothing(
    prefect_process: PrefectProcess, server: Serving, tmp_path: Path
) -> None:
    """A flow's process: its runner says that it crashed. A hook: the reconciler finds the stored end. The runner and
    its flow: the run says that it runs until somebody, Prefect's own automation as a rule, says that it crashed."""
    log, markers = tmp_path / "runner.log", [tmp_path / "first", tmp_path / "second"]
    with program(prefect_process, [str(FLOWS)], log, FLOWFORGE_API_URL=server.url) as runner:
        eventually(lambda: "are being served" in log.read_text(), "it serves", log)
        for number, marker in enumerate(markers):
            body = {"executionId": f"sleeper-{number}", "parameters": {"marker": str(marker)}}
            server.ask("POST", "/api/workflows/sleeper/execute", body)
        server.ask("POST", "/api/workflows/dies-in-hook/execute", {"executionId": "hook"})
        eventually(lambda: all(m.exists() and m.read_text() for m in markers), "the flows run", log)
        eventually(lambda: status_of(server, "hook") == "completed", "the end is found that no hook told", log)

        os.kill(int(markers[0].read_text()), signal.SIGKILL)
        eventually(lambda: status_of(server, "sleeper-0") == "failed", "the runner's word counts", log)

        kill_group(runner)
        os.kill(int(markers[1].read_text()), signal.SIGKILL)
    assert status_of(server, "sleeper-1") == "running"
    flow_run = server.ask("GET", "/api/executions/sleeper-1").document["execution"]["externalId"]
    with PrefectServer(prefect_process.api_url) as prefect:
        set_state(prefect, flow_run, "crashed")
    eventually(lambda: status_of(server, "sleeper-1") == "failed", "the crash is found")
    assert sorted(started_after(server, "sleeper")) == ["sleeper-0", "sleeper-1"]
    assert started_after(server, "dies-in-hook") == ["hook"]


def test_a_prefect_that_is_down_during_dispatches_gets_each_once(tmp_path: Path) -> None:
    """Killed with fifty hand-overs under way, and started again after a minute: fifty flow runs, each once."""
    url = f"sqlite:///{tmp_path / 'flowforge.db'}"
    with running_prefect(tmp_path / "prefect") as process, PrefectServer(process.api_url) as prefect:
        deployment = deploy(prefect)
        killing = KillsServer(prefect, process, after=20)
        with TriggerEngine(url, executor=killing, backoff_seconds=0.2, max_backoff_seconds=1.0) as engine:
            engine.create_workflow("A", run={"prefect": deployment})
            reconciler = PrefectReconciler(engine, prefect)
            reconciler.reconcile()
            for number in range(50):
                engine.start("A", execution_id=str(number))
            eventually(lambda: engine.dispatch_due() is not None and killing.has_killed, "it is killed")
            waiting = pending(engine)
            assert waiting >= 25
            back_at = time.monotonic() + DOWN_SECONDS
            eventually(lambda: engine.dispatch_due() == 0 and time.monotonic() > back_at, "the minute is over")
            assert pending(engine) == waiting
            process.start()
            eventually(lambda: engine.dispatch_due() is not None and not pending(engine), "all are handed over")
            runs = runs_of(prefect, deployment)
            assert len(runs) == 50
            external = {execution.external_id for execution in engine.list_executions(limit=100)}
            assert external == {str(run.id) for run in runs}
            for run in runs:
                set_state(prefect, run.id, "running", "completed")
            reconciler.reconcile()
            assert len(engine.list_executions(status="completed", limit=100)) == 50


def pending(engine: TriggerEngine) -> int:
    """How many executions wait to be handed over."""
    return len(engine.list_executions(status="pending", limit=100))


class KillsServer(PrefectExecutor):
    """Kills the server, once, while it hands over."""

    def __init__(self, server: PrefectServer, process: PrefectProcess, *, after: int) -> None:
        super().__init__(server)
        self._process = process
        self._left = after
        self.has_killed = False

    def start(self, execution: object, workflow: object) -> str:
        if self._left == 0:
            self._kill()
        external_id = super().start(execution, workflow)  # type: ignore[arg-type]
        self._left -= 1
        return external_id

    def _kill(self) -> None:
        if not self.has_killed:
            self._process.kill()
        self.has_killed = True
