"""``run``: what does it run, print and answer?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph import TriggerEngine
from tests.cli.conftest import Answer, environment, python_run

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]

OK = python_run("print('fine')")
BAD = python_run("print('line one'); print('line two'); raise SystemExit(3)")
DIAMOND = f"""
a: {{run: {OK}}}
b:
  run: {OK}
  triggers: [{{type: dependency, depends_on: a}}]
c:
  run: {OK}
  triggers: [{{type: dependency, depends_on: a, condition: on_completion}}]
d:
  run: {OK}
  triggers: [{{type: dependency, depends_on: b}}, {{type: dependency, depends_on: c, condition: on_failure}}]
"""


def by_workflow(document: Any) -> dict[str, Any]:
    """The executions of a run's document, of which each workflow has one."""
    found = {execution["workflowId"]: execution for execution in document["executions"]}
    assert len(found) == len(document["executions"])
    return found


def test_a_cascade_runs_to_its_end_and_its_document_says_everything(cli: Cli, write_file: WriteFile) -> None:
    """Executions, why they started, their output, and the verdicts."""
    answer = cli("run", write_file(DIAMOND), "--json")
    document = answer.document
    executions = by_workflow(document)
    assert answer.code == 0
    assert (document["success"], document["status"]) == (True, "completed")
    assert document["rootExecutionIds"] == [executions["a"]["id"]]
    assert {workflow: e["status"] for workflow, e in executions.items()} == dict.fromkeys("abcd", "completed")
    assert (executions["d"]["upstreamWorkflowId"], executions["d"]["hop"]) == ("b", 2)
    assert executions["a"]["output"] == "fine\n"
    outcomes = {(v["workflowId"], v["condition"]): (v["outcome"], v["reason"]) for v in document["verdicts"]}
    assert outcomes == {
        ("b", "on_success"): ("triggered", None),
        ("c", "on_completion"): ("triggered", None),
        ("d", "on_success"): ("triggered", None),
        ("d", "on_failure"): ("skipped", "condition_not_met"),
    }


def test_people_see_a_tree_of_what_ran_why_how_long_and_what_was_skipped(cli: Cli, write_file: WriteFile) -> None:
    """The summary is data, the progress is not."""
    answer = cli("run", write_file(DIAMOND))
    rows = [line.split(maxsplit=3) for line in answer.out.replace("─ ", "─").splitlines()]
    assert rows[0] == ["WORKFLOW", "STATUS", "TOOK", "WHY"]
    assert [row[0] for row in rows[1:6]] == ["a", "├─b", "│", "└─c", "└─d"]
    assert "on_success of b" in answer.out
    assert "on_failure of c, which completed" in answer.out
    assert answer.out.splitlines()[-1] == "4 executions: 4 completed; 1 trigger skipped"
    assert "started" not in answer.out
    assert "applied flow.yaml: 8 added, 0 changed, 0 removed\n" in answer.err
    for workflow in "abcd":
        assert f"Z started {workflow} (attempt 1)\n" in answer.err
        assert f"Z completed {workflow} after " in answer.err


def test_a_failure_without_a_handler_is_exit_code_1(cli: Cli, write_file: WriteFile) -> None:
    """Its error and the last lines of its output are shown; what depended on it is skipped."""
    answer = cli(
        "run", write_file(f"a: {{run: {BAD}}}\nb: {{run: {OK}, triggers: [{{type: dependency, depends_on: a}}]}}")
    )
    assert answer.code == 1
    assert "exit code 3" in answer.out
    assert "  | line one\n  | line two\n" in answer.out
    assert "on_success of a, which failed" in answer.out
    assert answer.out.endswith("1 execution: 1 failed; 1 trigger skipped; no on_failure workflow completed for a\n")


