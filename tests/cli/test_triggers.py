"""``triggers``: what can be created, changed and refused?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Answer

Cli = Callable[..., Answer]
WriteFile = Callable[..., str]

KEYS = {
    "id",
    "workflowId",
    "triggerType",
    "enabled",
    "triggerName",
    "cronExpression",
    "timezone",
    "nextRunAt",
    "lastRunAt",
    "dependsOnWorkflowId",
    "dependsOnWorkflowName",
    "dependencyCondition",
    "delayMinutes",
    "eventType",
    "eventConfig",
    "createdAt",
    "updatedAt",
}


@pytest.fixture
def stored(cli: Cli, write_file: WriteFile) -> Cli:
    """A database with the workflows a and b."""
    assert cli("apply", write_file("a: {name: Alpha}\nb: {}\n")).code == 0
    return cli


def create(cli: Cli, *words: str) -> Any:
    """Create a trigger and answer its document."""
    answer = cli("triggers", "create", *words, "--json")
    assert answer.code == 0, answer.err
    return answer.document["trigger"]


def test_a_dependency_has_every_documented_key(stored: Cli) -> None:
    """The shape T: every key for every kind, null where a kind has none."""
    trigger = create(
        stored, "b", "--type", "dependency", "--depends-on", "a", "--condition", "on_failure", "--delay-minutes", "5",
        "--name", "After a",
    )  # fmt: skip
    assert set(trigger) == KEYS
    assert trigger["triggerType"] == "dependency"
    assert (trigger["dependsOnWorkflowId"], trigger["dependsOnWorkflowName"]) == ("a", "Alpha")
    assert (trigger["dependencyCondition"], trigger["delayMinutes"]) == ("on_failure", 5)
    assert (trigger["enabled"], trigger["triggerName"]) == (True, "After a")
    assert trigger["cronExpression"] is None


def test_a_schedule_says_when_it_runs_next(stored: Cli) -> None:
    """nextRunAt is in Unix seconds."""
    trigger = create(
        stored, "a", "--type", "scheduled", "--cron", "0 2 * * *", "--timezone", "Europe/Berlin",
        "--misfire-policy", "skip",
    )  # fmt: skip
    assert set(trigger) == KEYS
    assert (trigger["cronExpression"], trigger["timezone"]) == ("0 2 * * *", "Europe/Berlin")
    assert trigger["nextRunAt"] > trigger["createdAt"]


def test_an_event_keeps_its_configuration(stored: Cli) -> None:
    """The JSON object comes back as it was given."""
    trigger = create(stored, "a", "--type", "event", "--event-type", "file.arrived", "--event-config", '{"path": "/x"}')
    assert (trigger["eventType"], trigger["eventConfig"]) == ("file.arrived", {"path": "/x"})


def test_a_manual_trigger_may_be_created_disabled(stored: Cli) -> None:
    """--disabled stores it without letting it start anything."""
    trigger = create(stored, "a", "--type", "manual", "--disabled")
    assert (trigger["triggerType"], trigger["enabled"]) == ("manual", False)


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("b", "--type", "dependency", "--depends-on", "b"), 3, "b → b"),
        (("b", "--type", "dependency", "--depends-on", "z"), 4, "there is no workflow 'z'"),
        (("z", "--type", "manual"), 4, "there is no workflow 'z'"),
        (("b", "--type", "dependency"), 2, "a dependency trigger needs --depends-on"),
        (("b", "--type", "scheduled"), 2, "a scheduled trigger needs --cron"),
        (("b", "--type", "event"), 2, "an event trigger needs --event-type"),
        (("b",), 2, "missing option '--type'"),
        (("b", "--type", "manual", "--cron", "@daily"), 2, "--cron belongs to scheduled triggers"),
        (("b", "--type", "event", "--event-type", "x", "--condition", "on_success"), 2, "--condition belongs to"),
        (("b", "--type", "dependency", "--depends-on", "a", "--delay-minutes", "61"), 2, "not 61"),
        (("b", "--type", "dependency", "--depends-on", "a", "--delay-minutes", "-1"), 2, "not -1"),
        (
            ("b", "--type", "dependency", "--depends-on", "a", "--delay-minutes", "2.5"),
            2,
            "'2.5' is not a whole number",
        ),
        (("b", "--type", "dependency", "--depends-on", "a", "--condition", "later"), 2, "'later' is not one of"),
        (("b", "--type", "scheduled", "--cron", "* * * * * *"), 2, "has 6 fields"),
        (("b", "--type", "scheduled", "--cron", "0 0 30 2 *"), 2, "can never fire"),
        (("b", "--type", "scheduled", "--cron", "@daily", "--timezone", "Mars"), 2, "'Mars'"),
        (("b", "--type", "event", "--event-type", "a/b"), 2, "event_type"),
        (("b", "--type", "event", "--event-type", "x", "--event-config", "{"), 2, "must be a JSON object"),
        (("b", "--type", "event", "--event-type", "x", "--event-config", "[1]"), 2, "must be a JSON object"),
        (("b", "--type", "event", "--event-type", "x", "--event-config", "[" * 100_000), 2, "must be a JSON object"),
        (("b", "--type", "manual", "--name", "one\ntwo"), 2, "trigger_name"),
        (("x" * 10_000, "--type", "manual"), 2, "1 to 200 characters"),
        (("a\nb", "--type", "manual"), 2, "printable"),
        (("", "--type", "manual"), 2, "1 to 200 characters"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_stored_is_refused(stored: Cli, words: tuple[str, ...], code: int, complaint: str) -> None:
    """One sentence, the right exit code, nothing stored."""
    answer = stored("triggers", "create", *words)
    assert answer.code == code
    assert complaint in answer.err
    assert answer.err.count("\n") == 1
    assert len(answer.err) < 1_100
    assert stored("triggers", "list", "--json").document == {"triggers": []}


def test_an_equal_dependency_is_a_conflict(stored: Cli) -> None:
    """Exit code 1; the stored one stays alone."""
    words = ("b", "--type", "dependency", "--depends-on", "a")
    create(stored, *words)
    assert stored("triggers", "create", *words).code == 1
    assert len(stored("triggers", "list", "b", "--json").document["triggers"]) == 1


def test_update_changes_only_what_is_given(stored: Cli) -> None:
    """Everything else stays as it was, the id too; an empty name clears the name."""
    before = create(stored, "b", "--type", "dependency", "--depends-on", "a", "--name", "After a")
    after = stored("triggers", "update", before["id"], "--delay-minutes", "7", "--json").document["trigger"]
    assert after == {**before, "delayMinutes": 7, "updatedAt": after["updatedAt"]}
    cleared = stored("triggers", "update", before["id"], "--name", "", "--json").document["trigger"]
    assert cleared["triggerName"] is None
    assert cleared["delayMinutes"] == 7


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        ((), 2, "nothing to change was given"),
        (("--cron", "@daily"), 2, "--cron belongs to scheduled triggers, and this one is dependency"),
        (("--delay-minutes", "61"), 2, "not 61"),
        (("--depends-on", "b"), 3, "b → b"),
        (("--depends-on", "z"), 4, "'z'"),
    ],
    ids=str,
)
def test_a_refused_update_changes_nothing(stored: Cli, words: tuple[str, ...], code: int, complaint: str) -> None:
    """The stored trigger is the same as before."""
    before = create(stored, "b", "--type", "dependency", "--depends-on", "a")
    answer = stored("triggers", "update", before["id"], *words)
    assert answer.code == code
    assert complaint in answer.err
    assert stored("triggers", "list", "--json").document["triggers"] == [before]


def test_triggers_are_disabled_enabled_and_deleted(stored: Cli) -> None:
    """Each answers in one line what it did, and is not found afterwards."""
    trigger_id = create(stored, "b", "--type", "dependency", "--depends-on", "a")["id"]
    disabled = stored("triggers", "disable", trigger_id)
    assert disabled.out == f"disabled trigger {trigger_id}: b starts on_success of a, disabled\n"
    assert stored("triggers", "enable", trigger_id, "--json").document["trigger"]["enabled"] is True
    assert stored("triggers", "delete", trigger_id, "--json").document == {"success": True}
    for command in ("enable", "disable", "delete", "history"):
        answer = stored("triggers", command, trigger_id)
        assert (answer.code, answer.err) == (4, f"error: there is no trigger '{trigger_id}'\n")
    assert stored("triggers", "update", trigger_id, "--name", "x").code == 4


def test_the_list_is_newest_first_and_may_be_of_one_workflow(stored: Cli) -> None:
    """A table where nobody asks for JSON: ids are whole."""
    first = create(stored, "a", "--type", "manual")["id"]
    second = create(stored, "b", "--type", "manual")["id"]
    assert [t["id"] for t in stored("triggers", "list", "--json").document["triggers"]] == [second, first]
    assert [t["id"] for t in stored("triggers", "list", "a", "--json").document["triggers"]] == [first]
    head, *rows = stored("triggers", "list").out.splitlines()
    assert head.split() == ["TRIGGER", "WORKFLOW", "TYPE", "ENABLED", "STARTS", "IT", "NEXT", "RUN"]
    assert [row.split()[0] for row in rows] == [second, first]


def test_the_history_of_a_trigger_names_its_executions(stored: Cli) -> None:
    """Newest first; triggeredAt is ISO 8601."""
    trigger_id = create(stored, "b", "--type", "dependency", "--depends-on", "a")["id"]
    assert stored("triggers", "history", trigger_id).err == "this trigger has started nothing yet\n"
    for execution in ("one", "two"):
        stored("complete", execution, "--workflow", "a", "--status", "completed")
    history = stored("triggers", "history", trigger_id, "--json").document["history"]
    assert [set(row) for row in history] == [{"executionId", "status", "triggeredAt", "duration"}] * 2
    assert [row["status"] for row in history] == ["pending", "pending"]
    assert all(row["triggeredAt"].endswith("+00:00") for row in history)
    assert len(stored("triggers", "history", trigger_id, "--limit", "1", "--json").document["history"]) == 1
