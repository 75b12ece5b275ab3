"""How did a run go, and how is it told?"""

from __future__ import annotations

from typing import Any

import pytest

from flowforge_graph.cli.summary import Outcome, closing_sentence, failure_lines, outcome_document, summary_rows
from flowforge_graph.model import Execution, Verdict
from tests.cli.test_progress import ended


def downstream(number: int, upstream: int, status: str = "completed", **fields: Any) -> Execution:
    """An execution that the end of another one started."""
    return ended(
        number,
        status,
        **{
            "trigger_type": "dependency",
            "dependency_condition": "on_success",
            "upstream_execution_id": f"e{upstream}",
            "upstream_workflow_id": f"w{upstream}",
            "hop": upstream,
            **fields,
        },
    )


def verdict(upstream: int, number: int, condition: str = "on_success", **fields: Any) -> Verdict:
    """What the trigger from one workflow to another answered."""
    return Verdict(
        **{
            "upstream_execution_id": f"e{upstream}",
            "trigger_id": f"t{upstream}-{number}",
            "trigger_name": None,
            "workflow_id": f"w{number}",
            "workflow_name": f"w{number}",
            "condition": condition,
            "delay_minutes": 0,
            "outcome": "triggered",
            "execution_id": f"e{number}",
            **fields,
        }
    )


def skip(upstream: int, number: int, condition: str = "on_success", reason: str = "condition_not_met") -> Verdict:
    """A trigger that started nothing."""
    return verdict(upstream, number, condition, outcome="skipped", reason=reason, execution_id=None)


def outcome(*executions: Execution, verdicts: tuple[Verdict, ...] = (), interrupted: bool = False) -> Outcome:
    """The outcome of these executions."""
    by_execution = {e.id: [v for v in verdicts if v.upstream_execution_id == e.id] for e in executions}
    return Outcome(executions=executions, verdicts=by_execution, interrupted=interrupted)


FAILED = ended(1, "failed", error="exit code 1", output="one\ntwo\n")


@pytest.mark.parametrize(
    ("executions", "verdicts", "status"),
    [
        ((ended(1),), (), "completed"),
        ((FAILED,), (), "failed"),
        ((FAILED, downstream(2, 1)), (verdict(1, 2, "on_failure"),), "completed"),
        ((FAILED, downstream(2, 1)), (verdict(1, 2, "on_completion"),), "failed"),
        ((FAILED, downstream(2, 1, "failed")), (verdict(1, 2, "on_failure"),), "failed"),
        ((FAILED, downstream(2, 1, "cancelled")), (verdict(1, 2, "on_failure"),), "failed"),
        ((FAILED,), (skip(1, 2, "on_failure", "trigger_disabled"),), "failed"),
        (
            (FAILED, downstream(2, 1, "failed"), downstream(3, 1)),
            (verdict(1, 2, "on_failure"), verdict(1, 3, "on_failure"), verdict(2, 4, "on_failure", execution_id="e9")),
            "failed",
        ),
        ((FAILED.evolve(reason="dispatch_failed"), downstream(2, 1)), (verdict(1, 2, "on_failure"),), "completed"),
        ((ended(1, "cancelled", reason="cancel_requested"),), (), "cancelled"),
        ((ended(1), downstream(2, 1, "cancelled", reason="trigger_disabled")), (verdict(1, 2),), "completed"),
    ],
    ids=[
        "all completed",
        "a failure",
        "a handled failure",
        "on_completion handles nothing",
        "a handler that failed",
        "a handler that was cancelled",
        "a handler that is disabled",
        "a handler's own failure needs a handler",
        "a dead letter with a handler",
        "cancelled by somebody",
        "cancelled by a rule",
    ],
)
def test_the_status_of_a_run(executions: tuple[Execution, ...], verdicts: tuple[Verdict, ...], status: str) -> None:
    """A failure is forgiven only where its on_failure execution completed; a cancel by a person is no success."""
    assert outcome(*executions, verdicts=verdicts).status == status


def test_an_interrupted_run_is_cancelled() -> None:
    """Even where nothing was left to cancel."""
    assert outcome(ended(1), interrupted=True).status == "cancelled"


def test_the_rows_are_a_tree_of_starts_and_skips() -> None:
    """In the order of the triggers, below the execution that decided them."""
    told = outcome(
        ended(1),
        downstream(2, 1),
        downstream(3, 1, dependency_condition="on_completion"),
        downstream(4, 2, hop=2),
        verdicts=(
            verdict(1, 2),
            skip(1, 9, "on_failure"),
            verdict(1, 3),
            verdict(2, 4),
            skip(4, 8, reason="cascade_limit"),
        ),
    )
    assert [(row[0], row[1], row[3]) for row in summary_rows(told)] == [
        ("w1", "completed", "by hand"),
        ("├─ w2", "completed", "on_success of w1"),
        ("│  └─ w4", "completed", "on_success of w2"),
        ("│     └─ w8", "skipped", "the cascade has reached its limit of executions"),
        ("├─ w9", "skipped", "on_failure of w1, which completed"),
        ("└─ w3", "completed", "on_completion of w1"),
    ]


def test_a_deep_cascade_is_a_list() -> None:
    """A chain of 3,000 is told in order, without a tree as wide as it is deep, and without recursion."""
    chain = [ended(1), *(downstream(n, n - 1, hop=n - 1) for n in range(2, 3_001))]
    links = tuple(verdict(n - 1, n) for n in range(2, 3_001))
    told = Outcome(executions=chain, verdicts={v.upstream_execution_id: [v] for v in links})
    assert [row[0] for row in summary_rows(told)] == [f"w{n}" for n in range(1, 3_001)]


def test_failures_show_their_error_and_the_end_of_their_output() -> None:
    """At most ten lines, indented."""
    noisy = FAILED.evolve(output="".join(f"line {n}\n" for n in range(50)))
    assert failure_lines(outcome(FAILED)) == ["", "w1 failed: exit code 1", "  | one", "  | two"]
    assert failure_lines(outcome(noisy))[2:] == [f"  | line {n}" for n in range(40, 50)]
    assert failure_lines(outcome(ended(1))) == []


def test_the_last_line_says_how_it_went() -> None:
    """Counts, skips, and whether failures were handled."""
    handled = outcome(FAILED, downstream(2, 1), verdicts=(verdict(1, 2, "on_failure"), skip(1, 3)))
    assert closing_sentence(handled) == (
        "2 executions: 1 failed, 1 completed; 1 trigger skipped; every failure was handled"
    )
    assert closing_sentence(outcome(FAILED)) == "1 execution: 1 failed; no on_failure workflow completed for w1"
    assert closing_sentence(outcome(ended(1))) == "1 execution: 1 completed"


def test_the_document_holds_everything() -> None:
    """Executions with output, verdicts in order, the roots."""
    document = outcome_document(outcome(FAILED, downstream(2, 1), verdicts=(verdict(1, 2, "on_failure"),)))
    assert document["rootExecutionIds"] == ["e1"]
    assert [e["output"] for e in document["executions"]] == ["one\ntwo\n", None]
    assert [v["executionId"] for v in document["verdicts"]] == ["e2"]
    assert (document["success"], document["status"]) == (True, "completed")
