"""What a command finds, and what is made of how it ends."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowforge_graph.errors import DispatchError, PermanentDispatchError
from flowforge_graph.executors import LocalExecutor
from flowforge_graph.model import Workflow
from tests.executors.hosts import RememberingHost, command, execution, run_all

SHOW_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"


def environment_of(executor: LocalExecutor, host: RememberingHost, **fields: object) -> dict[str, str]:
    """The environment that a command of such an execution sees."""
    run_all(executor, [(execution("e-1", **fields), command("python", "-c", SHOW_ENVIRONMENT))])
    environment: dict[str, str] = json.loads(host.ends["e-1"].output or "")
    return environment


def told(environment: dict[str, str]) -> dict[str, str]:
    """What the environment says of the execution: what is ours, and was not inherited."""
    return {name: value for name, value in environment.items() if name[:10] == "FLOWFORGE_" and name not in os.environ}


def test_a_command_is_told_its_execution(executor: LocalExecutor, host: RememberingHost) -> None:
    """The environment names execution, workflow, kind of trigger, attempt, root and parameters; nothing else."""
    environment = environment_of(executor, host, parameters={"größe": [1, None]}, attempt=2, root_execution_id="r")
    assert json.loads(environment.pop("FLOWFORGE_PARAMETERS")) == {"größe": [1, None]}
    assert told(environment) == {
        "FLOWFORGE_EXECUTION_ID": "e-1",
        "FLOWFORGE_WORKFLOW_ID": "w",
        "FLOWFORGE_TRIGGER_TYPE": "manual",
        "FLOWFORGE_ATTEMPT": "2",
        "FLOWFORGE_ROOT_EXECUTION_ID": "r",
    }


def test_a_command_is_told_its_upstream_and_fire_time_where_there_are_any(
    executor: LocalExecutor, host: RememberingHost
) -> None:
    """The upstream execution and the fire time, in Unix seconds, are there only where they exist."""
    fire_time = datetime(2026, 1, 2, tzinfo=UTC)
    environment = environment_of(executor, host, upstream_execution_id="up", fire_time=fire_time)
    assert environment["FLOWFORGE_UPSTREAM_EXECUTION_ID"] == "up"
    assert environment["FLOWFORGE_FIRE_TIME"] == str(int(fire_time.timestamp()))


def test_a_command_is_not_told_of_the_execution_the_engine_runs_in(
    executor: LocalExecutor, host: RememberingHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine inside of another engine's command does not pass that command's execution on; the rest is inherited."""
    monkeypatch.setenv("FLOWFORGE_FIRE_TIME", "1")
    monkeypatch.setenv("FLOWFORGE_UPSTREAM_EXECUTION_ID", "stranger")
    monkeypatch.setenv("SOME_SETTING", "kept")
    environment = environment_of(executor, host)
    assert not {"FLOWFORGE_FIRE_TIME", "FLOWFORGE_UPSTREAM_EXECUTION_ID"} & environment.keys()
    assert environment["SOME_SETTING"] == "kept"


def test_python_is_the_python_of_the_engine(executor: LocalExecutor, host: RememberingHost) -> None:
    """The word python in a command means the interpreter that runs the engine, its environment included."""
    run_all(executor, [(execution(), command("python", "-c", "import sys; print(sys.prefix)"))])
    assert host.ends["e-1"].output == f"{sys.prefix}\n"


