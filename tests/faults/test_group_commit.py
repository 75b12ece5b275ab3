"""Does a group commit survive what interrupts one of its threads?"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flowforge_graph import TriggerEngine
from flowforge_graph.engine.group_commit import GroupCommit
from tests.faults import actions
from tests.faults.rows import rows
from tests.faults.workers import HANG_SECONDS, Worker, workers


class Gate:
    """A commit that waits at a gate, remembers its batches, and fails as told."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, ...]] = []
        self.failures: dict[str, BaseException] = {}
        self.entered = threading.Semaphore(0)
        self.open = threading.Semaphore(0)

    def commit(self, take: Callable[[], Sequence[str]]) -> list[str]:
        items = take()
        self.batches.append(tuple(items))
        self.entered.release()
        assert self.open.acquire(timeout=HANG_SECONDS)
        for item in items:
            if item in self.failures:
                raise self.failures.pop(item)
        return [item.upper() for item in items]


@pytest.fixture
def gate() -> Gate:
    return Gate()


class Submission(threading.Thread):
    """A thread that submits one item, and what it was answered."""

    def __init__(self, group: GroupCommit[str, str], item: str) -> None:
        super().__init__(daemon=True)
        self._group, self._item = group, item
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self._group.submit(self._item)
        except BaseException as error:
            self.outcome = error

    def ended(self) -> Any:
        self.join(HANG_SECONDS)
        assert not self.is_alive(), f"{self._item} hangs"
        return self.outcome


def queue_up(group: GroupCommit[str, str], gate: Gate, items: str) -> list[Submission]:
    """Submit the first item, and the others, in order, while it commits."""
    submissions = []
    for number, item in enumerate(items):
        submissions.append(Submission(group, item))
        if number == 0:
            assert gate.entered.acquire(timeout=HANG_SECONDS)
        else:
            wait_until(lambda wanted=number + 1: len(group._queue) == wanted)
    return submissions


def wait_until(is_so: Callable[[], bool]) -> None:
    ticks = threading.Event()
    for _ in range(int(HANG_SECONDS / 0.001)):
        if is_so():
            return
        ticks.wait(0.001)
    raise AssertionError("it never came to be")


def test_who_waits_while_another_commits_shares_the_next_commit(gate: Gate) -> None:
    """A batch is what queued until its transaction began, first come first served, and no longer than allowed."""
    group = GroupCommit(gate.commit, max_batch=3)
    submissions = queue_up(group, gate, "abcdef")
    gate.open.release(3)
    assert [one.ended() for one in submissions] == list("ABCDEF")
    assert gate.batches == [("a",), ("b", "c", "d"), ("e", "f")]


def test_an_item_that_cannot_be_committed_fails_alone(gate: Gate) -> None:
    """A batch that raises is committed one by one, so that only the guilty caller hears of it."""
    group = GroupCommit(gate.commit)
    gate.failures["c"] = ValueError("c")
    submissions = queue_up(group, gate, "abcd")
    gate.open.release(2)
    wait_until(lambda: len(gate.batches) == 3)
    gate.failures["c"] = ValueError("c again")
    gate.open.release(3)
    outcomes = [one.ended() for one in submissions]
    assert [outcomes[0], outcomes[1], outcomes[3]] == ["A", "B", "D"]
    assert isinstance(outcomes[2], ValueError)


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "leader", "follower"])
def test_an_interrupt_in_the_commit_ends_the_leaders_call_only(gate: Gate, place: int) -> None:
    """Ctrl-C while a batch commits raises in the thread that leads it; the others are answered all the same."""
    group = GroupCommit(gate.commit)
    gate.failures["abc"[place]] = KeyboardInterrupt()
    submissions = queue_up(group, gate, "abcd")
    gate.open.release(4)
    outcomes = [one.ended() for one in submissions]
    interrupted = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, KeyboardInterrupt)]
    assert interrupted == [0 if place == 0 else 1]
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == [
        letter for number, letter in enumerate("ABCD") if number not in interrupted
    ]
    gate.open.release()
    assert group.submit("later") == "LATER"


def test_a_follower_that_is_interrupted_while_it_waits_stops_nobody(sqlite_url: str) -> None:
    """Ctrl-C in a main thread that waits for another thread's commit; later completions are recorded as before."""
    with workers(1) as (worker,):
        worker.call(actions.open_engine, sqlite_url)
        worker.ask(interrupted_follower)
        first_words(worker)
        worker.signal(signal.SIGINT)
        assert worker.answer() == "interrupted"
        assert worker.answer() == [["completed"] * 3, "completed"]
    assert {row.status for row in rows(sqlite_url, "SELECT status FROM executions")} == {"completed"}


def first_words(worker: Worker) -> None:
    assert worker.answer() == "waiting"


def interrupted_follower() -> list[Any]:
    """In a worker: the main thread queues behind a commit that takes its time, and others queue behind it."""
    engine = actions.this.engine
    engine.create_workflow("w")
    ids = [engine.start("w").id for _ in range(5)]
    group = engine._completions._group
    real, entered, may_go_on = group._commit, threading.Event(), threading.Event()

    def slow(take: Callable[[], Sequence[Any]]) -> Sequence[Any]:
        items = take()
        entered.set()
        assert may_go_on.wait(HANG_SECONDS)
        return real(lambda: items)

    group._commit = slow
    statuses: dict[str, str] = {}
    threads = [
        threading.Thread(target=lambda one=one: statuses.update({one: engine.complete(one, "completed").status}))
        for one in ids[:3]
    ]
    threads[0].start()
    assert entered.wait(HANG_SECONDS)
    follow_me = threading.Thread(target=lambda: (wait_until(lambda: len(group._queue) == 2), queue_behind()))

    def queue_behind() -> None:
        for thread in threads[1:]:
            thread.start()
        wait_until(lambda: len(group._queue) == 4)
        actions.tell("waiting")

    follow_me.start()
    try:
        engine.complete(ids[3], "completed")
    except KeyboardInterrupt:
        actions.tell("interrupted")
    may_go_on.set()
    for thread in threads:
        thread.join(HANG_SECONDS)
    engine.complete(ids[3], "completed")
    return [[statuses.get(one, "hangs") for one in ids[:3]], engine.complete(ids[4], "completed").status]


def test_completions_go_on_after_an_interrupt_at_the_commit(sqlite_url: str) -> None:
    """Ctrl-C at the very commit of a completion: the same engine records it, and the next one, when asked again."""
    with TriggerEngine(sqlite_url) as engine:
        engine.create_workflow("w")
        execution = engine.start("w")
        database = engine._context.store.database
        real = database._writing

        def interrupted() -> Any:
            database._writing = real  # type: ignore[method-assign]
            raise KeyboardInterrupt

        database._writing = interrupted  # type: ignore[method-assign]
        with pytest.raises(KeyboardInterrupt):
            engine.complete(execution.id, "completed")
        assert engine.complete(execution.id, "completed").status == "completed"