@pytest.mark.parametrize(
    ("handler", "condition", "code"),
    [(OK, "on_failure", 0), (BAD, "on_failure", 1), (OK, "on_completion", 1)],
    ids=["handled", "the handler fails too", "on_completion handles nothing"],
)
def test_a_failure_is_forgiven_where_its_on_failure_execution_completed(
    cli: Cli, write_file: WriteFile, handler: str, condition: str, code: int
) -> None:
    """Exit 1 unless each failed execution has an on_failure trigger whose execution completed."""
    trigger = f"{{type: dependency, depends_on: a, condition: {condition}}}"
    answer = cli("run", write_file(f"a: {{run: {BAD}}}\nb: {{run: {handler}, triggers: [{trigger}]}}"), "--json")
    assert answer.code == code
    assert answer.document["status"] == ("completed" if code == 0 else "failed")
    assert len(answer.document["executions"]) == 2


def test_a_command_that_does_not_exist_is_a_failure(cli: Cli, write_file: WriteFile) -> None:
    """A dead letter is a failed execution."""
    answer = cli("run", write_file('a: {run: {command: ["no-such-program-anywhere"]}}'), "--json")
    assert answer.code == 1
    assert "no-such-program-anywhere" in answer.document["executions"][0]["error"]


def test_a_module_that_does_not_exist_is_a_failure(cli: Cli, write_file: WriteFile) -> None:
    """The sentence names the module."""
    answer = cli("run", write_file('a: {run: {python: "no_such_module_anywhere:function"}}'))
    assert answer.code == 1
    assert "no_such_module_anywhere" in answer.out


def test_what_a_callable_prints_is_not_part_of_the_answer(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """A Python run prints into this process; stdout stays one JSON document."""
    (folder / "printing_module.py").write_text("def work(execution):\n    print('from', execution.workflow_id)\n")
    answer = cli("run", write_file('a: {run: {python: "printing_module:work"}}'), "--json")
    assert answer.document["status"] == "completed"
    assert "from a\n" in answer.err


def test_named_workflows_are_started_and_nothing_else(cli: Cli, write_file: WriteFile) -> None:
    """--workflow may be given again; the same one twice starts it once."""
    file = write_file(DIAMOND + f"e: {{run: {OK}}}\n")
    answer = cli("run", file, "--workflow", "b", "--workflow", "e", "--workflow", "b", "--json")
    assert sorted(by_workflow(answer.document)) == ["b", "d", "e"]
    assert len(answer.document["rootExecutionIds"]) == 2


def test_workflows_without_a_dependency_trigger_are_started_by_default(cli: Cli, write_file: WriteFile) -> None:
    """A schedule is no dependency, and does not start anything by itself here."""
    file = write_file(f'a: {{run: {OK}, triggers: [{{type: scheduled, cron: "* * * * *"}}]}}\nb: {{run: {OK}}}\n')
    executions = by_workflow(cli("run", file, "--json").document)
    assert {workflow: e["triggerType"] for workflow, e in executions.items()} == {"a": "manual", "b": "manual"}


def test_an_unknown_workflow_is_not_found_before_anything_is_written(
    cli: Cli, write_file: WriteFile, folder: Path
) -> None:
    """Exit code 4; no database appears."""
    answer = cli("run", write_file("a: {}\n"), "--workflow", "z")
    assert (answer.code, answer.err) == (4, "error: there is no workflow 'z' in flow.yaml\n")
    assert not (folder / "flowforge.db").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            f"a: {{run: {OK}}}\nb: {{triggers: [{{type: dependency, depends_on: a}}]}}",
            "'b' would be started but has no run",
        ),
        ("a: {run: {prefect: flow/deployment}}", "'a' would be started but runs with Prefect"),
        ("", "nothing to start in flow.yaml: there are no workflows"),
    ],
    ids=["no run", "prefect", "empty"],
)
def test_what_cannot_run_here_is_refused_before_anything_is_written(
    cli: Cli, write_file: WriteFile, folder: Path, text: str, complaint: str
) -> None:
    """Exit code 2, whether the database exists or not."""
    file = write_file(text or "{}")
    for _ in range(2):
        answer = cli("run", file)
        assert answer.code == 2
        assert complaint in answer.err
    assert not (folder / "flowforge.db").exists()
    cli("apply", write_file("other: {}\n", name="other.yaml"))
    assert cli("run", file).code == 2
    assert [w["id"] for w in cli("workflows", "list", "--json").document["workflows"]] in (["other"], [])


