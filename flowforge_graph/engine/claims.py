"""Claims: the right to start an execution, how long it is believed, and who takes over when its holder is lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.engine.settlements import Guard, Settlements
from flowforge_graph.errors import LeaseLost
from flowforge_graph.evaluation import backoff_seconds, reason_to_cancel
from flowforge_graph.model import Claim, Completion, EndStatus, Execution
from flowforge_graph.model.completions import MAX_ERROR_CHARACTERS
from flowforge_graph.model.executions import CANCEL_REQUESTED, DISPATCH_FAILED, LOST
from flowforge_graph.model.ids import new_id, storable_text
from flowforge_graph.storage import AT_ONCE, LiveClaim, to_seconds

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

    def claim_due(
        self, limit: int, *, now: int, roots: Collection[str] | None = None, ignore_delays: bool = False
    ) -> list[Claim]:
        """Claim at most ``limit`` due executions, the longest waiting first, after a second look at each (rule 14)."""
        claims: list[Claim] = []
        while len(claims) < limit:
            wanted = min(limit - len(claims), MAX_CLAIMS_AT_ONCE)
            work = partial(self._claim, limit=wanted, now=now, roots=roots, ignore_delays=ignore_delays)
            claimed, refused = self._context.store.database.run(work)
            claims += claimed
            self._settle(refused, [Guard(only_pending=True, only_unclaimed=True)] * len(refused))
            if len(claimed) + len(refused) < wanted:
                break
        return claims

    def renew(self, claims: Collection[Claim]) -> dict[str, LiveClaim]:
        """Give a sign of life; the claims that are still believed come back, by token."""
        tokens = [claim.token for claim in claims]
        renewed = self._context.store.database.run(
            lambda connection: self._context.store.executions.renew(connection, tokens)
        )
        for claim in renewed.values():
            self._see(claim)
        return renewed

    def mark_running(self, started: Sequence[tuple[Claim, str | None]], *, keeps_lease: bool) -> list[Claim]:
        """Record that the executor has these claims' executions, each with its external id, in one transaction.

        Answers the claims that are lost: another process took over, or somebody cancelled. One whose execution has
        already ended under this very claim is not lost, it was quick.
        """
        now = to_seconds(self._context.now())

        def work(connection: Connection) -> list[Claim]:
            rows = self._context.store.executions
            stored = rows.lock_claims(connection, [claim.execution_id for claim, _ in started])
            states = {claim.token: _state_under(claim, stored) for claim, _ in started}
            alive = [(claim, given) for claim, given in started if states[claim.token] in {"pending", "running"}]
            external_ids = {claim.execution_id: _stored_external_id(given) for claim, given in alive}
            rows.mark_running(connection, external_ids, now=now, keeps=keeps_lease)
            return [claim for claim, _ in started if states[claim.token] in {None, "cancelled"}]

        return self._context.store.database.run(work)

    def release(self, claim: Claim) -> None:
        """Hand an execution back: it is pending again at once. If it had not started, the attempt is not counted."""
        self._change(claim, {})

    def dispatch_failed(self, claim: Claim, error: str, *, permanent: bool) -> None:
        """The executor did not start it: try again after a growing wait, or end it as a dead letter (rule 10)."""
        settings = self._context.settings
        error = storable_text(error, limit=MAX_ERROR_CHARACTERS)
        failures = claim.execution.dispatch_failures + 1
        if permanent or failures >= settings.max_dispatch_failures:
            self._settle([_end(claim.execution_id, "failed", DISPATCH_FAILED, error)], [Guard(token=claim.token)])
            return
        wait = backoff_seconds(
            claim.execution_id, failures, first=settings.backoff_seconds, longest=settings.max_backoff_seconds
        )
        # available_at moves, run_after never: it stays the instant that the rule named.
        available_at = to_seconds(self._context.now() + timedelta(seconds=wait)) + 1
        self._change(claim, {"dispatch_failures": failures, "available_at": available_at, "error": error})

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
        return sum(self._take_over(claim) for claim in lost)

    # Claiming

    def _claim(
        self, connection: Connection, *, limit: int, now: int, roots: Collection[str] | None, ignore_delays: bool
    ) -> tuple[list[Claim], list[Completion]]:
        store = self._context.store
        due = store.executions.due(connection, now=now, limit=limit, roots=roots, ignore_delays=ignore_delays)
        if not due:
            return [], []
        facts = store.triggers.facts(connection, {e.trigger_id for e in due if e.trigger_id})
        workflows = store.workflows.get_many(connection, {execution.workflow_id for execution in due})
        claims, refused = [], []
        for execution in due:
            workflow = workflows.get(execution.workflow_id)
            reason = reason_to_cancel(
                execution, trigger=facts.get(execution.trigger_id or ""), workflow_exists=workflow is not None
            )
            if reason is not None or workflow is None:
                refused.append(_end(execution.id, "cancelled", reason))
            else:
                started = execution.evolve(attempt=execution.attempt + 1)
                claims.append(Claim(execution=started, workflow=workflow, token=new_id()))
        store.executions.claim(connection, claims, claimed_by=self._me)
        for claim in claims:
            self._see(_live(claim))
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

    def _change(self, claim: Claim, changes: dict[str, object]) -> None:
        def work(connection: Connection) -> None:
            rows = self._context.store.executions
            state = rows.token_state(connection, claim.execution_id)
            # An attempt that never started is not counted, so that its number (and any key made of it) is used again.
            never_started = state is not None and state.status == "pending"
            given_back = {"attempt": claim.execution.attempt - 1} if never_started else {}
            changed = rows.hand_back(
                connection, execution_id=claim.execution_id, token=claim.token, changes=given_back | changes
            )
            if not changed:
                raise LeaseLost(claim.execution_id)

        self._context.store.database.run(work)
        self._context.wake.call()

    # Observing leases

    def _see(self, claim: LiveClaim) -> None:
        self._sightings[claim.execution_id] = self._sighting(claim)

    def _sighting(self, claim: LiveClaim) -> _Sighting:
        before = self._sightings.get(claim.execution_id)
        if before is not None and (before.token, before.renewals) == (claim.token, claim.renewals):
            return before
        return _Sighting(token=claim.token, renewals=claim.renewals, since=self._context.clock.monotonic())

    def _take_over(self, claim: LiveClaim) -> bool:
        guard = Guard(token=claim.token, renewals=claim.renewals)
        if claim.cancel_requested:
            return bool(self._settle([_end(claim.execution_id, "cancelled", CANCEL_REQUESTED)], [guard]))
        if claim.attempt >= self._context.settings.max_attempts:
            error = f"its holder was lost {claim.attempt} times"
            return bool(self._settle([_end(claim.execution_id, "failed", LOST, error)], [guard]))
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


def _stored_external_id(external_id: object) -> str | None:
    """What can be stored of what an executor answered: the execution has started there, whatever its id looks like."""
    return None if external_id is None else storable_text(str(external_id), limit=MAX_EXTERNAL_ID_CHARACTERS)


def _state_under(claim: Claim, stored: Mapping[str, tuple[str | None, str]]) -> str | None:
    """The stored status where it is what this very claim brought about; None where the claim is believed no more."""
    token, status = stored.get(claim.execution_id, (None, ""))
    return status if token == claim.token else None


def _live(claim: Claim) -> LiveClaim:
    return LiveClaim(
        execution_id=claim.execution_id,
        token=claim.token,
        renewals=claim.renewals,
        attempt=claim.execution.attempt,
        cancel_requested=claim.cancel_requested,
    )
