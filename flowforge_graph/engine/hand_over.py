"""Handing over: executions go to an executor elsewhere one after another, and wait while it is away."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from flowforge_graph.engine.claims import Claims
from flowforge_graph.engine.context import Context
from flowforge_graph.engine.protocols import Executor, RevocableExecutor
from flowforge_graph.errors import DispatchError, ExecutorUnavailable, LeaseLost
from flowforge_graph.evaluation import backoff_seconds
from flowforge_graph.facts.catalogue import ExecutorBack, ExecutorOut, NotCalledOff
from flowforge_graph.model import Claim

# A wait for one hand-over may take a lease's third before others' leases are renewed: two renewals can be missed.
_RENEWALS_A_LEASE: Final = 3


class HandOver:
    """Gives claimed executions to an executor that runs them elsewhere."""

    def __init__(self, context: Context, claims: Claims) -> None:
        self._context = context
        self._claims = claims
        self._outage = Outage(context)

    @property
    def may_be_asked(self) -> bool:
        """Whether the executor may be asked now: not while an outage makes it wait."""
        return self._outage.is_over

    def start_all(self, executor: Executor, claims: Collection[Claim]) -> int:
        """Hand executions over one after another; while one takes long, the leases of those that wait are renewed."""
        waiting, started = deque(claims), 0
        renewed_at = self._context.clock.monotonic()
        while waiting:
            if self._context.clock.monotonic() - renewed_at > self._context.settings.lease_seconds / _RENEWALS_A_LEASE:
                waiting = self._still_ours(waiting)
                renewed_at = self._context.clock.monotonic()
                continue
            claim = waiting.popleft()
            try:
                started += self._hand_over(executor, claim)
            except ExecutorUnavailable as error:
                # Nobody is asked in vain for the others: each would wait as long for the same answer.
                self._put_off([claim, *waiting], error)
                break
        return started

    def _still_ours(self, waiting: deque[Claim]) -> deque[Claim]:
        renewed = self._claims.renew(waiting)
        return deque(claim for claim in waiting if claim.token in renewed)

    def _hand_over(self, executor: Executor, claim: Claim) -> bool:
        """Hand one execution over, and store its external id before the next: a crash forgets at most one."""
        try:
            external_id = executor.start(claim.execution, claim.workflow)
        except ExecutorUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an executor raises, the execution did not start
            self._claims.not_started(claim, error)
            return False
        self._outage.ended()
        # Its lease ends here: it is the executor's now.
        if not self._claims.mark_running(claim, external_id, keeps_lease=False):
            self._call_off(executor, claim, external_id)
        return True

    def _call_off(self, executor: Executor, claim: Claim, external_id: str | None) -> None:
        """What was cancelled while it was handed over need not run; whoever took the claim over has the same run."""
        if external_id is None or not isinstance(executor, RevocableExecutor):
            return
        if not self._claims.was_cancelled(claim.execution_id):
            return
        try:
            executor.call_off(external_id)
        except DispatchError as error:
            self._context.facts.tell(NotCalledOff(execution_id=claim.execution_id, error=str(error)))

    def _put_off(self, claims: Collection[Claim], error: ExecutorUnavailable) -> None:
        self._outage.began(error, executions=len(claims))
        for claim in claims:
            with suppress(LeaseLost):
                self._claims.put_off(claim, str(error), outages=self._outage.number)


class Outage:
    """Whether the executor is away, as this process sees it; then it is asked seldom, at growing distances."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._until = -math.inf
        self.number = 0

    @property
    def is_over(self) -> bool:
        """Whether the executor may be asked now."""
        return self._context.clock.monotonic() >= self._until

    def began(self, error: ExecutorUnavailable, *, executions: int) -> None:
        """The executor did not answer; so many executions wait for it."""
        self.number += 1
        settings = self._context.settings
        wait = backoff_seconds(
            str(error), self.number, first=settings.backoff_seconds, longest=settings.max_backoff_seconds
        )
        self._until = self._context.clock.monotonic() + wait
        self._context.facts.tell(ExecutorOut(executions=executions, retry_seconds=round(wait, 1), error=str(error)))

    def ended(self) -> None:
        """The executor answered."""
        if self.number:
            self._context.facts.tell(ExecutorBack(times=self.number))
        self.number = 0
