"""``deployments`` and what other commands do with Prefect, on a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowforge_graph.executors.prefect.server import PrefectServer
from tests.cli.conftest import Answer, cli, environment, folder
from tests.executors.prefect.deployed import Deployed
from tests.support.prefect_servers import PrefectProcess, free_port

__all__ = ["cli", "folder"]

Cli = Callable[..., Answer]
DATABASE = "sqlite:///flowforge.db"


@pytest.fixture
def deployed(
    folder: Path, prefect: PrefectServer, prefect_process: PrefectProcess, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployed]:
    """A workflow in the default database of the folder, and the server in the environment."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_process.api_url)
    made = Deployed(prefect, DATABASE)
    with made.engine:
        yield made


def test_a_deployment_from_its_making_to_its_end(deployed: Deployed, cli: Cli) -> None:
    """sync, info, pause, resume, delete: each answers the deployment and a sentence."""
    trigger = deployed.trigger()
    for name, paused in (("sync", False), ("info", False), ("pause", True), ("resume", False)):
        answer = cli("deployments", name, trigger.id, "--json")
        assert (answer.code, answer.err) == (0, "")
        document = answer.document
        assert document["success"] is True
        assert document["deployment"]["id"] == str(deployed.whole(trigger).id)
        assert document["deployment"]["paused"] is paused is deployed.whole(trigger).paused
        assert f"deployment 'flowforge-trigger-{trigger.id}'" in document["message"]
    assert document["deployment"]["differenceCount"] == len(document["deployment"]["differences"]) > 0
    assert {d["reason"] for d in document["deployment"]["differences"]} == {"gap"}
    for message in ("deleted the deployment", "there was no deployment"):
        answer = cli("deployments", "delete", trigger.id, "--json")
        assert answer.document == {"success": True, "deployment": None, "message": message}
    assert deployed.seen(trigger) is None
    gone = cli("deployments", "info", trigger.id)
    assert (gone.code, gone.err) == (4, f"error: there is no deployment of trigger '{trigger.id}'\n")
    assert cli("deployments", "sync", "nothing").code == 4


def test_a_person_reads_who_starts_it_and_what_differs(deployed: Deployed, cli: Cli) -> None:
    """Without --json, in lines."""
    trigger = deployed.trigger()
    lines = cli("deployments", "sync", trigger.id).out.splitlines()
    assert lines[:3] == [
        f"synchronised deployment 'flowforge-trigger-{trigger.id}'",
        "schedule '30 2 * * *' America/New_York: inactive",
        "note: the engine owns this schedule, so that it is inactive in Prefect",
    ]
    assert "2 fire times of the next 400 days are not in both the engine's rule and Prefect's:" in lines or (
        "4 fire times of the next 400 days are not in both the engine's rule and Prefect's:" in lines
    )
    assert any("only Prefect starts it (clocks go forward)" in line for line in lines)
    noon = deployed.trigger("0 12 * * *")
    assert "the engine's rule and Prefect's agree on the next 400 days" in cli("deployments", "sync", noon.id).out


def test_an_owner_is_given_and_followed(deployed: Deployed, cli: Cli) -> None:
    """By --owner of create and update; enable, disable and delete take the deployment along."""
    options = ("--type", "scheduled", "--cron", "30 2 * * *", "--timezone", "America/New_York", "--owner", "prefect")
    created = cli("triggers", "create", deployed.workflow_id, *options, "--json").document["trigger"]
    assert created["nextRunAt"] is None
    (trigger,) = deployed.engine.list_triggers()
    assert deployed.whole(trigger).schedules[0].active  # type: ignore[arg-type]
    assert "of Prefect's" in cli("triggers", "list").out
    preview = cli("triggers", "preview", trigger.id, "--count", "3", "--json").document
    assert [len(preview["nextRuns"]), preview["cronExpression"]] == [3, "30 2 * * *"]
    cli("triggers", "disable", trigger.id)
    assert deployed.whole(trigger).paused  # type: ignore[arg-type]
    cli("triggers", "enable", trigger.id)
    assert not deployed.whole(trigger).paused  # type: ignore[arg-type]
    assert cli("triggers", "update", trigger.id, "--owner", "engine", "--json").document["trigger"]["nextRunAt"]
    assert not deployed.whole(trigger).schedules[0].active  # type: ignore[arg-type]
    cli("triggers", "delete", trigger.id)
    assert deployed.seen(trigger) is None  # type: ignore[arg-type]
    refused = cli("triggers", "create", deployed.workflow_id, "--type", "manual", "--owner", "prefect")
    assert (refused.code, refused.err) == (2, "error: --owner belongs to scheduled triggers, and this one is manual\n")


