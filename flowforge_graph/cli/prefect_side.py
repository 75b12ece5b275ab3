"""The Prefect side of ``serve``: hands over what runs there and follows its ends, in threads and an engine of its own.

A Prefect that is slow or away keeps neither schedules nor what runs on this machine waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import DatabaseError
from flowforge_graph.facts import Fact, log
from flowforge_graph.facts.catalogue import (
    CompletionRecorded,
    End,
    ExecutionCreated,
    ExecutionStarted,
    ScheduleFired,
    ServeTrouble,
)

if TYPE_CHECKING:
    from flowforge_graph.executors.prefect import PrefectServer

# The longest between two looks at what other processes made due.
_STEP_SECONDS: Final = 0.5
_BACKOFF_SECONDS: Final = 5.0
_LONGEST_STOP_SECONDS: Final = 15.0
# What may make executions due for the other engine of this process.
_STIRRING: Final = (CompletionRecorded, ExecutionCreated, ScheduleFired)


class PrefectSide:
    """Serves Prefect beside ``engine``, on the same database, while its block runs. ``say`` takes lines for people."""

    def __init__(self, engine: TriggerEngine, server: PrefectServer, database: str, say: Callable[[str], None]) -> None:
        from flowforge_graph.executors.prefect import PrefectExecutor, PrefectReconciler

        self._own = TriggerEngine(database, executor=PrefectExecutor(server))
        _wake_each_other(engine, self._own)
        self._own.subscribe(lambda fact: _tell(fact, say))
        # Hooks tell the other engine, over the API.
        engine.subscribe(lambda fact: _tell(fact, say) if isinstance(fact, End) and fact.external_id else None)
        self._no_more_starts, self._stop = threading.Event(), threading.Event()
        follow = PrefectReconciler(self._own, server).run_until
        self._threads = [
            threading.Thread(target=_hand_over_until, args=(self._own, self._no_more_starts), daemon=True),
            threading.Thread(target=follow, args=(self._stop,), daemon=True),
        ]

    @property
    def is_alive(self) -> bool:
        """Whether it still does its work: a bug ends a thread, with its traceback on stderr."""
        return all(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_starting()
        self._stop.set()
        for thread in self._threads:
            thread.join(_LONGEST_STOP_SECONDS)
        if not any(thread.is_alive() for thread in self._threads):
            # What is still handed over stores its flow run's id, until the process ends.
            self._own.close()

    def stop_starting(self) -> None:
        """Hand nothing more over; ends are followed on."""
        self._no_more_starts.set()
        self._own.wake()


def _hand_over_until(engine: TriggerEngine, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            engine.dispatch_due()
            engine.wait(_STEP_SECONDS)
        except DatabaseError as error:
            log(ServeTrouble(retry_seconds=round(_BACKOFF_SECONDS), error=str(error)))
            stop.wait(_BACKOFF_SECONDS)


def _wake_each_other(one: TriggerEngine, other: TriggerEngine) -> None:
    """What one engine records may be due on the other: nobody waits for the next look."""

    def waking(engine: TriggerEngine) -> Callable[[Fact], None]:
        return lambda fact: engine.wake() if isinstance(fact, _STIRRING) else None

    one.subscribe(waking(other))
    other.subscribe(waking(one))


def _tell(fact: Fact, say: Callable[[str], None]) -> None:
    match fact:
        case ExecutionStarted():
            say(f"handed {fact.workflow_id} to Prefect, execution {fact.execution_id}, flow run {fact.external_id}")
        case End():
            why = f": {fact.error}" if fact.error else ""
            say(f"{fact.status} {fact.workflow_id} on Prefect, execution {fact.execution_id}{why}")
        case _:
            pass
