"""Leases are renewed while something runs, whatever the database says."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path

from flowforge_graph.engine.protocols import Renewal
from flowforge_graph.errors import DatabaseError
from tests.executors.conftest import MakeExecutor
from tests.executors.hosts import RememberingHost, UnreachableHost, command, eventually, execution, settle


def standing_clock() -> float:
    """A clock that stands: however slow the machine, no lease grows old."""
    return 0.0


def keepers() -> list[threading.Thread]:
    """The threads that renew leases."""
    return [thread for thread in threading.enumerate() if thread.name == "flowforge-leases"]


def test_all_leases_are_renewed_in_one_call(make_executor: MakeExecutor) -> None:
    """One call names everything that runs, again and again."""
    host = RememberingHost(lease_seconds=0.3)
    executor = make_executor(host, monotonic=standing_clock)
    for name in "ab":
        executor.start(execution(name), command("sleep", "1000"))
    eventually(lambda: host.renewed[-3:] == [frozenset("ab")] * 3)


def test_the_keeper_ends_when_nothing_runs(make_executor: MakeExecutor) -> None:
    """A thread renews only while there is something to renew, and comes back for the next execution."""
    host = RememberingHost(lease_seconds=0.1)
    executor = make_executor(host, monotonic=standing_clock)
    for name in "ab":
        executor.start(execution(name), command("sleep", "1000"))
        eventually(lambda: frozenset({name}) in host.renewed)  # noqa: B023
        executor.cancel(name)
        settle(executor)
        eventually(lambda: not keepers())


def test_a_failed_renewal_is_tried_again(make_executor: MakeExecutor) -> None:
    """Neither a database that does not answer nor any other error ends the renewals or the command."""
    host = RememberingHost(lease_seconds=0.3)
    host.failures = [DatabaseError("the database is locked"), RuntimeError("unexpected")]
    executor = make_executor(host, monotonic=standing_clock)
    executor.start(execution(), command("sleep", "1000"))
    eventually(lambda: len(host.renewed) > 3)
    assert executor.running() == {"e-1"}
    assert not host.let_go_of


def test_a_lease_that_cannot_be_renewed_counts_as_lost(make_executor: MakeExecutor) -> None:
    """After one lease without an answer another process may have it: the command stops, and nothing is reported."""
    host = UnreachableHost(lease_seconds=0.5)
    executor = make_executor(host)
    executor.start(execution(), command("sleep", "1000"))
    settle(executor)
    assert host.ends == {}
    assert host.let_go_of == ["e-1"]


def test_a_renewal_that_hangs_counts_as_none(make_executor: MakeExecutor, tmp_path: Path) -> None:
    """A database that neither answers nor fails does not keep a command running beyond its lease."""
    answer = threading.Event()

    class HangingHost(RememberingHost):
        def renew(self, execution_ids: Collection[str]) -> Renewal:
            answer.wait(60)
            return Renewal()

    host = HangingHost(lease_seconds=0.5)
    executor = make_executor(host)
    executor.start(execution(), command("sleep", "1000"))
    settle(executor)
    answer.set()
    assert host.let_go_of == ["e-1"]


def test_a_lease_that_is_renewed_lasts(make_executor: MakeExecutor) -> None:
    """A command may run for many leases, as long as each renewal comes within one."""
    now = [0.0]
    host = RememberingHost(lease_seconds=0.3)
    executor = make_executor(host, monotonic=lambda: now[0])
    executor.start(execution(), command("sleep", "1000"))
    for _ in range(10):
        now[0] += 0.2
        seen = len(host.renewed)
        eventually(lambda: len(host.renewed) >= seen + 2)  # noqa: B023 - the second one began after the clock moved
    assert executor.running() == {"e-1"}


def test_an_end_that_is_being_recorded_keeps_its_lease(make_executor: MakeExecutor) -> None:
    """While the database cannot take an end, the lease is renewed; that it ended stands, whatever is said meanwhile."""
    host = RememberingHost(lease_seconds=0.3)
    host.recording.clear()
    executor = make_executor(host, monotonic=standing_clock)
    executor.start(execution(), command("true"))
    eventually(lambda: executor.free_slots() == executor.max_concurrent)
    seen = len(host.renewed)
    eventually(lambda: len(host.renewed) > seen + 1)
    assert host.renewed[-1] == {"e-1"}
    host.take_away("e-1")
    assert not executor.cancel("e-1")
    host.recording.set()
    settle(executor)
    assert (host.ends["e-1"].status, host.let_go_of) == ("completed", [])
