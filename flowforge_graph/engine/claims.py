"""Claims: the right to start an execution, how long it is believed, and who takes over when its holder is lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.settlements import Guard, Settlements
from flowforge_graph.engine.telling import (
    tell_of_claims,
    tell_of_failed_dispatch,
    tell_of_lost_leases,
    tell_of_release,
    tell_of_starts,
    tell_of_taken_over,
)
from flowforge_graph.errors import DispatchError, LeaseLost, PermanentDispatchError
from flowforge_graph.evaluation import backoff_seconds, reason_to_cancel
from flowforge_graph.facts.catalogue import ExecutorBroke
from flowforge_graph.model import Claim, Completion, EndStatus, Execution
from flowforge_graph.model.completions import MAX_ERROR_CHARACTERS
from flowforge_graph.model.executions import CANCEL_REQUESTED, DISPATCH_FAILED, LOST
from flowforge_graph.model.ids import new_id, storable_text
from flowforge_graph.storage import AT_ONCE, LIVE_STATUSES, LiveClaim, to_instant, to_seconds
from flowforge_graph.storage.tables import AnyRow

MAX_CLAIMS_AT_ONCE: Final = 500
MAX_EXTERNAL_ID_CHARACTERS: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sighting:
    """A claim as this process saw it, and since when it has not changed, on this process's monotonic clock."""

    token: str
    renewals: int
    since: float


