"""Python callables: how they are found, called and judged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowforge_graph.executors import LocalExecutor
from tests.executors.conftest import MakeExecutor
from tests.executors.hosts import RememberingHost, eventually, execution, python, run_all, settle

WAITS_FOR_GO = """\
import threading
began, go = threading.Event(), threading.Event()
def run(execution):
    began.set()
    go.wait(60)
"""

# Modules are kept by name for the whole process: each test uses names of its own.


@pytest.fixture(autouse=True)
def _same_path_and_modules_afterwards(tmp_path: Path) -> Iterator[None]:
    """No test leaves a module or a folder to the next."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def end_of(executor: LocalExecutor, host: RememberingHost, name: str, folder: Path) -> tuple[str, str | None]:
    """Run a callable and return its status and error."""
    run_all(executor, [(execution(), python(name, folder))])
    return host.ends["e-1"].status, host.ends["e-1"].error


def has_begun(module: str) -> bool:
    """Whether the callable of WAITS_FOR_GO runs; its module may still be half imported."""
    began = getattr(sys.modules.get(module), "began", None)
    return began is not None and began.is_set()


def write(folder: Path, name: str, source: str) -> None:
    """Write a module."""
    file = folder / f"{name}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)


def test_a_function_is_called_with_the_execution(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path
) -> None:
    """It gets the execution, with its parameters, and returning is completed."""
    write(tmp_path, "called", "seen = []\ndef run(execution):\n    seen.append(execution)\n    return 'ignored'\n")
    run_all(executor, [(execution(parameters={"rows": 3}), python("called:run", tmp_path))])
    assert (host.ends["e-1"].status, host.ends["e-1"].output) == ("completed", None)
    assert sys.modules["called"].seen == [execution(parameters={"rows": 3})]


def test_an_async_function_is_awaited(executor: LocalExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """An async function runs in an event loop of its own."""
    source = "import asyncio\nasync def run(e):\n    await asyncio.sleep(0)\n    raise ValueError('after the wait')\n"
    write(tmp_path, "waits", source)
    assert end_of(executor, host, "waits:run", tmp_path) == (
        "failed",
        "waits:run raised ValueError: after the wait (waits.py, line 4)",
    )


def test_attributes_are_followed(executor: LocalExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """A dotted name reaches into packages and classes."""
    write(tmp_path / "inner", "__init__", "")
    write(tmp_path / "inner", "steps", "class Steps:\n    @staticmethod\n    def run(execution): pass\n")
    assert end_of(executor, host, "inner.steps:Steps.run", tmp_path) == ("completed", None)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("raise RuntimeError('no\\n  such table')", "RuntimeError: no such table"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import sys; sys.exit()", "SystemExit"),
        (
            "class Bad(Exception):\n        __str__ = None\n    raise Bad",
            "raises.run.<locals>.Bad: <exception str() failed>",
        ),
        ("return missing", "NameError: name 'missing' is not defined"),
    ],
)
def test_an_exception_is_failed(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path, statement: str, said: str
) -> None:
    """Whatever it raises, even what would end a thread: one sentence says what and where, the output the traceback."""
    write(tmp_path, "raises", f"def run(execution):\n    {statement}\n")
    status, error = end_of(executor, host, "raises:run", tmp_path)
    lines = statement.count("\n") + 2
    assert (status, error) == ("failed", f"raises:run raised {said} (raises.py, line {lines})")
    assert "in run" in (host.ends["e-1"].output or "")
    assert "callables.py" not in (host.ends["e-1"].output or "")
    assert end_of(executor, host, "builtins:repr", tmp_path) == ("completed", None)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no_such_module:run", "there is no module 'no_such_module' in "),
        ("present.below:run", "there is no module 'present.below' in "),
        ("present:absent", "module 'present' has no function 'absent'"),
        ("present:number", "'present:number' is not a function, but 3"),
        ("wants:run", "module 'wants' cannot be imported: No module named 'no_such_library'"),
        ("spoilt:run", "module 'spoilt' cannot be imported: SyntaxError: "),
        ("quits:run", "module 'quits' cannot be imported: SystemExit: 1"),
    ],
)
def test_what_cannot_be_called_is_failed(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path, name: str, sentence: str
) -> None:
    """A missing module or function is failed, and the error names it."""
    write(tmp_path, "present", "number = 3\n")
    write(tmp_path, "wants", "import no_such_library\n")
    write(tmp_path, "spoilt", "def run(:\n")
    write(tmp_path, "quits", "raise SystemExit(1)\n")
    status, error = end_of(executor, host, name, tmp_path)
    assert status == "failed"
    assert (error or "").startswith(sentence)
    assert host.ends["e-1"].output is None or f"{name.partition(':')[0]}.py" in host.ends["e-1"].output


def test_the_run_folder_comes_first(executor: LocalExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """While a callable runs, its folder is the first entry of the path."""
    write(tmp_path, "looks", "import sys\ndef run(e):\n    raise LookupError(sys.path[0])\n")
    _, error = end_of(executor, host, "looks:run", tmp_path)
    assert error == f"looks:run raised LookupError: {tmp_path} (looks.py, line 3)"


def test_folders_do_not_see_each_others_modules(executor: LocalExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """Two files' folders may have modules, and helpers, of one name; each runs its own, in any order."""
    for letter in "abab":
        folder = tmp_path / letter
        write(folder, "twin", "import twin_helper\ndef run(e):\n    raise LookupError(twin_helper.name)\n")
        write(folder, "twin_helper", f"name = '{letter}'\n")
        assert end_of(executor, host, "twin:run", folder) == (
            "failed",
            f"twin:run raised LookupError: {letter} (twin.py, line 3)",
        )


def test_a_module_that_the_process_has_already_is_not_replaced(
    executor: LocalExecutor, host: RememberingHost, tmp_path: Path
) -> None:
    """A file that has the name of an imported module is refused, never silently ignored."""
    write(tmp_path, "json", "def run(execution): pass\n")
    status, error = end_of(executor, host, "json:run", tmp_path)
    assert status == "failed"
    assert (error or "").startswith(f"module 'json' of {str(tmp_path / 'json.py')!r} is hidden by one imported from ")


def test_a_cancelled_callable_ends_as_cancelled(executor: LocalExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """It cannot be stopped, so that it runs to its end; then it counts as cancelled."""
    write(tmp_path, "patient", WAITS_FOR_GO)
    executor.start(execution(), python("patient:run", tmp_path))
    eventually(lambda: has_begun("patient"))
    assert executor.cancel("e-1")
    assert host.ends == {}
    sys.modules["patient"].go.set()
    settle(executor)
    assert (host.ends["e-1"].status, host.ends["e-1"].reason) == ("cancelled", "cancel_requested")


def test_close_does_not_wait_for_a_callable_for_ever(
    make_executor: MakeExecutor, host: RememberingHost, tmp_path: Path
) -> None:
    """After the grace it is reported as cancelled; what it does later is not reported again."""
    write(tmp_path, "stubborn", WAITS_FOR_GO)
    executor = make_executor(grace_seconds=0.05)
    executor.start(execution(), python("stubborn:run", tmp_path))
    eventually(lambda: has_begun("stubborn"))
    executor.close()
    assert (host.ends["e-1"].status, host.ends["e-1"].reason) == ("cancelled", "engine_stopped")
    sys.modules["stubborn"].go.set()
    eventually(lambda: executor.free_slots() == executor.max_concurrent)
    assert host.reports == ["e-1"]