def test_python_is_found_where_its_folder_has_no_program_of_that_name(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system with only python3 understands python too."""
    (tmp_path / "python3").symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    run_all(executor, [(execution(), command("python", "-S", "-c", "import sys; print(sys.executable)"))])
    assert host.ends["e-1"].output == f"{tmp_path / 'python3'}\n"


def test_a_command_runs_in_its_folder(executor: LocalExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """The folder of a command is its workflow's run folder, else the current one."""
    run_all(executor, [(execution("in"), command("pwd", "-P", folder=tmp_path)), (execution("out"), command("pwd"))])
    assert host.ends["in"].output == f"{tmp_path.resolve()}\n"
    assert Path((host.ends["out"].output or "").strip()).resolve() == Path.cwd().resolve()


def test_a_command_runs_without_a_shell(executor: LocalExecutor, host: RememberingHost) -> None:
    """Arguments reach the program as they are."""
    run_all(executor, [(execution(), command("printf", "%s|", "$HOME", "a b", "*", "; echo no", "→"))])
    assert host.ends["e-1"].output == "$HOME|a b|*|; echo no|→|"


def test_a_command_has_a_session_of_its_own_and_no_other_descriptors(
    executor: LocalExecutor, host: RememberingHost
) -> None:
    """Ctrl-C in a terminal does not reach it, and it inherits nothing but its output and its lock."""
    look = (
        "import json, os; fds = '/proc/self/fd/'; "
        "print(json.dumps([os.getsid(0) == os.getpid(), [os.readlink(fds + n) for n in os.listdir(fds)"
        " if os.path.lexists(fds + n)]]))"
    )
    run_all(executor, [(execution(), command("python", "-c", look))])
    leads_session, descriptors = json.loads(host.ends["e-1"].output or "")
    kinds = {("lock" if name.endswith(".lock") else name.partition(":")[0]) for name in descriptors}
    assert leads_session
    assert kinds == {"/dev/null", "pipe", "lock"}


def test_exit_code_0_is_completed(executor: LocalExecutor, host: RememberingHost) -> None:
    """A command that ends with 0 is completed, without error or reason."""
    run_all(executor, [(execution(), command("true"))])
    end = host.ends["e-1"]
    assert (end.status, end.error, end.reason, end.output) == ("completed", None, None, "")
    assert end.duration_ms is not None
    assert end.duration_ms >= 0


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("exit 3", "the command ended with exit code 3"),
        ("echo no such table; exit 1", "the command ended with exit code 1; its last line was 'no such table'"),
        ("kill -KILL $$", "the command was ended by signal SIGKILL (9)"),
        ("kill -TERM $$", "the command was ended by signal SIGTERM (15)"),
    ],
)
def test_any_other_end_is_failed(executor: LocalExecutor, host: RememberingHost, script: str, sentence: str) -> None:
    """Another exit code or a signal is failed, and the error says which."""
    run_all(executor, [(execution(), command("sh", "-c", script))])
    assert (host.ends["e-1"].status, host.ends["e-1"].error) == ("failed", sentence)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["no-such-program"], "there is no program 'no-such-program' on the PATH"),
        (["./missing"], "the program './missing' does not exist, or the interpreter"),
        (["./plain.txt"], "the program './plain.txt' cannot be run: it is not executable, or not a file"),
        (["./no-first-line"], "the program './no-first-line' is not one that this machine can run"),
        (["true", "x" * 200_000], "the command's arguments and environment are larger than this system allows"),
    ],
)
def test_a_command_that_cannot_start_is_failed(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path, words: list[str], sentence: str
) -> None:
    """One sentence says why the program could not be started."""
    (tmp_path / "plain.txt").write_text("plain")
    (tmp_path / "no-first-line").write_text("echo hello")
    (tmp_path / "no-first-line").chmod(0o755)
    run_all(executor, [(execution(), command(*words, folder=tmp_path))])
    assert host.ends["e-1"].status == "failed"
    assert (host.ends["e-1"].error or "").startswith(sentence)


def test_a_missing_folder_is_failed(executor: LocalExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """The error names the folder and the workflow."""
    run_all(executor, [(execution(), command("true", folder=tmp_path / "gone"))])
    assert host.ends["e-1"].error == f"the folder {str(tmp_path / 'gone')!r} of workflow 'w' does not exist"


def test_parameters_too_large_for_the_environment_are_failed(executor: LocalExecutor, host: RememberingHost) -> None:
    """What no environment variable can hold is refused with its size."""
    run_all(executor, [(execution(parameters={"rows": "x" * 200_000}), command("true"))])
    error = host.ends["e-1"].error or ""
    assert host.ends["e-1"].status == "failed"
    assert "parameters are too large" in error
    assert "200,012 bytes" in error


@pytest.mark.parametrize("run", [None, {"prefect": "flow/deployment"}])
def test_a_workflow_that_does_not_run_here_can_never_start(executor: LocalExecutor, run: object) -> None:
    """A workflow without a run, or with a Prefect run, is refused for good."""
    with pytest.raises(PermanentDispatchError, match="'w'"):
        executor.start(execution(), Workflow(id="w", run=run))
    assert not executor.running()


def test_an_executor_without_an_engine_refuses() -> None:
    """Where nobody would hear of the end, nothing starts."""
    with pytest.raises(DispatchError, match="not attached to an engine"):
        LocalExecutor().start(execution(), command("true"))


def test_an_executor_belongs_to_one_engine(executor: LocalExecutor) -> None:
    """A second engine needs an executor of its own."""
    with pytest.raises(ValueError, match="already belongs"):
        executor.attach(RememberingHost())


@pytest.mark.parametrize(
    "settings", [{"max_concurrent": 0}, {"output_limit": 1}, {"grace_seconds": -1}, {"timeout_seconds": 0}]
)
def test_settings_without_sense_are_refused(settings: dict[str, int]) -> None:
    """A limit below what can work is an error at once, and named."""
    with pytest.raises(ValueError, match=next(iter(settings))):
        LocalExecutor(**settings)  # type: ignore[arg-type]