def test_a_file_is_followed(deployed: Deployed, cli: Cli, folder: Path) -> None:
    """apply makes, changes and deletes the deployments of what Prefect owns."""
    (folder / "f.yaml").write_text(
        f"""
version: 1
name: f
workflows:
  nightly:
    run: {{prefect: "{deployed.flow}/base"}}
    triggers:
      - {{type: scheduled, name: Nightly, cron: "0 3 * * *", schedule_owner: prefect}}
"""
    )
    assert cli("apply", "f.yaml").code == 0
    (trigger,) = deployed.engine.list_triggers()
    assert deployed.whole(trigger).schedules[0].schedule.cron == "0 3 * * *"  # type: ignore[arg-type, union-attr]
    (folder / "f.yaml").write_text("version: 1\nname: f\nworkflows: {}\n")
    assert cli("apply", "f.yaml", "--prune").code == 0
    assert deployed.seen(trigger) is None  # type: ignore[arg-type]


def test_drift_is_exit_code_1_until_it_is_repaired(deployed: Deployed, cli: Cli) -> None:
    """check lists it, repair mends it, and both have nothing to say afterwards."""
    trigger = deployed.trigger(schedule_owner="prefect")
    assert cli("deployments", "check").code == 0
    cli("deployments", "pause", trigger.id)
    found = cli("deployments", "check", "--json")
    assert (found.code, found.document["success"]) == (1, False)
    assert found.document["drift"] == [
        {
            "triggerId": trigger.id,
            "workflowId": deployed.workflow_id,
            "kind": "paused",
            "message": "the trigger is enabled, and its deployment is paused",
            "mendable": True,
        }
    ]
    assert "the trigger is enabled, and its deployment is paused" in cli("deployments", "check").out
    repaired = cli("deployments", "repair", "--json")
    assert repaired.code == 0
    assert [repair["action"] for repair in repaired.document["repairs"]] == ["synchronised"]
    assert cli("deployments", "check", "--json").document == {"success": True, "drift": []}
    assert cli("deployments", "repair", "--json").document == {"success": True, "repairs": []}
    deployed.engine.update_workflow(deployed.workflow_id, run={"prefect": f"{deployed.flow}/gone"})
    cli("deployments", "delete", trigger.id)
    left = cli("deployments", "repair", "--json")
    assert (left.code, [repair["action"] for repair in left.document["repairs"]]) == (1, ["left"])


def test_a_prefect_that_is_away_fails_no_change_but_is_said(deployed: Deployed, cli: Cli) -> None:
    """The change is stored, the person is warned; what asks Prefect alone is exit code 1."""
    trigger = deployed.trigger(schedule_owner="prefect")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
        disabled = cli("triggers", "disable", trigger.id)
        assert disabled.code == 0
        assert f"warning: Prefect does not know of the change of trigger {trigger.id}: " in disabled.err
        assert disabled.err.endswith("; 'deployments repair' mends it or says why it cannot\n")
        moved = cli("triggers", "update", trigger.id, "--owner", "engine")
        assert (moved.code, "could not be reached" in moved.err) == (1, True)
        assert cli("deployments", "check").code == 1
    assert cli("deployments", "check", "--json").document["drift"][0]["kind"] == "paused"
    away = f"http://127.0.0.1:{free_port()}/api"
    assert cli("deployments", "info", trigger.id, "--prefect-api", away).err.startswith(
        f"error: the Prefect server at {away} could not be reached"
    )


def test_without_a_server_one_sentence_says_what_to_do(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, and no database is looked at."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    answer = cli("deployments", "check")
    assert answer.code == 2
    assert answer.err == (
        "error: no Prefect server is named: set PREFECT_API_URL to its API, such as http://127.0.0.1:4200/api, "
        "or give --prefect-api\n"
    )


_WITHOUT_PREFECT = "import sys; sys.modules['prefect'] = None\nfrom flowforge_graph.cli import main\n"


def _python(code: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_the_extra_one_sentence_says_what_to_install(folder: Path) -> None:
    """And commands that only follow along warn."""
    program = f"{_WITHOUT_PREFECT}sys.exit(main(['deployments', 'check', '--prefect-api', 'http://127.0.0.1:1/api']))"
    answer = _python(program, folder)
    assert answer.returncode == 2
    assert answer.stderr == (
        "error: PrefectServer needs the extra 'prefect' (there is no module 'prefect'):"
        " pip install 'flowforge-graph[prefect]'\n"
    )


def test_prefect_is_imported_only_where_it_is_asked(folder: Path) -> None:
    """It takes seconds: neither the package, nor commands that have nothing to ask it, pay them."""
    (folder / "f.yaml").write_text(
        """
version: 1
workflows:
  a: {triggers: [{type: scheduled, cron: "@daily"}]}
"""
    )
    program = """
import sys
import flowforge_graph
from flowforge_graph.cli import main
for words in ("apply f.yaml", "triggers list", "plan f.yaml", "doctor --watch 0", "workflows list", "run --help"):
    main(words.split())
    assert "prefect" not in sys.modules, words
"""
    answer = _python(program, folder, PREFECT_API_URL="http://127.0.0.1:1/api")
    assert answer.returncode == 0, answer.stderr
