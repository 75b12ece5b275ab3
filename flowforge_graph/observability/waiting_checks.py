"""Checks of what waits: schedules, pending executions, claims and dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flowforge_graph.engine.health import DEAD_LETTERS_WITHIN
from flowforge_graph.observability.findings import (
    Finding,
    counted,
    counted_of_most,
    listed,
    ok,
    problem,
    quoted,
    quoted_all,
)
from flowforge_graph.observability.look import Look
from flowforge_graph.storage import to_seconds
from flowforge_graph.storage.inspection import SeenClaim, Waiting

_LOOK_SECONDS: Final = 0.25


def schedules(look: Look) -> Finding:
    """Does anybody tick?"""
    now = to_seconds(look.clock.now())
    late = look.ask.late_schedules(before=now - look.limits.overdue_seconds)
    unplanned = [schedule for schedule in late if schedule.since is None]
    if unplanned:
        return problem(
            "schedules",
            f"enabled schedules without a next run: {quoted_all(s.id for s in unplanned)};"
            " disable and enable each to plan it anew",
        )
    waits = [now - schedule.since for schedule in late if schedule.since is not None]
    if waits:
        return problem(
            "schedules",
            f"{counted_of_most(len(late), 'schedule')} should have run, the first {max(waits):,} s ago"
            f" ({quoted_all(s.id for s in late)}): nobody ticks; start 'flowforge-graph serve', or call tick()",
        )
    return ok("schedules", f"none is more than {look.limits.overdue_seconds:,} s late")


def pending(look: Look) -> Finding:
    """Does anybody dispatch?"""
    now = to_seconds(look.clock.now())
    late = look.ask.late_executions(now=now, before=now - look.limits.overdue_seconds)
    waits = [now - execution.since for execution in late if execution.since is not None]
    if waits:
        return problem(
            "pending",
            f"{counted_of_most(len(late), 'execution')} might have started, the first {max(waits):,} s ago"
            f" ({quoted_all(e.id for e in late)}): {_who_should(late)}",
        )
    put_off = look.ask.put_off_executions(before=now - look.limits.overdue_seconds)
    if put_off:
        return problem(
            "pending",
            f"{counted_of_most(len(put_off), 'execution')} cannot be handed over, the first for"
            f" {now - (put_off[0].since or now):,} s ({quoted_all(e.id for e in put_off)}): {put_off[0].error}",
        )
    return ok("pending", f"nothing has been due for more than {look.limits.overdue_seconds:,} s")


def _who_should(late: Sequence[Waiting]) -> str:
    of_hosts = sum(execution.is_for_host for execution in late)
    of_prefect = sum(execution.is_for_prefect for execution in late)
    if of_hosts == len(late):
        return "their workflows have no run, and the host that runs them has not taken them"
    if of_prefect == len(late):
        return "they run with Prefect, and nobody hands over to it; start 'flowforge-graph serve --prefect-api URL'"
    start = "nobody dispatches, or not enough at once; start another 'flowforge-graph serve'"
    others = [f"{of_hosts} of them wait for their host: their workflows have no run"] if of_hosts else []
    others += [f"{of_prefect} of them run with Prefect: name it by --prefect-api"] if of_prefect else []
    return f"{start} ({'; '.join(others)})" if others else start


def leases(look: Look) -> Finding:
    """Do the holders of claims give signs of life while one watches?"""
    first = look.ask.claims()
    if not first:
        return ok("leases", "no execution is claimed")
    if not look.limits.watch_seconds:
        return ok("leases", f"{counted(len(first), 'claim')}, not watched")
    began = look.clock.monotonic()
    still = _watch(look, first, until=began + look.limits.watch_seconds)
    watched = f"in {look.clock.monotonic() - began:.1f} s"
    if not still:
        return ok("leases", f"{counted(len(first), 'claim')} moved or ended {watched}")
    named = listed([f"{quoted(c.execution_id)} held by {quoted(c.claimed_by or 'nobody known')}" for c in still])
    return problem(
        "leases",
        f"{len(still):,} of {counted(len(first), 'claim')} gave no sign of life {watched}: {named}; see whether"
        " these processes live, and keep a 'flowforge-graph serve' running: it takes over after one lease",
    )


def _watch(look: Look, first: list[SeenClaim], *, until: float) -> list[SeenClaim]:
    """Those of these claims that are seen unchanged until then."""
    still = first
    while still and (left := until - look.clock.monotonic()) > 0:
        look.wait(min(_LOOK_SECONDS, left))
        seen = {(claim.token, claim.renewals) for claim in look.ask.claims()}
        still = [claim for claim in still if (claim.token, claim.renewals) in seen]
    return still


def dead_letters(look: Look) -> Finding:
    """Has anything been given up lately?"""
    since = to_seconds(look.clock.now() - DEAD_LETTERS_WITHIN)
    dead = look.ask.dead_letters(since=since)
    if not dead:
        return ok("dead letters", "none in the last 24 hours")
    named = listed([f"{quoted(d.execution_id)} of {quoted(d.workflow_id)} ({d.reason})" for d in dead])
    return problem(
        "dead letters",
        f"{counted_of_most(len(dead), 'execution')} ended failed after the last try in 24 hours: {named};"
        " 'executions show' says why, and a new start runs the workflow again",
    )
