"""The production layout goes as its page says: its own files, real processes, PostgreSQL behind both."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen
from uuid import UUID

import pytest
from sqlalchemy import make_url

from flowforge_graph import Execution, TriggerEngine
from flowforge_graph.executors.prefect import PrefectServer
from flowforge_graph.executors.prefect.deployments import PrefectDeployments
from tests.executors.prefect.flows import ask, deploy, run_by_hand, set_state
from tests.executors.prefect.processes import ROOT, eventually, kill_group, running
from tests.support.databases import PostgresServer
from tests.support.documents import blocks_of
from tests.support.prefect_servers import free_port, prefect_environment
from tests.support.serving import Client

LAYOUT = ROOT / "docs" / "examples" / "prefect"
DATABASES = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "FLOWFORGE_DATABASE_URL")
PORTS = ("4200", "8001", "8002")
BEGIN = "/api/workflows/ingest/execute"
ROOT_EXECUTION = "first"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The layout as its files say it, on databases and ports of this test."""

    folder: Path
    commands: Mapping[str, list[str]]
    variables: Mapping[str, str]

    @property
    def prefect_api(self) -> str:
        """Where Prefect listens."""
        return self.variables["PREFECT_API_URL"]

    def url(self, engine: str) -> str:
        """Where an engine listens."""
        words = self.commands[engine]
        return f"http://127.0.0.1:{words[words.index('--port') + 1]}"

    def running(self, name: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """A process of the layout, while the block runs."""
        return running(self.commands[name], self.environment(), self.log(name), folder=self.folder)

    def environment(self) -> dict[str, str]:
        """What every process of the layout finds, and nothing of this machine's own Prefect."""
        own = prefect_environment(self.folder / "home", **self.variables)
        programs = f"{Path(sys.executable).parent}{os.pathsep}{own['PATH']}"
        return {**own, "PATH": programs, "PYTHONPATH": str(ROOT)}

    def log(self, name: str) -> Path:
        """What a process has said."""
        return self.folder / f"{name}.log"


@pytest.fixture
def layout(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Layout]:
    """A copy of the example, read with other ports and databases than it names."""
    folder = Path(shutil.copytree(LAYOUT, tmp_path / "layout"))
    ports = {port: str(free_port()) for port in PORTS}
    with postgres_server.fresh_database() as theirs, postgres_server.fresh_database() as ours:
        urls = (theirs.replace("+psycopg", "+asyncpg"), ours)
        variables = with_ports(read_variables(folder), ports)
        commands = {name: shlex.split(command) for name, command in with_ports(read_procfile(folder), ports).items()}
        yield Layout(
            folder=folder, commands=commands, variables={**variables, **dict(zip(DATABASES, urls, strict=True))}
        )


def read_variables(folder: Path) -> dict[str, str]:
    """The environment of the layout, as a shell reads it."""
    lines = (folder / "production.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def read_procfile(folder: Path) -> dict[str, str]:
    """The command of each process, by its name."""
    return dict(line.split(": ", 1) for line in (folder / "Procfile").read_text(encoding="utf-8").splitlines())


def with_ports(texts: Mapping[str, str], ports: Mapping[str, str]) -> dict[str, str]:
    """The same texts with free ports."""
    numbers = re.compile(rf"\b({'|'.join(ports)})\b")
    return {name: numbers.sub(lambda found: ports[found[1]], text) for name, text in texts.items()}


def test_every_setting_of_the_layout_is_one() -> None:
    """Prefect passes over a variable that it does not know; each of ours is a setting of the installed version."""
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    names = read_variables(LAYOUT).keys()
    assert set(DATABASES) < names
    assert {name for name in names if name.startswith("PREFECT_")} <= _get_valid_setting_names(Settings)


def test_the_page_speaks_of_what_is_in_the_files() -> None:
    """Its sketch of the processes, the databases that it makes, and the call that begins a cascade."""
    (sketch,) = blocks_of(LAYOUT / "README.md", "text")
    assert all(name.rstrip("s") in sketch.text for name in read_procfile(LAYOUT))
    made, call = blocks_of(LAYOUT / "README.md", "bash")
    variables = read_variables(LAYOUT)
    for name in DATABASES:
        url = make_url(variables[name])
        assert f"createuser --pwprompt {url.username} && createdb --owner {url.username} {url.database}" in made.text
    assert f"curl -X POST {variables['FLOWFORGE_API_URL']}{BEGIN} " in call.text
    assert variables["FLOWFORGE_API_URL"].rpartition(":")[2] in read_procfile(LAYOUT)["engine1"]


def test_an_engine_is_killed_and_the_cascade_goes_on(layout: Layout) -> None:
    """Everything is started as the page says. The engine that began the cascade, and that flows tell of their ends,
    is killed while the second flow run is under way: each end counts once, and starts its downstream once."""
    with ExitStack() as opened:

        def start(name: str) -> subprocess.Popen[bytes]:
            return opened.enter_context(layout.running(name))

        start("prefect")
        eventually(lambda: answers(f"{layout.prefect_api}/health"), "Prefect answers", layout.log("prefect"))
        set_up(layout)
        engines = [start("engine1"), start("engine2")]
        start("worker")
        for name in ("engine1", "engine2"):
            eventually(lambda name=name: answers(f"{layout.url(name)}/ready"), "it is ready", layout.log(name))

        begin(layout, "engine1")
        eventually(lambda: status_of(layout, "clean") == "running", "the second one runs", layout.log("worker"))
        kill_group(engines[0])
        eventually(lambda: status_of(layout, "publish") == "completed", "the last one ends", layout.log("worker"))
        check_what_is_stored(layout)


def test_a_run_that_fell_silent_is_marked_as_crashed(
    prefect: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the automation of the layout, with the least patience that Prefect has; a run that has ended is left alone."""
    monkeypatch.chdir(tmp_path)
    deploying = SimpleNamespace(**runpy.run_path(str(LAYOUT / "deploy.py")))
    impatient = deploying.END_OF_SILENT_RUNS.trigger.model_copy(update={"within": timedelta(seconds=10)})
    monkeypatch.setattr(deploying.END_OF_SILENT_RUNS, "trigger", impatient)
    deployment = deploy(prefect)
    ended, silent = (run_by_hand(prefect, deployment) for _ in range(2))
    # Repeating it makes no second one.
    for _ in range(2):
        ask(prefect, deploying.make_automation)
    (automation,) = automations_called(prefect, deploying.END_OF_SILENT_RUNS.name)
    try:
        for run_id in (ended, silent):
            set_state(prefect, run_id, "running")
            give_heartbeat(prefect, run_id)
        set_state(prefect, ended, "completed")
        eventually(lambda: state_of(prefect, silent) == "CRASHED", "the silent run is marked")
        assert state_of(prefect, ended) == "COMPLETED"
    finally:
        ask(prefect, lambda client: client.delete_automation(automation.id))


def automations_called(prefect: PrefectServer, name: str) -> list[Any]:
    """What Prefect has under a name."""
    found: list[Any] = ask(prefect, lambda client: client.read_automations_by_name(name))
    return found


def give_heartbeat(prefect: PrefectServer, run_id: str) -> None:
    """A sign of life, as a flow run's own process gives it."""
    from prefect.events import Event

    beat = Event(event="prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{run_id}"})
    ask(prefect, lambda client: client.request("POST", "/events", json=[beat.model_dump(mode="json")]))


def state_of(prefect: PrefectServer, run_id: str) -> str:
    """The type of a flow run's state."""
    state: str = ask(prefect, lambda client: client.read_flow_run(UUID(run_id))).state.type.value
    return state


def set_up(layout: Layout) -> None:
    """Do what the page says to do once."""
    (block,) = [block for block in blocks_of(LAYOUT / "README.md", "sh") if "deploy.py" in block.text]
    for line in block.text.strip().splitlines():
        done = subprocess.run(
            shlex.split(line), cwd=layout.folder, env=layout.environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def answers(url: str) -> bool:
    """Whether somebody says that all is well there."""
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def begin(layout: Layout, engine: str) -> None:
    """Start the cascade through one of the engines."""
    with Client(layout.url(engine)) as client:
        answer = client.ask("POST", BEGIN, {"executionId": ROOT_EXECUTION})
    assert answer.status == 202, answer.body


def status_of(layout: Layout, workflow_id: str) -> str | None:
    """How the cascade's execution of a workflow stands, as the second engine says; None where there is none."""
    with Client(layout.url("engine2")) as client:
        found = client.ask("GET", f"/api/executions?rootExecutionId={ROOT_EXECUTION}&workflowId={workflow_id}")
    return next((execution["status"] for execution in found.document["executions"]), None)


def check_what_is_stored(layout: Layout) -> None:
    """One execution of each workflow, one verdict of each trigger, one flow run of each execution; and the schedule
    of Prefect's has its deployment."""
    with (
        PrefectServer(layout.prefect_api) as prefect,
        TriggerEngine(layout.variables["FLOWFORGE_DATABASE_URL"], deployments=PrefectDeployments(prefect)) as engine,
    ):
        executions = engine.list_executions(root_execution_id=ROOT_EXECUTION)
        assert sorted((e.workflow_id, e.status) for e in executions) == [
            ("clean", "completed"),
            ("ingest", "completed"),
            ("publish", "completed"),
        ]
        verdicts = [v for execution in executions for v in engine.get_verdicts(execution.id)]
        assert sorted((v.workflow_id, v.outcome) for v in verdicts) == [
            ("alert", "skipped"),
            ("clean", "triggered"),
            ("publish", "triggered"),
        ]
        assert [flow_runs_of(prefect, execution) for execution in executions] == [
            [execution.external_id] for execution in executions
        ]
        (nightly,) = engine.get_triggers("ingest")
        deployment = engine.get_deployment(nightly.id)
        assert deployment is not None
        assert not deployment.paused


def flow_runs_of(prefect: PrefectServer, execution: Execution) -> list[str]:
    """The flow runs that Prefect has of an execution."""
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterTags

    wanted = FlowRunFilter(tags=FlowRunFilterTags(all_=[f"flowforge-execution:{execution.id}"]))
    return [str(run.id) for run in ask(prefect, lambda client: client.read_flow_runs(flow_run_filter=wanted))]
