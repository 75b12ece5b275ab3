"""Group commit: calls that arrive together share a transaction, and an item's error harms only itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from flowforge_graph import CompletionResult, DependencyTrigger, TriggerEngine
from flowforge_graph.engine.group_commit import GroupCommit

MakeEngine = Callable[..., TriggerEngine]


class Gate:
    """A commit that takes its batch, notes it and waits until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.open = threading.Semaphore(0)

    def commit(self, take: Callable[[], Sequence[int]]) -> list[int]:
        items = take()
        self.batches.append(list(items))
        self.entered.release()
        self.open.acquire()
        if any(item < 0 for item in items):
            raise ValueError(f"bad item among {len(items)}")
        return [item * 10 for item in items]


class Callers:
    """Threads that each submit one item, begun one after another."""

    def __init__(self, group: GroupCommit[int, int]) -> None:
        self.group = group
        self.answers: dict[int, object] = {}
        self.threads: list[threading.Thread] = []

    def submit(self, item: int) -> None:
        """Submit from a thread of its own, and come back when it stands in the queue."""
        waiting = len(self.group._queue)
        thread = threading.Thread(target=self._submit, args=(item,))
        self.threads.append(thread)
        thread.start()
        while len(self.group._queue) <= waiting:
            threading.Event().wait(0.001)

    def _submit(self, item: int) -> None:
        try:
            self.answers[item] = self.group.submit(item)
        except ValueError as error:
            self.answers[item] = str(error)

    def join(self) -> None:
        """Wait for all."""
        for thread in self.threads:
            thread.join()


def test_a_lone_caller_commits_at_once() -> None:
    """No timer: one item, one batch."""
    gate = Gate()
    gate.open.release()
    assert GroupCommit(gate.commit).submit(1) == 10
    assert gate.batches == [[1]]


def test_what_queues_during_a_commit_is_the_next_batch() -> None:
    """First come, first served, at most so many."""
    gate = Gate()
    callers = Callers(GroupCommit(gate.commit, max_batch=3))
    callers.submit(1)
    gate.entered.acquire()
    for item in (2, 3, 4, 5):
        callers.submit(item)
    gate.open.release(3)
    callers.join()
    assert gate.batches == [[1], [2, 3, 4], [5]]
    assert callers.answers == {item: item * 10 for item in range(1, 6)}


def test_what_queues_before_the_transaction_has_begun_is_of_its_batch() -> None:
    """The wait for the write lock is when most arrives; a transaction that begins anew takes anew."""
    began, locked = threading.Semaphore(0), threading.Semaphore(0)
    batches: list[list[int]] = []

    def commit(take: Callable[[], Sequence[int]]) -> list[int]:
        for _ in range(2):
            began.release()
            locked.acquire()
            batches.append(list(take()))
        return batches[-1]

    callers = Callers(GroupCommit(commit))
    callers.submit(1)
    began.acquire()
    callers.submit(2)
    locked.release()
    began.acquire()
    callers.submit(3)
    locked.release()
    callers.join()
    assert batches == [[1, 2], [1, 2, 3]]
    assert callers.answers == {1: 1, 2: 2, 3: 3}


def test_a_transaction_that_never_begins_fails_each_caller() -> None:
    """An error before the batch was taken is met by each of those who wait, singly."""

    def commit(take: Callable[[], Sequence[int]]) -> list[int]:
        raise ValueError("locked")

    with pytest.raises(ValueError, match="locked"):
        GroupCommit[int, int](commit).submit(1)


def test_a_failing_batch_is_committed_singly() -> None:
    """Each item gets its own answer or its own error."""
    gate = Gate()
    callers = Callers(GroupCommit(gate.commit))
    callers.submit(1)
    gate.entered.acquire()
    for item in (2, -3, 4):
        callers.submit(item)
    gate.open.release(5)
    callers.join()
    assert gate.batches == [[1], [2, -3, 4], [2], [-3], [4]]
    assert callers.answers == {1: 10, 2: 20, -3: "bad item among 1", 4: 40}


