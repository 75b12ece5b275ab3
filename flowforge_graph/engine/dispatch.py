"""Dispatch: claims go to the executor, and executions that run in this process are held until they end."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from datetime import datetime
from typing import Final

from flowforge_graph.engine.claims import Claims
from flowforge_graph.engine.completions import Completions
from flowforge_graph.engine.context import Context
from flowforge_graph.engine.hand_over import HandOver
from flowforge_graph.engine.protocols import ExecutionEnd, Executor, HoldingExecutor, NamespacedExecutor, Renewal
from flowforge_graph.errors import DatabaseError, FlowforgeGraphError
from flowforge_graph.facts.catalogue import EndNotRecorded, EndOverruled
from flowforge_graph.model import Claim, Completion
from flowforge_graph.storage import to_seconds

CLAIMS_AT_ONCE: Final = 64
_LOOK_EACH_SHARE_OF_A_LEASE: Final = 0.1
_FIRST_RETRY_SECONDS: Final = 0.05
_LONGEST_RETRY_SECONDS: Final = 5.0


class HeldExecutions:
    """The executions that run in this process, with their claims: what the engine offers to a holding executor."""

    def __init__(self, context: Context, claims: Claims, completions: Completions) -> None:
        self._context = context
        self._claims = claims
        self._completions = completions
        self._lock = threading.Lock()
        self._held: dict[str, Claim] = {}
        self._closed = threading.Event()

    @property
    def lease_seconds(self) -> float:
        """How long a lease is believed without a renewal."""
        return self._context.settings.lease_seconds

    @property
    def namespace(self) -> str:
        """The name that this database carries in itself: equal in every process, by whatever URL it was opened."""
        return self._context.store.epoch

    def hold(self, claim: Claim) -> None:
        """Hold a claim from before its execution starts: its end may be reported before ``start`` returns."""
        with self._lock:
            self._held[claim.execution_id] = claim

    def let_go(self, execution_id: str) -> None:
        """Forget a claim."""
        with self._lock:
            self._held.pop(execution_id, None)
        self._context.wake.call()

    def ids(self) -> frozenset[str]:
        """The executions held."""
        with self._lock:
            return frozenset(self._held)

    def renew(self, execution_ids: Collection[str]) -> Renewal:
        """Renew the leases of these executions; those not held (any more) are lost."""
        with self._lock:
            claims = {i: self._held[i] for i in execution_ids if i in self._held}
        renewed = self._claims.renew(list(claims.values()))
        return Renewal(
            lost=frozenset(i for i in execution_ids if i not in claims or claims[i].token not in renewed),
            cancel_requested=frozenset(claim.execution_id for claim in renewed.values() if claim.cancel_requested),
        )

    def ended(self, execution_id: str, end: ExecutionEnd) -> None:
        """Record an end, again and again while the database cannot take it; the lease is renewed meanwhile."""
        with self._lock:
            claim = self._held.get(execution_id)
        if claim is None:
            return
        wait = _FIRST_RETRY_SECONDS
        while not self._record(claim, end) and not self._closed.wait(wait):
            wait = min(wait * 2, _LONGEST_RETRY_SECONDS)
        self.let_go(execution_id)

    def close(self) -> None:
        """Try no more: what could not be recorded is done again by whoever takes the lease over."""
        self._closed.set()

    def _record(self, claim: Claim, end: ExecutionEnd) -> bool:
        completion = Completion(
            execution_id=claim.execution_id,
            status=end.status,
            error=end.error,
            reason=end.reason,
            output=end.output,
            duration_ms=end.duration_ms,
            claim=claim,
        )
        try:
            self._completions.complete(completion)
        except DatabaseError as error:
            self._context.facts.tell(EndNotRecorded(execution_id=claim.execution_id), error=error)
            return False
        except FlowforgeGraphError as error:
            self._context.facts.tell(EndOverruled(execution_id=claim.execution_id, error=str(error)))
        return True


class Dispatcher:
    """Use case of the dispatcher: claim, start, mark running."""

    def __init__(self, context: Context, claims: Claims, held: HeldExecutions, executor: Executor | None) -> None:
        self._context = context
        self._claims = claims
        self._held = held
        self._executor = executor
        self._seen = context.wake.calls
        self._next_look = -math.inf
        self._runs: frozenset[str] | None = getattr(executor, "runs", None)
        self._hand_over = HandOver(context, claims)
        self._holding = executor if isinstance(executor, HoldingExecutor) else None
        if self._holding is not None:
            self._holding.attach(held)
        namespaced: object = executor
        if isinstance(namespaced, NamespacedExecutor):
            namespaced.use_namespace(held.namespace)

    def dispatch_due(
        self, now: datetime | None, *, roots: Collection[str] | None = None, ignore_delays: bool = False
    ) -> int:
        """Start what is due and what a lost holder left, until nothing is or the executor is full; count the starts."""
        self._seen = self._context.wake.calls
        self._recover_lost()
        return self._dispatch(now, roots=roots, ignore_delays=ignore_delays)

    def _dispatch(
        self, now: datetime | None, *, roots: Collection[str] | None = None, ignore_delays: bool = False
    ) -> int:
        self._context.now(now)
        if self._executor is None:
            return 0
        started, is_more = 0, True
        while is_more and self._room() > 0 and self._hand_over.may_be_asked:
            claims, is_more = self._claims.claim_together(
                self._room,
                now=to_seconds(self._context.now(now)),
                roots=roots,
                ignore_delays=ignore_delays,
                runs_here=self._holding is not None,
                runs=self._runs,
            )
            started += self._start_all(self._executor, claims)
        return started

    def held_ids(self) -> frozenset[str]:
        """The executions that this process runs."""
        return self._held.ids()

    def stop_here(self, execution_id: str) -> None:
        """Stop an execution at once, if this process runs it."""
        if self._holding is not None and execution_id in self._held.ids():
            self._holding.cancel(execution_id)

    def run_until_idle(self) -> None:
        """Dispatch until nothing is due and nothing runs in this process.

        Thousands of turns a second are taken here where executions are short, and each needs no look at others' leases.
        """
        while True:
            seen = self._context.wake.calls
            if self._context.clock.monotonic() >= self._next_look:
                self._recover_lost()
            if self._dispatch(None):
                continue
            if self._held.ids():
                self._context.wake.wait(seen=seen, timeout=None)
            elif self._context.wake.calls == seen and not self._recover_lost():
                # Had one ended after the look, its call would tell: what it started is still to be dispatched.
                return

    def _recover_lost(self) -> int:
        lease = self._context.settings.lease_seconds
        self._next_look = self._context.clock.monotonic() + lease * _LOOK_EACH_SHARE_OF_A_LEASE
        return self._claims.recover_lost(self._held.ids())

    def wait(self, timeout: float | None) -> None:
        """Block until something happened since the last dispatch began or wait ended, at most ``timeout`` seconds."""
        wake = self._context.wake
        wake.wait(seen=self._seen, timeout=timeout)
        self._seen = wake.calls

    def close(self) -> None:
        """Stop what this process runs."""
        # Ends are tried only once from here on, so that a database out of reach cannot keep the process alive.
        self._held.close()
        if self._holding is not None:
            self._holding.close()

    def _room(self) -> int:
        return CLAIMS_AT_ONCE if self._holding is None else min(CLAIMS_AT_ONCE, self._holding.free_slots())

    def _start_all(self, executor: Executor, claims: Collection[Claim]) -> int:
        if self._holding is None:
            return self._hand_over.start_all(executor, claims)
        return sum(self._start_here(self._holding, claim) for claim in claims)

    def _start_here(self, executor: HoldingExecutor, claim: Claim) -> bool:
        self._held.hold(claim)
        try:
            executor.start(claim.execution, claim.workflow)
        except Exception as error:  # noqa: BLE001 - as above
            self._held.let_go(claim.execution_id)
            self._claims.not_started(claim, error)
            return False
        return True
