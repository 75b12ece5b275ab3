"""Hooks: a flow tells the API of its own end, without any reconciler, and names its run as the reconciler would."""

from __future__ import annotations

from pathlib import Path

from flowforge_graph import TriggerEngine
from flowforge_graph.executors.prefect.server import PrefectServer
from tests.executors.prefect.processes import program
from tests.support.prefect_servers import PrefectProcess
from tests.support.serving import serving

FLOWS = Path(__file__).with_name("reporting_flows.py")


def test_each_end_is_told_once_with_its_run(prefect_process: PrefectProcess, tmp_path: Path) -> None:
    """Completed, failed and crashed, of runs that a person started; attached twice they tell once."""
    database, log = f"sqlite:///{tmp_path / 'flowforge.db'}", tmp_path / "flows.log"
    with TriggerEngine(database) as engine:
        for workflow_id in ("good", "bad", "crashing"):
            engine.create_workflow(workflow_id)
    with (
        serving(database, folder=tmp_path) as server,
        program(prefect_process, [str(FLOWS)], log, FLOWFORGE_API_URL=server.url) as flows,
    ):
        assert flows.wait(240) == 0, log.read_text()
    with TriggerEngine(database) as engine, PrefectServer(prefect_process.api_url) as prefect:
        executions = engine.list_executions()
        assert {e.workflow_id: e.status for e in executions} == {
            "good": "completed",
            "bad": "failed",
            "crashing": "failed",
        }
        runs = {str(run.id): run for run in prefect.ask(lambda client: client.read_flow_runs())}
        for execution in executions:
            recorded = engine.get_external_end(execution.id)
            assert recorded is not None
            assert (recorded.external_id, recorded.run_count) == (execution.id, runs[execution.id].run_count)
    assert "the run does not say of which workflow it is" in log.read_text()
    assert log.read_text().count("the run does not say of which workflow it is") == 1