def test_a_workflow_without_run_behind_a_disabled_trigger_is_no_obstacle(cli: Cli, write_file: WriteFile) -> None:
    """A disabled trigger leads nowhere; it is skipped with its reason."""
    file = write_file(f"a: {{run: {OK}}}\nb: {{triggers: [{{type: dependency, depends_on: a, enabled: false}}]}}")
    answer = cli("run", file)
    assert answer.code == 0
    assert "its trigger on a is disabled" in answer.out


def test_a_stored_workflow_downstream_of_the_file_counts_as_reachable(
    cli: Cli, write_file: WriteFile, folder: Path
) -> None:
    """Reachability is that of the database once the file is applied."""
    file = write_file(f"a: {{run: {OK}}}\n")
    cli("apply", file)
    (folder / "other.yaml").write_text("version: 1\nworkflows:\n  z: {triggers: [{type: dependency, depends_on: a}]}\n")
    cli("apply", "other.yaml")
    answer = cli("run", file)
    assert answer.code == 2
    assert "'z' would be started but has no run" in answer.err


def test_running_again_starts_a_new_cascade_and_keeps_history(cli: Cli, write_file: WriteFile) -> None:
    """Each run is its own."""
    file = write_file(f"a: {{run: {OK}}}\n")
    first, second = (cli("run", file, "--json").document["rootExecutionIds"] for _ in range(2))
    assert first != second
    listed = cli("executions", "list", "--json").document["executions"]
    assert {execution["id"] for execution in listed} == {*first, *second}


def test_it_runs_its_own_cascades_and_nothing_else(cli: Cli, write_file: WriteFile) -> None:
    """What is pending of other cascades stays pending."""
    file = write_file(f"a: {{run: {OK}}}\nb: {{run: {OK}, triggers: [{{type: dependency, depends_on: a}}]}}")
    cli("apply", file)
    cli("complete", "elsewhere", "--workflow", "a", "--status", "completed")
    assert cli("run", file).code == 0
    (waiting,) = cli("executions", "list", "--status", "pending", "--json").document["executions"]
    assert waiting["upstreamExecutionId"] == "elsewhere"


def test_delays_can_be_ignored(cli: Cli, write_file: WriteFile) -> None:
    """The delay stays on the record: when the rule wanted it, and that it ran."""
    trigger = "{type: dependency, depends_on: a, delay_minutes: 60}"
    answer = cli(
        "run", write_file(f"a: {{run: {OK}}}\nb: {{run: {OK}, triggers: [{trigger}]}}"), "--ignore-delays", "--json"
    )
    downstream = by_workflow(answer.document)["b"]
    assert answer.code == 0
    assert (downstream["status"], downstream["delayMinutes"]) == ("completed", 60)
    assert downstream["runAfter"] - downstream["createdAt"] == 3_600


def test_a_wait_is_announced_and_can_be_cancelled_from_elsewhere(
    spawn: Callable[..., subprocess.Popen[str]], cli: Cli, write_file: WriteFile
) -> None:
    """A delay is waited out; another process cancels the waiting execution, and the run ends as cancelled."""
    trigger = "{type: dependency, depends_on: a, delay_minutes: 60}"
    process = spawn("run", write_file(f"a: {{run: {OK}}}\nb: {{run: {OK}, triggers: [{trigger}]}}"), "--json")
    assert process.stderr is not None
    line = next(line for line in process.stderr if "waiting" in line)
    assert line.rstrip().endswith("to start b: on_success of a, 60 minutes later")
    (waiting,) = cli("executions", "list", "--status", "pending", "--json").document["executions"]
    assert cli("executions", "cancel", waiting["id"]).code == 0
    out, _ = process.communicate()
    assert process.returncode == 1
    assert json.loads(out)["status"] == "cancelled"


