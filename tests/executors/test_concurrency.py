"""How many run at once, and what the engine learns of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from flowforge_graph.errors import DispatchError
from tests.executors.conftest import MakeExecutor
from tests.executors.hosts import RememberingHost, command, eventually, execution, python, run_all, settle


def test_independent_commands_run_at_once(make_executor: MakeExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """Three commands that wait for each other all end."""
    meet = "touch $FLOWFORGE_EXECUTION_ID; until [ -e a ] && [ -e b ] && [ -e c ]; do sleep 0.02; done"
    executor = make_executor(max_concurrent=3)
    run_all(executor, [(execution(name), command("sh", "-c", meet, folder=tmp_path)) for name in "abc"])
    assert {end.status for end in host.ends.values()} == {"completed"}


def test_no_more_than_the_limit_run(make_executor: MakeExecutor, tmp_path: Path) -> None:
    """Beyond its limit the executor refuses, to be asked again later, and holds nothing."""
    executor = make_executor(max_concurrent=2)
    for number in range(2):
        executor.start(execution(f"e-{number}"), command("sleep", "1000"))
    assert executor.free_slots() == 0
    with pytest.raises(DispatchError, match="runs 2 executions at once"):
        executor.start(execution("e-2"), command("true"))
    assert executor.running() == {"e-0", "e-1"}


def test_an_attempt_that_still_ends_here_keeps_the_next_out(make_executor: MakeExecutor) -> None:
    """One execution runs once at a time in one process."""
    executor = make_executor()
    executor.start(execution(), command("sleep", "1000"))
    with pytest.raises(DispatchError, match="earlier attempt of execution 'e-1'"):
        executor.start(execution(attempt=2), command("true"))


def test_a_closed_executor_refuses(make_executor: MakeExecutor) -> None:
    """After close nothing starts."""
    executor = make_executor()
    executor.close()
    with pytest.raises(DispatchError, match="closed"):
        executor.start(execution(), command("true"))


def test_many_callables_each_end_once(make_executor: MakeExecutor, host: RememberingHost, tmp_path: Path) -> None:
    """Each of 200 is reported once, and never more run at once than allowed."""
    (tmp_path / "counts.py").write_text(
        "import threading\n"
        "lock, now, most = threading.Lock(), [0], [0]\n"
        "def run(execution):\n"
        "    with lock:\n"
        "        now[0] += 1\n"
        "        most[0] = max(most[0], now[0])\n"
        "    with lock:\n"
        "        now[0] -= 1\n"
        "        assert most[0] <= 4, most\n"
    )
    executor = make_executor(max_concurrent=4)
    run_all(executor, [(execution(f"e-{number}"), python("counts:run", tmp_path)) for number in range(200)])
    assert sorted(host.reports) == sorted(f"e-{number}" for number in range(200))
    assert {end.error for end in host.ends.values()} == {None}
    assert executor.free_slots() == 4


def test_ends_that_wait_for_the_disk_leave_their_slots_to_others(
    make_executor: MakeExecutor, host: RememberingHost, tmp_path: Path
) -> None:
    """With one slot and a slow database many ends wait together, so that they can share a commit; not without limit."""
    (tmp_path / "nothing.py").write_text("def run(execution): pass\n")
    executor = make_executor(max_concurrent=1)
    host.recording.clear()
    for number in range(65):
        eventually(executor.free_slots)
        executor.start(execution(f"e-{number}"), python("nothing:run", tmp_path))
    assert len(executor.running()) == 65
    with pytest.raises(DispatchError):
        executor.start(execution("one-more"), python("nothing:run", tmp_path))
    host.recording.set()
    settle(executor)
    assert len(host.ends) == 65


def test_wait_tells_of_each_end(make_executor: MakeExecutor, host: RememberingHost) -> None:
    """Wait returns for an end since the last call, even one that came before, and at once when nothing runs."""
    executor = make_executor()
    executor.start(execution("long"), command("sleep", "1000"))
    executor.start(execution("short"), command("true"))
    executor.wait()
    assert host.reports == ["short"]
    executor.wait(timeout=0)
    executor.cancel("long")
    executor.wait()
    assert host.reports == ["short", "long"]
    executor.wait()


def test_waiting_threads_are_woken_by_close(make_executor: MakeExecutor) -> None:
    """Who waits for an end learns of those that close makes."""
    executor = make_executor()
    executor.start(execution(), command("sleep", "1000"))
    waiter = threading.Thread(target=executor.wait)
    waiter.start()
    executor.close()
    waiter.join()
    assert not executor.running()
