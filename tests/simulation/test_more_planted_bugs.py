"""Smaller bugs, one for each mechanism: a guard that is gone, a rule that is bent. Each has the script that shows it.

The simulator has found these bugs by itself; the scripts are what it made of them, with plainer names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from flowforge_graph.testing import Simulation
from flowforge_graph.testing.simulation import SimulationFailure

ROOM = "flowforge_graph"
A_AND_B = "{'id': 't1', 'trigger_type': 'dependency', 'workflow_id': 'b', 'depends_on_workflow_id': 'a'"
MINUTELY = "{'id': 't1', 'trigger_type': 'scheduled', 'workflow_id': 'a', 'cron_expression': '* * * * *'"
EVENT = "{'id': 't2', 'trigger_type': 'event', 'workflow_id': 'a', 'event_type': 'arrived'}"


def nothing(*_: Any, **__: Any) -> None:
    """What a forgotten call does."""


def seen_long_ago(_: Any, claim: Any) -> SimpleNamespace:
    """A sighting that makes every claim look lost."""
    return SimpleNamespace(token=claim.token, renewals=claim.renewals, since=float("-inf"))


def all_at_once(starts: Iterable[Any], *, now: Any, **_: Any) -> tuple[list[Any], Any]:
    """Missed starts without a place in the queue."""
    return list(starts), now


@dataclass(frozen=True, kw_only=True)
class Bug:
    """What takes the place of what in the engine, the rule that this breaks, and how."""

    place: str
    is_now: Any
    rule: str
    script: str


BUGS = {
    "a guard always holds": Bug(
        place="engine.settlements.Guard.holds",
        is_now=lambda *_: True,
        rule="9",
        script="""
        define(node=0, workflows=['a'], triggers=[])
        start(node=0, execution='e1', workflow='a')
        claim_due(node=0, limit=1)
        wait(seconds=16)
        claim_due(node=0, limit=1)
        wait(seconds=16)
        claim_due(node=0, limit=1, meanwhile=renew(node=1, claim='e1#2'), meanwhile_at='before begin 1')
        """,
    ),
    "on_failure accepts a success": Bug(
        place="evaluation.ACCEPTED_BY",
        is_now={"on_failure": frozenset({"completed", "failed"})},
        rule="4",
        script=f"""
        define(node=0, workflows=['a', 'b'], triggers=[{A_AND_B}, 'dependency_condition': 'on_failure'}}])
        complete(node=0, execution='e1', status='completed', workflow='a')
        """,
    ),
    "a delay is forgotten": Bug(
        place="evaluation._checked_delay",
        is_now=lambda _: 0,
        rule="4",
        script=f"""
        define(node=0, workflows=['a', 'b'], triggers=[{A_AND_B}, 'delay_minutes': 5}}])
        complete(node=0, execution='e1', status='completed', workflow='a')
        """,
    ),
    "a stale claim may complete": Bug(
        place="engine.settlements.LeaseLost",
        is_now=type("Unknown", (Exception,), {}),
        rule="4",
        script="""
        define(node=0, workflows=['a'], triggers=[])
        start(node=0, execution='e1', workflow='a')
        claim_due(node=0, limit=1)
        release(node=1, claim='e1#1')
        complete(node=1, execution='e1', status='failed', claim='e1#1')
        """,
    ),
    "verdicts are not written": Bug(
        place="storage.history.VerdictRows.insert",
        is_now=nothing,
        rule="4",
        script=f"""
        define(node=0, workflows=['a', 'b'], triggers=[{A_AND_B}}}])
        complete(node=0, execution='e1', status='failed', workflow='a')
        """,
    ),
    "cascades are not counted": Bug(
        place="storage.executions.ExecutionRows.grow_cascades",
        is_now=nothing,
        rule="7",
        script=f"""
        define(node=0, workflows=['a', 'b'], triggers=[{A_AND_B}}}])
        complete(node=0, execution='e1', status='completed', workflow='a')
        """,
    ),
    "there is no second look": Bug(
        place="engine.claims.reason_to_cancel",
        is_now=nothing,
        rule="14",
        script=f"""
        define(node=0, workflows=['a'], triggers=[{MINUTELY}}}])
        wait(seconds=60)
        tick(node=1)
        delete_trigger(node=0, trigger='t1')
        claim_due(node=1, limit=1)
        """,
    ),
    "a claim is taken at first sight": Bug(
        place="engine.claims.Claims._sighting",
        is_now=seen_long_ago,
        rule="11",
        script="""
        define(node=0, workflows=['a'], triggers=[])
        start(node=0, execution='e1', workflow='a')
        claim_due(node=0, limit=1)
        dispatch(node=1)
        """,
    ),
    "a lost holder is never replaced": Bug(
        place="engine.claims.Claims.recover_lost",
        is_now=lambda *_: 0,
        rule="11",
        script="""
        define(node=0, workflows=['a'], triggers=[])
        start(node=0, execution='e1', workflow='a')
        claim_due(node=0, limit=1)
        wait(seconds=16)
        dispatch(node=0)
        """,
    ),
    "a deleted workflow keeps its outbox": Bug(
        place="storage.executions.ExecutionRows.pending_of_workflow",
        is_now=lambda *_: [],
        rule="3",
        script="""
        define(node=0, workflows=['a'], triggers=[])
        start(node=0, execution='e1', workflow='a')
        delete_workflow(node=1, workflow='a')
        """,
    ),
    "a request to cancel is not noted": Bug(
        place="storage.executions.ExecutionRows.request_cancel",
        is_now=nothing,
        rule="15",
        script="""
        define(node=0, workflows=['a'], triggers=[])
        start(node=1, execution='e1', workflow='a')
        dispatch(node=1)
        cancel(node=1, execution='e1')
        """,
    ),
    "drops are not written": Bug(
        place="storage.history.ScheduleDropRows.insert",
        is_now=nothing,
        rule="16",
        script=f"""
        define(node=0, workflows=['a'], triggers=[{MINUTELY}, 'misfire_policy': 'skip'}}])
        set_clock(node=1, seconds=20000)
        tick(node=1)
        """,
    ),
    "a changed schedule goes on as it was": Bug(
        place="model.triggers.ScheduledTrigger.rhythm",
        is_now=property(nothing),
        rule="16",
        script=f"""
        define(node=0, workflows=['a'], triggers=[{MINUTELY}}}])
        wait(seconds=300)
        update_trigger(node=1, trigger='t1', changes={{'cron_expression': '*/5 * * * *'}})
        """,
    ),
    "missed starts come all at once": Bug(
        place="engine.ticks.spread_missed_starts",
        is_now=all_at_once,
        rule="16",
        script=f"""
        define(node=0, workflows=['a'], triggers=[{MINUTELY}, 'misfire_policy': 'all'}}])
        set_clock(node=0, seconds=3600)
        tick(node=0)
        """,
    ),
    "tombstones are not asked": Bug(
        place="storage.history.TombstoneRows.of",
        is_now=lambda *_: {},
        rule="5",
        script=f"""
        define(node=0, workflows=['a'], triggers=[{EVENT}])
        emit(node=0, event_type='arrived', key='k1')
        complete(node=0, execution='t2!k1', status='completed')
        wait(seconds=300)
        prune(node=0, age=60)
        emit(node=1, event_type='arrived', key='k1')
        """,
    ),
}


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_each_bug_breaks_its_rule(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script keeps every rule, until the bug is planted: then it breaks the one that speaks of it."""
    Simulation.replay(bug.script)
    monkeypatch.setattr(f"{ROOM}.{bug.place}", bug.is_now)
    with pytest.raises(SimulationFailure) as found:
        Simulation.replay(bug.script)
    print(found.value)
    assert found.value.rule == bug.rule
