"""``workflows``, ``executions``, ``complete``, ``prune`` and ``graph``: what do they answer?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from flowforge_graph import ExternalEnd, TriggerEngine
from flowforge_graph.cli.options import DEFAULT_DATABASE
from tests.cli.conftest import Answer

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]

LINE = """
a: {name: Alpha, description: The first, tags: [x], run: {command: [echo, "hello  you"]}}
b:
  run: {python: "module:function"}
  triggers:
    - {type: dependency, depends_on: a, delay_minutes: 5}
    - {type: scheduled, cron: "0 2 * * *"}
c: {triggers: [{type: dependency, depends_on: b, condition: on_failure}]}
"""


@pytest.fixture
def stored(cli: Cli, write_file: WriteFile) -> Cli:
    """A database with the line a → b → c."""
    assert cli("apply", write_file(LINE)).code == 0
    return cli


def only(cli: Cli, *words: str) -> Any:
    """The one execution that a list answers."""
    (execution,) = cli("executions", "list", *words, "--json").document["executions"]
    return execution


def test_workflows_are_listed_by_id_with_next_run_and_triggers(stored: Cli) -> None:
    """W carries what a list needs; the table shows the command as one would type it."""
    documents = stored("workflows", "list", "--json").document["workflows"]
    assert [document["id"] for document in documents] == ["a", "b", "c"]
    assert documents[0]["run"] == {"command": ["echo", "hello  you"]}
    assert [document["triggerCount"] for document in documents] == [0, 2, 1]
    assert documents[0]["nextRunAt"] is None
    assert documents[1]["nextRunAt"] > datetime.now(UTC).timestamp() - 60
    assert "echo 'hello  you'" in stored("workflows", "list").out


def test_a_workflow_is_shown_with_what_starts_it_and_what_it_starts(stored: Cli) -> None:
    """Everything about one workflow on one screen."""
    shown = stored("workflows", "show", "b").out
    assert "on_success of a, 5 minutes later" in shown
    assert "schedule '0 2 * * *' UTC" in shown
    assert shown.splitlines()[-1].split() == ["starts", "c"]
    assert stored("workflows", "show", "b", "--json").document["workflow"]["triggerCount"] == 2


def test_deleting_a_workflow_says_what_went(stored: Cli) -> None:
    """Triggers into and out of it, and its pending executions; without a terminal nobody is asked."""
    stored("complete", "e", "--workflow", "a", "--status", "completed")
    pending = only(stored, "--workflow", "b")
    answer = stored("workflows", "delete", "b")
    assert answer.out.startswith("deleted workflow 'b' with 3 triggers; cancelled 1 pending execution\n")
    assert pending["id"] in answer.out
    cancelled = stored("executions", "show", pending["id"], "--json").document["execution"]
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", "workflow_deleted")
    assert stored("workflows", "delete", "b").code == 4


def test_deletion_as_json(stored: Cli) -> None:
    """The document names ids."""
    document = stored("workflows", "delete", "a", "--yes", "--json").document
    assert (document["success"], document["workflowId"], document["cancelledExecutionIds"]) == (True, "a", [])
    assert len(document["deletedTriggerIds"]) == 1


def test_a_completion_answers_what_it_triggered_and_skipped(stored: Cli) -> None:
    """The documented shape; the same again answers the same and starts nothing."""
    words = ("complete", "e", "--workflow", "a", "--status", "completed", "--json")
    first, second = stored(*words).document, stored(*words).document
    assert first == second
    assert (first["triggeredCount"], first["skippedCount"], first["skipped"]) == (1, 0, [])
    (triggered,) = first["triggered"]
    assert set(triggered) == {
        "triggerId",
        "workflowId",
        "workflowName",
        "executionId",
        "condition",
        "delayMinutes",
        "runAfter",
    }
    started = only(stored, "--workflow", "b")
    assert (triggered["executionId"], triggered["runAfter"]) == (started["id"], started["runAfter"])
    assert started["runAfter"] - started["createdAt"] == 300


def test_a_skipped_trigger_says_why(stored: Cli) -> None:
    """A reason code for programs, a sentence for people."""
    document = stored("complete", "e", "--workflow", "b", "--status", "completed", "--json").document
    assert [(skip["workflowId"], skip["reason"]) for skip in document["skipped"]] == [("c", "condition_not_met")]
    assert "skipped      c: on_failure of b, which completed" in stored("executions", "show", "e").out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("e", "--workflow", "a", "--status", "failed"), 1),
        (("e", "--workflow", "b", "--status", "completed"), 2),
        (("new", "--workflow", "z", "--status", "completed"), 4),
        (("new", "--workflow", "a", "--status", "running"), 2),
        (("a/b", "--workflow", "a", "--status", "completed"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_completion_is_refused(stored: Cli, words: tuple[str, ...], code: int) -> None:
    """Another status is a conflict, another workflow is a bad value, an unknown one is not found."""
    stored("complete", "e", "--workflow", "a", "--status", "completed")
    answer = stored("complete", *words)
    assert (answer.code, answer.out) == (code, "")
    assert len(stored("executions", "list", "--json").document["executions"]) == 2


def test_an_execution_has_every_key_of_its_shape(stored: Cli) -> None:
    """E carries how it came about; list and show agree, show adds the output and what contradicted the end."""
    stored("complete", "e", "--workflow", "a", "--status", "completed")
    listed = only(stored, "--trigger-type", "dependency")
    assert listed["status"] == "pending"
    assert (listed["triggerType"], listed["dependencyCondition"], listed["hop"]) == ("dependency", "on_success", 1)
    assert (listed["upstreamExecutionId"], listed["rootExecutionId"]) == ("e", "e")
    shown = stored("executions", "show", listed["id"], "--json").document["execution"]
    assert shown == {**listed, "output": None, "conflictingStatus": None}


def test_a_contradicted_end_is_shown(stored: Cli) -> None:
    """Prefect takes another end for the same run: who asks why nothing ran again is told."""
    with TriggerEngine(DEFAULT_DATABASE) as engine:
        for status in ("completed", "failed"):
            engine.record_external_ends([ExternalEnd(external_id="flow-run", workflow_id="a", status=status)])
    assert "flow-run; it was told to be failed later" in stored("executions", "show", "flow-run").out


def test_a_list_can_be_narrowed_and_limited(stored: Cli) -> None:
    """By workflow, status and kind of trigger; newest first."""
    for number in range(3):
        stored("complete", f"e{number}", "--workflow", "a", "--status", "failed", "--error", "disk full")
    ids = [e["id"] for e in stored("executions", "list", "--status", "failed", "--json").document["executions"]]
    assert ids == ["e2", "e1", "e0"]
    assert only(stored, "--workflow", "a", "--limit", "1")["error"] == "disk full"
    assert stored("executions", "list", "--status", "running").err == "there are no executions\n"


def test_cancelling_twice_answers_the_same_and_what_ended_is_a_conflict(stored: Cli) -> None:
    """A pending execution ends at once."""
    stored("complete", "e", "--workflow", "a", "--status", "completed")
    pending = only(stored, "--workflow", "b")["id"]
    first, second = (stored("executions", "cancel", pending, "--json") for _ in range(2))
    assert first.document == second.document
    assert first.document["execution"]["status"] == "cancelled"
    assert stored("executions", "cancel", "e").code == 1
    assert stored("executions", "cancel", "none").code == 4


def test_neighbours_are_listed_in_topological_order(stored: Cli) -> None:
    """All the way, or as deep as asked."""
    assert stored("graph", "upstream", "c").out == "a\nb\n"
    assert stored("graph", "downstream", "a").out == "b\nc\n"
    assert stored("graph", "upstream", "c", "--depth", "1", "--json").document == {
        "workflowId": "c",
        "workflows": ["b"],
    }
    assert stored("graph", "upstream", "a").out == ""
    assert stored("graph", "downstream", "z").code == 4
    assert stored("graph", "downstream", "a", "--depth", "0").code == 2


def test_prune_removes_what_ended_before(stored: Cli) -> None:
    """Whole ended cascades go; a late duplicate still starts nothing."""
    stored("complete", "e", "--workflow", "c", "--status", "completed")
    assert stored("prune", "--before", "2020-01-01T00:00:00Z", "--json").document["cascades"] == 0
    assert stored("prune", "--before", "2999-01-01T00:00:00+01:00", "--json").document == {
        "cascades": 1,
        "executions": 1,
        "verdicts": 0,
    }
    assert stored("executions", "list", "--json").document == {"executions": []}
    assert stored("complete", "e", "--workflow", "c", "--status", "completed", "--json").document["triggered"] == []
    assert stored("executions", "list", "--json").document == {"executions": []}


@pytest.mark.parametrize("before", ["2026-01-01", "2026-01-01T00:00:00", "yesterday", "", "0001-01-01T00:00:00+14:00"])
def test_prune_wants_an_instant(stored: Cli, before: str) -> None:
    """A time without a zone, or none at all, is a bad value."""
    answer = stored("prune", "--before", before)
    assert answer.code == 2
    assert answer.err.startswith("error: --before ")