def test_an_interrupted_leader_strands_nobody() -> None:
    """Ctrl-C in the leading thread: the others are answered, and the next caller leads."""
    interrupts = [KeyboardInterrupt()]

    def commit(take: Callable[[], Sequence[int]]) -> list[int]:
        if interrupts:
            raise interrupts.pop()
        return list(take())

    group: GroupCommit[int, int] = GroupCommit(commit)
    with pytest.raises(KeyboardInterrupt):
        group.submit(1)
    assert group.submit(2) == 2


def test_completions_of_many_threads_share_commits(make_engine: MakeEngine) -> None:
    """Fewer commits than completions, and each caller gets its own answer or error."""
    engine = make_engine()
    engine.create_workflow("A")
    engine.create_workflow("B")
    engine.create_trigger(DependencyTrigger(workflow_id="B", depends_on_workflow_id="A"))
    sizes: list[int] = []
    settlements = engine._completions._settlements
    settle = settlements.settle
    first, queued = threading.Event(), threading.Event()

    def noted(connection: object, completions: Sequence[object]) -> object:
        sizes.append(len(completions))
        if len(sizes) == 1:
            first.set()
            queued.wait()
        return settle(connection, completions)  # type: ignore[arg-type]

    settlements.settle = noted  # type: ignore[assignment,method-assign]
    answers: dict[int, object] = {}

    def complete(number: int) -> None:
        try:
            workflow_id = "A" if number % 5 else "nobody"
            answers[number] = engine.complete(f"e{number}", "completed", workflow_id=workflow_id)
        except LookupError as error:
            answers[number] = error

    threads = [threading.Thread(target=complete, args=(number,)) for number in range(1, 21)]
    threads[0].start()
    first.wait()
    for thread in threads[1:]:
        thread.start()
    while len(engine._completions._group._queue) < 19:
        threading.Event().wait(0.001)
    queued.set()
    for thread in threads:
        thread.join()
    assert sizes == [1, 19]
    assert sum(isinstance(answer, CompletionResult) for answer in answers.values()) == 16
    assert sum(isinstance(answer, LookupError) for answer in answers.values()) == 4
    assert len(engine.list_executions("B")) == 16


def test_overlapping_lists_deadlock_nobody(make_engine: MakeEngine) -> None:
    """Many threads of two engines, the same executions in different orders: one effect each."""
    engines = [make_engine(), make_engine()]
    engines[0].create_workflow("A")
    engines[0].create_workflow("B")
    engines[0].create_trigger(DependencyTrigger(workflow_id="B", depends_on_workflow_id="A"))
    ids = [engines[0].start("A", execution_id=f"e{number:02}").id for number in range(40)]
    begin = threading.Barrier(8)
    answers: list[list[object]] = []

    def complete(number: int) -> None:
        wanted = ids[number * 3 :] + ids[: number * 3]
        wanted = wanted[::-1] if number % 2 else wanted
        begin.wait()
        items = [{"execution_id": name, "status": "completed"} for name in wanted]
        found = engines[number % 2].complete_many(items)
        answers.append(sorted(found, key=lambda answer: answer.execution_id))  # type: ignore[union-attr]

    threads = [threading.Thread(target=complete, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert len(engines[0].list_executions("B", limit=100)) == 40


def test_an_error_that_all_would_meet_is_met_once() -> None:
    """Where no server answers, no item waits for the tries of its neighbours."""
    gate = Gate()
    callers = Callers(GroupCommit(gate.commit, shared_errors=(ValueError,)))
    callers.submit(1)
    gate.entered.acquire()
    for item in (2, -3, 4):
        callers.submit(item)
    for _ in range(2):
        gate.open.release()
    callers.join()
    assert gate.batches == [[1], [2, -3, 4]]
    assert callers.answers == {1: 10} | dict.fromkeys((2, -3, 4), "bad item among 3")