class Claims:
    """Use cases of dispatchers. A lease is observed, never dated: no wall clock decides, so no skew can steal."""

    def __init__(self, context: Context, settlements: Settlements) -> None:
        self._context = context
        self._settlements = settlements
        self._sightings: dict[str, _Sighting] = {}
        self._me = f"{socket.gethostname()}:{os.getpid()}"

    def claim_due(self, limit: int, *, now: int) -> list[Claim]:
        """Claim at most ``limit`` due executions for a host that starts them itself."""
        claims: list[Claim] = []

        def left() -> int:
            return limit - len(claims)

        is_more = True
        while is_more and left():
            more, is_more = self.claim_together(left, now=now)
            claims += more
        return claims

    def claim_together(
        self,
        room: Callable[[], int],
        *,
        now: int,
        roots: Collection[str] | None = None,
        ignore_delays: bool = False,
        runs_here: bool = False,
        runs: frozenset[str] | None = None,
    ) -> tuple[list[Claim], bool]:
        """Claim due executions in one transaction, the longest waiting first, after a second look at each (rule 14).

        Answers the claims, and whether more may be due. ``room`` says how many are wanted, asked when the transaction
        has begun: while it waited for the database's write lock others may have ended. ``runs_here``: this process
        starts them at once and holds them, so that they are marked running by the same commit. ``runs``: only what
        workflows with a run of these kinds are to do.
        """

        def work(connection: Connection) -> tuple[list[Claim], list[Completion], bool]:
            wanted = min(room(), MAX_CLAIMS_AT_ONCE)
            store = self._context.store
            due = store.executions.due(
                connection,
                now=now,
                limit=wanted,
                roots=roots,
                ignore_delays=ignore_delays,
                runs=runs,
            )
            claims, refused = self._second_look(connection, due, runs_here=runs_here)
            store.executions.claim(connection, claims, claimed_by=self._me)
            tell_of_claims(self._context.facts, claims)
            if runs_here:
                tell_of_starts(self._context.facts, claims)
            return claims, refused, len(due) == wanted

        claims, refused, is_more = self._context.store.database.run(work)
        for claim in claims:
            self._see(_live(claim))
        self._settle(refused, [Guard(only_pending=True, only_unclaimed=True)] * len(refused))
        return claims, is_more

    def renew(self, claims: Collection[Claim]) -> dict[str, LiveClaim]:
        """Give a sign of life; the claims that are still believed come back, by token."""
        tokens = [claim.token for claim in claims]

        def work(connection: Connection) -> dict[str, LiveClaim]:
            renewed = self._context.store.executions.renew(connection, tokens)
            missing = [claim for claim in claims if claim.token not in renewed]
            lost = [claim.execution_id for claim in missing if _is_lost(claim, self._state(connection, claim))]
            tell_of_lost_leases(self._context.facts, lost)
            return renewed

        renewed = self._context.store.database.run(work)
        for claim in renewed.values():
            self._see(claim)
        return renewed

    def mark_running(self, claim: Claim, external_id: str | None, *, keeps_lease: bool) -> bool:
        """Record that the executor has this claim's execution; False where the claim is lost.

        Lost: another process took over, or somebody cancelled. One whose execution has already ended under this very
        claim is not lost, it was quick.
        """
        rows, now = self._context.store.executions, to_seconds(self._context.now())
        stored_id = _stored_external_id(external_id)

        def work(connection: Connection) -> bool:
            state = rows.claim_state(connection, claim.execution_id, lock=True)
            if _is_lost(claim, state):
                tell_of_lost_leases(self._context.facts, [claim.execution_id])
                return False
            if state is not None and state.status in LIVE_STATUSES:
                rows.mark_running(connection, claim.execution_id, stored_id, now=now, keeps_lease=keeps_lease)
                tell_of_starts(self._context.facts, [claim], stored_id)
            return True

        return self._context.store.database.run(work)

    def release(self, claim: Claim) -> None:
        """Hand an execution back: it is pending again at once. If it had not started, the attempt is not counted.

        One that had started, and was its last attempt, ends as if its holder were lost (rule 10).
        """
        if self._is_last_attempt(claim.execution.attempt) and self._end_if_started(claim):
            return

        def changes(connection: Connection) -> dict[str, object]:
            state = self._state(connection, claim)
            never_started = state is not None and state.status == "pending"
            return _attempt_given_back(claim) if never_started else {}

        self._hand_back(claim, changes)
        tell_of_release(self._context.facts, claim)

    def not_started(self, claim: Claim, error: Exception) -> None:
        """The executor raised instead of starting it; where the claim is lost as well, another process has it."""
        if not isinstance(error, DispatchError):
            self._context.facts.tell(ExecutorBroke(execution_id=claim.execution_id), error=error)
        with suppress(LeaseLost):
            self._dispatch_failed(
                claim, str(error) or type(error).__name__, permanent=isinstance(error, PermanentDispatchError)
            )

    def _dispatch_failed(self, claim: Claim, error: str, *, permanent: bool) -> None:
        """The executor did not start it: try again after a growing wait, or end it as a dead letter (rule 10)."""
        settings = self._context.settings
        error = storable_text(error, limit=MAX_ERROR_CHARACTERS)
        failures = claim.execution.dispatch_failures + 1
        if permanent or failures >= settings.max_dispatch_failures:
            self._settle([_end(claim.execution_id, "failed", DISPATCH_FAILED, error)], [Guard(token=claim.token)])
            return
        available_at = self._available_after(claim, failures)
        changes = {"dispatch_failures": failures, "available_at": available_at, "error": error}
        self._hand_back(claim, lambda _: changes | _attempt_given_back(claim))
        retry_at = to_instant(available_at)
        tell_of_failed_dispatch(self._context.facts, claim, failures=failures, retry_at=retry_at, error=error)

    def put_off(self, claim: Claim, error: str, *, outages: int) -> None:
        """The executor is away, for the ``outages``-th time in a row: pending again, and never a dead letter of it."""
        error = storable_text(error, limit=MAX_ERROR_CHARACTERS)
        changes = {"available_at": self._available_after(claim, outages), "error": error}
        self._hand_back(claim, lambda _: changes | _attempt_given_back(claim))

    def _available_after(self, claim: Claim, failures: int) -> int:
        """When it may be tried again. ``available_at`` moves, ``run_after`` never: that is what the rule named."""
        settings = self._context.settings
        wait = backoff_seconds(
            claim.execution_id, failures, first=settings.backoff_seconds, longest=settings.max_backoff_seconds
        )
        return to_seconds(self._context.now() + timedelta(seconds=wait)) + 1

    def was_cancelled(self, execution_id: str) -> bool:
        """Whether an execution has ended as cancelled."""
        with self._context.store.database.read() as connection:
            state = self._context.store.executions.claim_state(connection, execution_id)
        return state is not None and state.status == "cancelled"

    def recover_lost(self, held: Collection[str]) -> int:
        """Take over the executions whose claims did not change for one lease before this process's eyes (rule 11).

        ``held`` are executions that this process runs: it renews those itself. Returns how many were taken over.
        """
        with self._context.store.database.read() as connection:
            live = self._context.store.executions.live_claims(connection)
        # A name of its own, because other threads look as well and each replaces what was seen.
        self._sightings = sightings = {c.execution_id: self._sighting(c) for c in live}
        limit = self._context.clock.monotonic() - self._context.settings.lease_seconds
        lost = [c for c in live if c.execution_id not in held and sightings[c.execution_id].since <= limit]
        taken = [claim for claim in lost if self._take_over(claim)]
        tell_of_taken_over(self._context.facts, taken)
        return len(taken)

    # Claiming

    def _second_look(
        self, connection: Connection, due: Sequence[Execution], *, runs_here: bool
    ) -> tuple[list[Claim], list[Completion]]:
        """Claims on what still must start, and the ends of what must not."""
        store = self._context.store
        facts = store.triggers.facts(connection, {e.trigger_id for e in due if e.trigger_id})
        workflows = store.workflows.get_many(connection, {execution.workflow_id for execution in due})
        started = {"status": "running", "started_at": self._context.now()} if runs_here else {}
        claims, refused = [], []
        for execution in due:
            workflow = workflows.get(execution.workflow_id)
            reason = reason_to_cancel(
                execution, trigger=facts.get(execution.trigger_id or ""), workflow_exists=workflow is not None
            )
            if reason is not None or workflow is None:
                refused.append(_end(execution.id, "cancelled", reason))
            else:
                claimed = execution.evolve_trusted(attempt=execution.attempt + 1, **started)
                claims.append(Claim.trusted(execution=claimed, workflow=workflow, token=new_id()))
        return claims, refused

    def _settle(self, ends: Sequence[Completion], guards: Sequence[Guard] | None = None) -> list[Execution]:
        if not ends:
            return []
        settled = self._context.store.database.run(
            lambda connection: self._settlements.settle_ours(connection, ends, guards=guards)
        )
        self._context.wake.call()
        return settled

    # Ending a claim

    def _hand_back(self, claim: Claim, changes: Callable[[Connection], dict[str, object]]) -> None:
        def work(connection: Connection) -> None:
            changed = self._context.store.executions.hand_back(
                connection, execution_id=claim.execution_id, token=claim.token, changes=changes(connection)
            )
            if not changed:
                raise LeaseLost(claim.execution_id)

        try:
            self._context.store.database.run(work)
        except LeaseLost:
            tell_of_lost_leases(self._context.facts, [claim.execution_id])
            raise
        self._context.wake.call()

    def _is_last_attempt(self, attempt: int) -> bool:
        return attempt >= self._context.settings.max_attempts

    def _end_if_started(self, claim: Claim) -> bool:
        """End an execution whose holder gives it up after its last attempt; False where it had not started."""
        with self._context.store.database.read() as connection:
            state = self._state(connection, claim)
        if state is None or state.status != "running":
            return False
        is_cancelled = state.cancel_requested_at is not None
        error = f"its holder handed it back in attempt {claim.execution.attempt}, the last"
        end = _end_of_lost(replace(_live(claim), cancel_requested=is_cancelled), error=error)
        return bool(self._settle([end], [Guard(token=claim.token)]))

    def _state(self, connection: Connection, claim: Claim) -> AnyRow | None:
        return self._context.store.executions.claim_state(connection, claim.execution_id)

    # Observing leases

    def _see(self, claim: LiveClaim) -> None:
        self._sightings[claim.execution_id] = self._sighting(claim)

    def _sighting(self, claim: LiveClaim) -> _Sighting:
        before = self._sightings.get(claim.execution_id)
        if before is not None and (before.token, before.renewals) == (claim.token, claim.renewals):
            return before
        return _Sighting(token=claim.token, renewals=claim.renewals, since=self._context.clock.monotonic())

    def _take_over(self, claim: LiveClaim) -> bool:
        if claim.cancel_requested or self._is_last_attempt(claim.attempt):
            end = _end_of_lost(claim, error=f"its holder was lost {claim.attempt} times")
            return bool(self._settle([end], [Guard(token=claim.token, renewals=claim.renewals)]))
        return self._context.store.database.run(lambda connection: self._make_pending(connection, claim))

    def _make_pending(self, connection: Connection, claim: LiveClaim) -> bool:
        return self._context.store.executions.hand_back(
            connection,
            execution_id=claim.execution_id,
            token=claim.token,
            renewals=claim.renewals,
            changes={"available_at": AT_ONCE},
        )


