"""Does assert_cascade see every difference, and show it where it is?"""

from __future__ import annotations

from typing import Any

import pytest

from flowforge_graph import ExecutionNotFound, TriggerEngine
from flowforge_graph.testing import assert_cascade, graph_of


@pytest.fixture
def engine(flowforge_engine: TriggerEngine) -> TriggerEngine:
    """bronze starts silver and audit; silver fails and starts the alert."""
    graph_of(
        ("bronze", "silver"),
        ("silver", "gold"),
        ("bronze", "audit", "on_completion"),
        ("silver", "alert", "on_failure"),
    ).create_in(flowforge_engine)
    bronze = flowforge_engine.start("bronze", execution_id="b1")
    silver, _ = flowforge_engine.complete(bronze.id, "completed").triggered
    flowforge_engine.complete(str(silver.execution_id), "failed", error="no rows")
    return flowforge_engine


@pytest.mark.parametrize(
    "expected",
    [
        {"bronze": {"silver": ["alert"], "audit": {}}},
        {"bronze": ["audit", {"silver": {"alert": {}}}]},
        {("bronze", "completed"): {("audit", "pending"): (), ("silver", "failed"): [("alert", "pending")]}},
        {"bronze": {"silver": {"alert"}, "audit": set()}},
        [{"bronze": [{"silver": frozenset({("alert", "pending")})}, "audit"]}],
        {"bronze": {"silver": {"alert": ()}.keys(), "audit": {}}},
    ],
)
def test_what_is_so_passes(engine: TriggerEngine, expected: Any) -> None:
    """In any order, with statuses or without, as mappings, lists or sets."""
    assert_cascade(engine, expected)
    assert_cascade(engine, expected, root="b1")


def test_a_difference_is_drawn(engine: TriggerEngine) -> None:
    """Both trees, marked where they differ, with the reasons of what is missing and what failed."""
    with pytest.raises(AssertionError) as failure:
        assert_cascade(engine, {"bronze": {("silver", "completed"): ["gold"], "report": {}, "audit": ["later"]}})
    assert str(failure.value).splitlines() == [
        "the cascade is not as expected (- missing, + not expected, ! another status)",
        "expected:",
        "  bronze",
        "! ├─ silver completed",
        "- │  └─ gold (on_success skipped: condition_not_met)",
        "- ├─ report (no trigger was asked)",
        "  └─ audit",
        "-    └─ later (audit is pending)",
        "actual:",
        "  bronze completed",
        "! ├─ silver failed (no rows)",
        "+ │  └─ alert pending",
        "  └─ audit pending",
    ]


def test_what_a_set_misses_is_drawn_in_one_order(engine: TriggerEngine) -> None:
    """By workflow and status, whatever the order of the set in this process."""
    names = ("gold", ("copy", "pending"), "copy", "mail", "audit")
    with pytest.raises(AssertionError) as failure:
        assert_cascade(engine, {"bronze": [{"silver": set(names)}, "audit"]})
    drawn = [line.split(" (")[0] for line in str(failure.value).splitlines()]
    assert drawn[drawn.index("  bronze") : drawn.index("actual:")] == [
        "  bronze",
        "  ├─ silver",
        "- │  ├─ audit",
        "- │  ├─ copy",
        "- │  ├─ copy pending",
        "- │  ├─ gold",
        "- │  └─ mail",
        "  └─ audit",
    ]


def test_nothing_is_expected_and_something_is_there(engine: TriggerEngine) -> None:
    """An empty cascade is drawn as such."""
    with pytest.raises(AssertionError, match=r"(?s)expected:\n  \(nothing\)\nactual:\n\+ bronze completed"):
        assert_cascade(engine, {})


def test_one_workflow_may_be_started_twice(flowforge_engine: TriggerEngine) -> None:
    """By two triggers; each execution is expected by itself, and the most alike ones are compared."""
    graph_of(("a", "b"), ("a", "b", "on_completion"), ("b", "c")).create_in(flowforge_engine)
    first, _ = flowforge_engine.complete("e1", "completed", workflow_id="a").triggered
    flowforge_engine.complete(str(first.execution_id), "completed")
    assert_cascade(flowforge_engine, {"a": ["b", {"b": ["c"]}]})
    assert_cascade(flowforge_engine, {"a": [{("b", "completed"): ["c"]}, ("b", "pending")]})
    with pytest.raises(AssertionError, match=r"- └─ b"):
        assert_cascade(flowforge_engine, {"a": ["b", "b", {"b": ["c"]}]})


def test_what_names_a_status_is_compared_first(flowforge_engine: TriggerEngine) -> None:
    """An execution of any status takes none away from one whose status matters, in a list and in a set."""
    graph_of(("a", "b"), ("a", "b", "on_completion")).create_in(flowforge_engine)
    _, second = flowforge_engine.complete("e1", "completed", workflow_id="a").triggered
    flowforge_engine.complete(str(second.execution_id), "completed")
    assert_cascade(flowforge_engine, {"a": ["b", ("b", "pending")]})
    assert_cascade(flowforge_engine, {"a": {"b", ("b", "pending")}})
    assert_cascade(flowforge_engine, {"a": {"b", ("b", "completed")}})


def test_other_cascades_are_left_out_by_their_root(engine: TriggerEngine) -> None:
    """With a root only its cascade counts, without one all of them; a caused start belongs to its cause."""
    other = engine.start("gold")
    engine.start("audit", caused_by=other.id)
    assert_cascade(engine, {"gold": ["audit"]}, root=other)
    assert_cascade(engine, {"bronze": {"silver": ["alert"], "audit": {}}, "gold": ["audit"]})
    with pytest.raises(ExecutionNotFound):
        assert_cascade(engine, {}, root="nobody")


def test_an_execution_within_a_cascade_is_no_root(engine: TriggerEngine) -> None:
    """Whatever started it: the sentence names the root to pass. Silently the whole cascade would be compared."""
    (silver,) = engine.list_executions(workflow_id="silver")
    report = engine.start("gold", caused_by="b1")
    for inner in (silver, silver.id, report):
        with pytest.raises(ValueError, match=r"is not the root of its cascade.*: pass root='b1'$") as caught:
            assert_cascade(engine, {"silver": ["alert"]}, root=inner)
        assert "'bronze'" in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        "bronze",
        {"bronze": "silver"},
        [3],
        {3},
        {("silver", "done")},
        {"bronze": b"silver"},
        {("bronze", "done"): {}},
        {("a", "b", "c"): {}},
    ],
)
def test_what_is_no_cascade_is_refused(engine: TriggerEngine, bad: Any) -> None:
    """With a sentence about the part that cannot be read."""
    with pytest.raises(ValueError, match=r"^(a cascade|an execution) is"):
        assert_cascade(engine, bad)