def test_another_process_may_run_a_part(
    spawn: Callable[..., subprocess.Popen[str]], cli: Cli, write_file: WriteFile, folder: Path
) -> None:
    """What somebody else completes counts, and what follows from it is run."""
    trigger = "{type: dependency, depends_on: a, delay_minutes: 60}"
    last = f"c: {{run: {OK}, triggers: [{{type: dependency, depends_on: b}}]}}"
    process = spawn("run", write_file(f"a: {{run: {OK}}}\nb: {{run: {OK}, triggers: [{trigger}]}}\n{last}"), "--json")
    assert process.stderr is not None
    next(line for line in process.stderr if "waiting" in line)
    (waiting,) = cli("executions", "list", "--status", "pending", "--json").document["executions"]
    assert cli("complete", waiting["id"], "--workflow", "b", "--status", "completed").code == 0
    out, _ = process.communicate()
    assert process.returncode == 0
    assert {e["workflowId"]: e["status"] for e in json.loads(out)["executions"]} == dict.fromkeys("abc", "completed")


def test_independent_workflows_run_at_the_same_time(cli: Cli, write_file: WriteFile, folder: Path) -> None:
    """Each of two waits for the other: only together can they end."""
    (folder / "meet.py").write_text(
        "import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\n"
        "while not pathlib.Path(sys.argv[2]).exists(): time.sleep(0.01)"
    )
    runs = [json.dumps({"command": [sys.executable, "meet.py", *pair]}) for pair in (("one", "two"), ("two", "one"))]
    assert cli("run", write_file(f"a: {{run: {runs[0]}}}\nb: {{run: {runs[1]}}}")).code == 0


def test_ids_with_markup_and_output_with_escapes_are_shown_as_they_are(cli: Cli, write_file: WriteFile) -> None:
    """Nothing that a workflow is called or prints can colour or clear the terminal."""
    shout = python_run("print('\\x1b[31mred\\x1b[0m [bold]'); raise SystemExit(1)")
    answer = cli("run", write_file(f'"[red]a[bold]": {{run: {shout}}}'))
    assert "[red]a[bold]" in answer.out
    assert "  | \\x1b[31mred\\x1b[0m [bold]" in answer.out
    assert "\x1b" not in answer.out + answer.err


def test_a_wide_cascade_ends_completely(cli: Cli, write_file: WriteFile) -> None:
    """More downstream executions than one look reads."""
    (Path.cwd() / "quick_module.py").write_text("def work(execution):\n    pass\n")
    run = 'run: {python: "quick_module:work"}'
    leaves = "".join(f"w{n}: {{{run}, triggers: [{{type: dependency, depends_on: a}}]}}\n" for n in range(250))
    document = cli("run", write_file(f"a: {{{run}}}\n{leaves}"), "--json").document
    assert (len(document["executions"]), document["status"]) == (251, "completed")
    assert len(document["verdicts"]) == 250


def test_postgresql_runs_the_same(cli: Cli, write_file: WriteFile, postgres_url: str) -> None:
    """The main job on the other database."""
    answer = cli("--database", postgres_url, "run", write_file(DIAMOND), "--json")
    assert answer.code == 0
    assert len(answer.document["executions"]) == 4
    with TriggerEngine(postgres_url) as engine:
        assert len(engine.list_executions()) == 4


@pytest.mark.parametrize("both", [False, True], ids=["| head", "2>&1 | head"])
def test_a_reader_that_goes_away_does_not_stop_the_run(
    cli: Cli, write_file: WriteFile, folder: Path, both: bool
) -> None:
    """No traceback, everything runs to its end, and the exit code is the run's."""
    file = write_file(f"a: {{run: {OK}}}\nb: {{run: {OK}, triggers: [{{type: dependency, depends_on: a}}]}}")
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "flowforge_graph", "run", file]
    stderr = writer if both else subprocess.PIPE
    ran = subprocess.run(command, cwd=folder, env=environment(), stdout=writer, stderr=stderr, text=True)
    os.close(writer)
    assert ran.returncode == 0
    assert "Traceback" not in (ran.stderr or "")
    assert "Exception ignored" not in (ran.stderr or "")
    executions = cli("executions", "list", "--json").document["executions"]
    assert [execution["status"] for execution in executions] == ["completed", "completed"]