def _end(execution_id: str, status: EndStatus, reason: str | None, error: str | None = None) -> Completion:
    return Completion(execution_id=execution_id, status=status, reason=reason, error=error)


def _end_of_lost(claim: LiveClaim, *, error: str) -> Completion:
    """How an execution ends that nobody will start again: as somebody asked, else as failed."""
    if claim.cancel_requested:
        return _end(claim.execution_id, "cancelled", CANCEL_REQUESTED)
    return _end(claim.execution_id, "failed", LOST, error)


def _is_lost(claim: Claim, state: AnyRow | None) -> bool:
    """Whether another process took over, or somebody cancelled. Who ended under this very claim was quick, not lost."""
    return state is None or state.claim_token != claim.token or state.status == "cancelled"


def _attempt_given_back(claim: Claim) -> dict[str, object]:
    """An attempt that never started is not counted, so that its number (and any key made of it) is used again."""
    return {"attempt": claim.execution.attempt - 1}


def _stored_external_id(external_id: object) -> str | None:
    """What can be stored of what an executor answered: the execution has started there, whatever its id looks like."""
    return None if external_id is None else storable_text(str(external_id), limit=MAX_EXTERNAL_ID_CHARACTERS)


def _live(claim: Claim) -> LiveClaim:
    return LiveClaim(
        execution_id=claim.execution_id,
        token=claim.token,
        renewals=claim.renewals,
        attempt=claim.execution.attempt,
        cancel_requested=claim.cancel_requested,
    )
