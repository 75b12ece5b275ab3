"""JSON objects that travel with executions: what every database can hold, and a copy of its own."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph import EventTrigger, InvalidTrigger
from flowforge_graph.model.json_values import MAX_JSON_CHARACTERS, MAX_JSON_DEPTH, checked_json_object

_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
)


@given(st.dictionaries(_TEXT, _JSON, max_size=5))
def test_json_comes_back_equal_and_independent(value: dict[str, Any]) -> None:
    """A deep copy: what the caller changes later changes nothing."""
    copy = checked_json_object(value, field="parameters")
    assert copy == value
    for name, inner in value.items():
        if isinstance(inner, list | dict):
            assert copy[name] is not inner


@pytest.mark.parametrize(
    "value",
    [
        {"a": math.nan},
        {"a": math.inf},
        {"a": [-math.inf]},
        {"a": "\0"},
        {"\0": 1},
        {"a": "\ud800"},
        {"\udfff": 1},
        {"a": {1}},
        {"a": b"x"},
        {"a": object()},
        {"a": 1 + 2j},
        {1: "a"},
        {"a": {None: 1}},
        {"a": {True: 1}},
        [],
        "text",
        None,
        5,
    ],
)
def test_what_is_not_json_is_refused(value: Any) -> None:
    """One sentence names the field."""
    with pytest.raises(ValueError, match=r"^event_config must") as refused:
        checked_json_object(value, field="event_config")
    assert len(str(refused.value)) < 300


def nested(depth: int) -> dict[str, Any]:
    """A value so many levels deep."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_depth_is_bounded() -> None:
    """64 levels, and no depth exhausts the stack."""
    assert checked_json_object(nested(MAX_JSON_DEPTH), field="x") == nested(MAX_JSON_DEPTH)
    for depth in (MAX_JSON_DEPTH + 1, 5_000):
        with pytest.raises(ValueError, match="x must be at most 64 levels deep"):
            checked_json_object(nested(depth), field="x")


def test_size_is_bounded() -> None:
    """A mebibyte as text; and what holds itself is refused before it fills the memory."""
    room = MAX_JSON_CHARACTERS - len('{"a": ""}')
    assert checked_json_object({"a": "x" * room}, field="x")
    with pytest.raises(ValueError, match="x must have at most 1,048,576 characters as JSON, not 1,048,577"):
        checked_json_object({"a": "x" * (room + 1)}, field="x")
    knot: list[Any] = []
    knot += [knot, knot]
    with pytest.raises(ValueError, match="x must have at most 1,048,576 characters"):
        checked_json_object({"a": knot}, field="x")
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(ValueError, match="levels deep"):
        checked_json_object(loop, field="x")


def test_other_mappings_and_tuples_become_json() -> None:
    """At the root any mapping; tuples are lists."""
    assert checked_json_object(MappingProxyType({"a": (1, (2,))}), field="x") == {"a": [1, [2]]}
    config = EventTrigger(workflow_id="a", event_type="e", event_config={"a": [1]}).event_config
    assert config == {"a": [1]}
    with pytest.raises(InvalidTrigger, match="event_config must be a JSON object, not 'text'"):
        EventTrigger(workflow_id="a", event_type="e", event_config="text")  # type: ignore[arg-type]
