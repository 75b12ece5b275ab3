"""What may be an id or a name, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from flowforge_graph import DependencyTrigger, InvalidTrigger, InvalidWorkflow, ManualTrigger, Workflow
from flowforge_graph.model.ids import checked_text, is_storable_text, shown, storable_text

GOOD = [
    "a",
    "0",
    "x" * 200,
    "Kunden-Import",
    "größer",
    "数据",
    "a b",
    "a.b",
    "...",
    "-",
    "a:b",
    "a%2Fb",
    "émoji 🎉",
    "café",
]
BAD: list[tuple[Any, str]] = [
    ("", "must have 1 to 200 characters, not ''"),
    ("x" * 201, "must have 1 to 200 characters"),
    (" a", "must not begin or end with a space, not ' a'"),
    ("a ", "must not begin or end with a space"),
    ("a/b", "must have printable characters only, without slash or backslash, not 'a/b'"),
    ("a\\b", "must have printable characters only"),
    ("a\nb", "must have printable characters only"),
    ("a\tb", "must have printable characters only"),
    ("a\0b", "must have printable characters only"),
    ("a\x7fb", "must have printable characters only"),
    ("a\u200bb", "must have printable characters only"),
    ("a\u202eb", "must have printable characters only"),
    ("a\ud800", "must have printable characters only"),
    (".", "must be a name, not '.'"),
    ("..", "must be a name, not '..'"),
    (None, "must be text, not None"),
    (5, "must be text, not 5"),
    (b"a", "must be text, not b'a'"),
    (True, "must be text, not True"),
]


@pytest.mark.parametrize("text", GOOD)
def test_good_ids(text: str) -> None:
    """Everything printable that can stand in one segment of a path."""
    assert Workflow(id=text).id == text
    assert ManualTrigger(workflow_id=text, id=text).id == text


@pytest.mark.parametrize(("value", "message"), BAD)
def test_bad_ids(value: Any, message: str) -> None:
    """One sentence with the field and the value, wherever an id is wanted."""
    with pytest.raises(InvalidWorkflow) as refused:
        Workflow(id=value)
    assert str(refused.value).startswith(f"workflow id {message}")
    with pytest.raises(InvalidTrigger) as of_trigger:
        ManualTrigger(workflow_id="a", id=value)
    assert f"id {message}" in str(of_trigger.value)
    with pytest.raises(InvalidTrigger) as of_upstream:
        DependencyTrigger(workflow_id="a", depends_on_workflow_id=value)
    assert f"depends_on_workflow_id {message}" in str(of_upstream.value)


def test_reserved_words() -> None:
    """What REST paths already use: of workflows one, of triggers three."""
    with pytest.raises(InvalidWorkflow, match="workflow id must not be a reserved word, not 'available-upstream'"):
        Workflow(id="available-upstream")
    for word in ("dependencies", "schedule", "validate-dependency"):
        with pytest.raises(InvalidTrigger, match="id must not be a reserved word"):
            ManualTrigger(workflow_id="a", id=word)
        assert Workflow(id=word).id == word
    assert ManualTrigger(workflow_id="a", id="available-upstream").id == "available-upstream"


def test_ids_are_made_when_left_out() -> None:
    """Each its own."""
    assert ManualTrigger(workflow_id="a").id != ManualTrigger(workflow_id="a").id


def test_long_values_are_shortened_in_messages() -> None:
    """A hostile value cannot flood a log."""
    for value in ("x" * 10_000, list(range(10_000)), {"a": "x" * 10_000}):
        assert len(shown(value)) <= 120
    with pytest.raises(InvalidWorkflow) as refused:
        Workflow(id="x" * 10_000)
    assert "(10,000 characters)" in str(refused.value)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain", "plain"),
        ("a\0b", "a\ufffdb"),
        ("a\ud800b\udfff", "a\ufffdb\ufffd"),
        ("0123456789", "0123456789"),
        ("01234567890", "012345678…"),
        ("🎉" * 10, "🎉" * 10),
    ],
)
def test_text_from_outside_is_cut_and_cleaned(text: str, kept: str) -> None:
    """What an execution wrote is kept as far as a database can hold it."""
    assert storable_text(text, limit=10) == kept
    assert is_storable_text(kept)
    kept.encode()


@pytest.mark.parametrize("text", ["a\0", "\udc00", "x" * 11, 5, None])
def test_text_of_callers_is_refused_instead(text: Any) -> None:
    """A description is a caller's own."""
    with pytest.raises(ValueError, match="description must"):
        checked_text(text, field="description", limit=10)
