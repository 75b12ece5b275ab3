"""The medallion example on Prefect, end to end: served flows, real flow runs, the cascade as on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from flowforge_graph import TriggerEngine
from flowforge_graph.definitions import apply_definitions, load_definitions
from flowforge_graph.executors import LocalExecutor
from tests.executors.prefect.processes import ROOT, eventually, program
from tests.support.prefect_servers import PrefectProcess
from tests.support.serving import Serving, serving

EXAMPLE = ROOT / "docs" / "examples" / "medallion"
FLOWS = Path(__file__).with_name("medallion_flows.py")


def on_prefect(folder: Path) -> Path:
    """The example's file, each run a deployment of the flow of that name."""
    document = yaml.safe_load((EXAMPLE / "flowforge.yaml").read_text(encoding="utf-8"))
    for workflow_id, workflow in document["workflows"].items():
        workflow["run"] = {"prefect": f"{workflow_id.replace('_', '-')}/main"}
    file = folder / "on-prefect.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return file


def cascade_of(engine: TriggerEngine, root: str) -> set[tuple[str, str, str | None]]:
    """Each execution of a cascade: workflow, status, and what it followed."""
    executions = engine.list_executions(root_execution_id=root)
    return {(e.workflow_id, e.status, e.upstream_workflow_id) for e in executions}


def has_ended(server: Serving, execution_id: str) -> bool:
    """Whether everything below it has ended."""
    found = server.ask("GET", f"/api/executions?rootExecutionId={execution_id}").document["executions"]
    return all(execution["status"] in {"completed", "failed", "cancelled"} for execution in found)


def locally(folder: Path) -> set[tuple[str, str, str | None]]:
    """The cascade of the example's own commands."""
    shutil.copytree(EXAMPLE, folder)
    with TriggerEngine(f"sqlite:///{folder / 'flowforge.db'}", executor=LocalExecutor()) as engine:
        apply_definitions(engine, load_definitions(folder / "flowforge.yaml"))
        engine.start("landing", execution_id="local")
        engine.run_until_idle()
        return cascade_of(engine, "local")


def test_the_cascade_is_the_same_as_on_this_machine(prefect_process: PrefectProcess, tmp_path: Path) -> None:
    """Landing to gold, by the hooks and the reconciler of real processes; its files are the same as well."""
    expected = locally(tmp_path / "local")
    lake = tmp_path / "there"
    shutil.copytree(EXAMPLE, lake)
    database = f"sqlite:///{tmp_path / 'flowforge.db'}"
    with TriggerEngine(database) as engine:
        apply_definitions(engine, load_definitions(on_prefect(tmp_path)))
    log = tmp_path / "runner.log"
    with serving(database, "--prefect-api", prefect_process.api_url, folder=tmp_path) as server:
        variables = {"MEDALLION": str(lake), "FLOWFORGE_API_URL": server.url}
        with program(prefect_process, [str(FLOWS)], log, **variables):
            eventually(lambda: "are being served" in log.read_text(), "it serves", log)
            server.ask("POST", "/api/workflows/landing/execute", {"executionId": "there"})
            eventually(lambda: has_ended(server, "there"), "the cascade ends", log)
    with TriggerEngine(database) as engine:
        assert cascade_of(engine, "there") == expected
    written = {path.relative_to(lake / "lake" / "there") for path in (lake / "lake" / "there").rglob("*.*")}
    local = tmp_path / "local" / "lake" / "local"
    assert written == {path.relative_to(local) for path in local.rglob("*.*")}
