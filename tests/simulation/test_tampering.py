"""Each invariant can fail: rows that something changes behind the engine's back are noticed, under the right rule."""

from __future__ import annotations

import pytest

from flowforge_graph.testing import Simulation
from flowforge_graph.testing.simulation import SimulationFailure
from flowforge_graph.testing.simulation.database import SimulatedDatabase

MOST_SEEDS = 300
ENDED = "status IN ('completed', 'failed', 'cancelled')"
LIVE = "claim_token IS NOT NULL AND status IN ('pending', 'running')"

# What is written just before each COMMIT, and the rules that may notice it first.
TAMPERING = {
    "a trigger back from each workflow": (
        "INSERT INTO workflow_triggers (id, workflow_id, trigger_type, enabled, depends_on_workflow_id, "
        "dependency_condition, delay_minutes, created_at, updated_at) SELECT 'back ' || id, depends_on_workflow_id, "
        "'dependency', 1, workflow_id, 'on_success', 0, 0, 0 FROM workflow_triggers "
        "WHERE trigger_type = 'dependency' AND workflow_id = 'e' LIMIT 1",
        {"1"},
    ),
    "a renamed workflow": ("UPDATE workflows SET name = 'x' WHERE id = 'b'", {"2"}),
    "a trigger that went": ("DELETE FROM workflow_triggers WHERE id = 't3'", {"2"}),
    "another name in history": (f"UPDATE executions SET workflow_name = 'x' WHERE {ENDED}", {"3", "4"}),
    "another delay in history": ("UPDATE executions SET delay_minutes = 7 WHERE status = 'running'", {"3"}),
    "an end taken back": (f"UPDATE executions SET status = 'pending', ended_at = NULL WHERE {ENDED}", {"4"}),
    "an end turned around": ("UPDATE executions SET status = 'failed' WHERE status = 'completed'", {"4", "9"}),
    "a verdict that went": ("DELETE FROM verdicts WHERE position = 0", {"4"}),
    "a verdict with another reason": (
        "UPDATE verdicts SET reason = 'cascade_limit' WHERE reason = 'condition_not_met'",
        {"4"},
    ),
    "a downstream execution that went": ("DELETE FROM executions WHERE trigger_type = 'dependency'", {"4", "23"}),
    "a cascade that is not counted": ("UPDATE executions SET cascade_size = 1", {"7"}),
    "an end that nobody reported": (
        "UPDATE executions SET status = 'failed', reason = 'lost', ended_at = 1767225600 WHERE status = 'running'",
        {"4", "9"},
    ),
    "an attempt more": (f"UPDATE executions SET attempt = attempt + 1 WHERE {LIVE}", {"10"}),
    "a claim that went": (f"UPDATE executions SET claim_token = NULL WHERE {LIVE}", {"10", "11"}),
    "a stolen claim": (f"UPDATE executions SET claim_token = 'stolen' WHERE {LIVE}", {"10", "11"}),
    "a renewal by nobody": (f"UPDATE executions SET claim_renewals = claim_renewals + 1 WHERE {LIVE}", {"11"}),
    "a delay that is forgotten": (
        "UPDATE executions SET run_after = run_after + 3600 WHERE trigger_type = 'dependency'",
        {"3", "4", "13"},
    ),
    "a request to cancel by nobody": (
        "UPDATE executions SET cancel_requested_at = 1 WHERE status = 'pending'",
        {"10", "15"},
    ),
    "a schedule that was not planned": (
        "UPDATE workflow_triggers SET planned_until = planned_until - 86400 WHERE trigger_type = 'scheduled'",
        {"16"},
    ),
    "a dropped range that went": ("DELETE FROM schedule_drops", {"16"}),
    "a fire time that went": ("DELETE FROM executions WHERE trigger_type = 'scheduled'", {"16", "23"}),
    "an event that went": ("DELETE FROM executions WHERE trigger_type = 'event'", {"9", "23"}),
    "history that went": (f"DELETE FROM executions WHERE {ENDED}", {"4", "7", "9", "18", "23"}),
    "a tombstone that went": ("DELETE FROM tombstones", {"23"}),
}


def tampered_by(statement: str) -> type[Simulation]:
    """A simulation in which ``statement`` is part of every transaction."""

    class TamperedDatabase(SimulatedDatabase):
        def _before(self, _: object, __: object, text: str, *___: object) -> None:
            if text == "COMMIT":
                self.raw.execute(statement)
            super()._before(_, __, text, *___)

    class Tampered(Simulation):
        def make_database(self) -> SimulatedDatabase:
            return TamperedDatabase()

    return Tampered


@pytest.mark.parametrize(("statement", "rules"), TAMPERING.values(), ids=TAMPERING)
def test_tampered_rows_are_noticed(statement: str, rules: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine did not write, or did and somebody undid, breaks the rule that speaks of it."""
    # As found: making scripts small is another test's question, and takes longer than finding them.
    monkeypatch.setattr("flowforge_graph.testing.simulation.shrinking.MOST_TRIES", 0)
    with pytest.raises(SimulationFailure) as found:
        tampered_by(statement).check(seeds=range(MOST_SEEDS))
    print(found.value)
    assert found.value.rule in rules
