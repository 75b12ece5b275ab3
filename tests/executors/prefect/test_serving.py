"""``serve`` with a Prefect: what runs here goes on whatever Prefect does, and no bug is hidden by what still works."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.cli import prefect_side
from flowforge_graph.executors.prefect import PrefectExecutor, PrefectServer
from tests.executors.prefect.processes import eventually
from tests.support.prefect_servers import free_port
from tests.support.serving import serving

BUG = """
from flowforge_graph.executors.prefect import PrefectReconciler
def broken(self):
    raise ZeroDivisionError("a bug")
PrefectReconciler.reconcile = broken
"""


def nobody() -> str:
    """The address of a Prefect that is not there."""
    return f"http://127.0.0.1:{free_port()}/api"


def test_without_a_prefect_what_runs_here_runs(tmp_path: Path) -> None:
    """The execution that is Prefect's waits and says why; the one beside it completes, and a stop is quick."""
    database = f"sqlite:///{tmp_path / 'flowforge.db'}"
    with TriggerEngine(database) as engine:
        engine.create_workflow("here", run={"command": ["true"]})
        engine.create_workflow("there", run={"prefect": "flow/main"})
        engine.start("there", execution_id="t")
        engine.start("here", execution_id="h")
        with serving(database, "--prefect-api", nobody(), folder=tmp_path) as server:
            eventually(lambda: engine.get_execution("h").status == "completed", "the local one completes")
            eventually(lambda: engine.get_execution("t").error, "the other one says why it waits")
            assert server.stop() == 0, server.said
        assert (engine.get_execution("t").status, engine.get_execution("t").attempt) == ("pending", 0)
    assert "completions on Prefect are not followed" in server.said


def test_a_bug_on_the_prefect_side_ends_serve(tmp_path: Path) -> None:
    """With its traceback, so that whoever keeps such processes running starts it again."""
    database = f"sqlite:///{tmp_path / 'flowforge.db'}"
    with serving(database, "--prefect-api", nobody(), folder=tmp_path, prelude=BUG) as server:
        assert server.wait() == 1
    assert "ZeroDivisionError: a bug" in server.said
    assert "the part that serves Prefect has ended by itself" in server.said


def test_the_log_says_what_ended_on_prefect_whoever_tells_of_it(tmp_path: Path) -> None:
    """A hook tells the API and is faster than the reconciler; a caller's own execution is the caller's to log."""
    database = f"sqlite:///{tmp_path / 'flowforge.db'}"
    with TriggerEngine(database) as engine:
        engine.create_workflow("there", run={"prefect": "flow/main"})
        engine.create_workflow("hosted")
    with serving(database, "--prefect-api", nobody(), folder=tmp_path) as server:
        end = {"status": "failed", "workflowId": "there", "externalId": "run", "runCount": 1, "error": "no disk"}
        assert server.ask("POST", "/api/executions/x/complete", end).status == 200
        hosted = {"status": "completed", "workflowId": "hosted"}
        assert server.ask("POST", "/api/executions/h/complete", hosted).status == 200
        assert server.stop() == 0, server.said
    assert "failed there on Prefect, execution x: no disk" in server.said
    assert "hosted" not in server.said


def test_a_hand_over_that_outlasts_the_stop_stores_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database stays open to it: the flow run is there, and nobody need find out by a second try."""
    database = f"sqlite:///{tmp_path / 'flowforge.db'}"
    asked, may_answer = Event(), Event()

    def slow(*_: object) -> str:
        asked.set()
        assert may_answer.wait(60)
        return "run"

    monkeypatch.setattr(PrefectExecutor, "start", slow)
    monkeypatch.setattr(prefect_side, "_LONGEST_STOP_SECONDS", 0.1)
    with TriggerEngine(database) as engine, PrefectServer(nobody()) as server:
        engine.create_workflow("there", run={"prefect": "flow/main"})
        engine.start("there", execution_id="t")
        with prefect_side.PrefectSide(engine, server, database, lambda _: None) as side:
            assert asked.wait(60)
        may_answer.set()
        eventually(lambda: engine.get_execution("t").external_id == "run", "the run is stored")
        assert (engine.get_execution("t").status, engine.get_execution("t").attempt) == ("running", 1)
        eventually(lambda: not side.is_alive, "its threads end")
        side.__exit__()
