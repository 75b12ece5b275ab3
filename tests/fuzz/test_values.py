"""Fuzz targets: cron expressions, zone names, ids and names, mappings of fields, JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.errors import InvalidSchedule, InvalidWorkflow
from flowforge_graph.model import Completion, Workflow, parse_run, parse_trigger
from flowforge_graph.model.ids import MAX_ID_LENGTH, checked_id, checked_name, checked_text
from flowforge_graph.model.json_values import MAX_JSON_CHARACTERS, MAX_JSON_DEPTH, checked_json_object
from flowforge_graph.schedules import CronExpression, describe, first_fire_time_after, zone, zone_names
from tests.fuzz.refusals import accepted
from tests.schedules.strategies import cron_texts
from tests.support.nasty import nasty_texts

START = datetime(2026, 3, 7, 12, tzinfo=UTC)
CRON_PIECES = st.sampled_from(
    [*"0123456789*/-,LW#?R@ \t", "JAN", "sun", "MON", "@daily", "60", "31", "2", "\u0663", "²"]
)


def spoilt(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Good texts with something nasty in the place of a piece of them."""
    return st.builds(
        lambda text, at, length, piece: text[:at] + piece + text[at + length :],
        texts,
        st.integers(0, 60),
        st.integers(0, 5),
        nasty_texts() | CRON_PIECES,
    )


@given(text=spoilt(cron_texts()) | st.lists(CRON_PIECES, max_size=80).map("".join) | nasty_texts() | st.text())
def test_cron_expressions(text: str) -> None:
    """An accepted one is five fields or a name of ours, reads back as itself, is described, and fires."""
    expression = accepted(lambda: CronExpression.parse(text), size=len(text), refusals=(InvalidSchedule,))
    if expression is not None:
        assert len(text) <= 256
        assert CronExpression.parse(str(expression)) == expression
        assert describe(expression).isprintable()
        first = accepted(lambda: first_fire_time_after(expression, zone("Europe/Berlin"), START), size=0)
        assert first is not None
        assert first > START


@given(text=spoilt(st.sampled_from(zone_names())) | nasty_texts() | st.text(max_size=500))
def test_zone_names(text: str) -> None:
    """An accepted one is the zone of that very name."""
    where = accepted(lambda: zone(text), size=len(text), refusals=(InvalidSchedule,))
    assert where is None or where.key == text


@given(text=nasty_texts() | st.text(max_size=300) | st.sampled_from(["x" * 200, "x" * 201, ".", "..", " a", "a/b"]))
def test_ids_names_and_texts(text: str) -> None:
    """Accepted ids and names print and fit a path; accepted texts can be written as UTF-8."""
    identifier = accepted(lambda: checked_id(text, field="id"), size=len(text), refusals=(ValueError,))
    name = accepted(lambda: checked_name(text, field="name"), size=len(text), refusals=(ValueError,))
    kept = accepted(lambda: checked_text(text, field="text", limit=100), size=len(text), refusals=(ValueError,))
    assert identifier in (None, text)
    assert identifier is None or not set(text) & set("/\\")
    for shown in (identifier, name):
        assert shown is None or (shown.isprintable() and 1 <= len(shown) <= MAX_ID_LENGTH)
    assert kept is None or ("\0" not in kept and kept.encode("utf-8").decode("utf-8") == text)


def json_like() -> st.SearchStrategy[Any]:
    """What a program may hand over as JSON: mostly JSON, sometimes not quite."""
    scalars = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.integers(10**300, 10**301)
        | st.floats()
        | nasty_texts()
        | st.binary(max_size=3)
        | st.sampled_from([object(), {1, 2}, 1j, b"\xff", range(3)])
    )
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(nasty_texts(), inner, max_size=4)
            | st.dictionaries(st.integers() | st.none(), inner, max_size=2)
            | st.tuples(inner, inner)
            | inner.map(deeply_nested)
        ),
        max_leaves=12,
    )


def deeply_nested(value: Any) -> Any:
    """The value in lists, sixty of them: with what stands around it, at the limit of depth or beyond."""
    for _ in range(MAX_JSON_DEPTH - 4):
        value = [value]
    return value


# Made once: a strategy is checked when it is first drawn from.
JSON_LIKE = json_like()


@given(value=st.dictionaries(nasty_texts(), JSON_LIKE, max_size=4) | JSON_LIKE)
def test_json_objects(value: Any) -> None:
    """What is accepted is a copy that JSON writes and reads as it is, in UTF-8."""
    copy = accepted(lambda: checked_json_object(value, field="parameters"), size=2_000, refusals=(ValueError,))
    if copy is not None:
        text = json.dumps(copy, ensure_ascii=False, allow_nan=False)
        assert json.loads(text) == copy
        assert len(text.encode("utf-8")) <= 4 * MAX_JSON_CHARACTERS


FIELDS = {
    "id": ["t", "schedule"],
    "workflow_id": ["w", "available-upstream"],
    "trigger_type": ["manual", "scheduled", "dependency", "event"],
    "enabled": [True, False],
    "trigger_name": ["n"],
    "cron_expression": ["0 2 * * *", "@daily", "0 0 30 2 *"],
    "timezone": ["UTC", "Europe/Berlin", "localtime"],
    "misfire_policy": ["latest", "all"],
    "depends_on_workflow_id": ["u"],
    "dependency_condition": ["on_success", "on_failure"],
    "delay_minutes": [0, 60, 61, 10**400],
    "event_type": ["paid"],
    "event_config": [{}, {"a": [1]}],
    "name": ["Name"],
    "description": ["text"],
    "tags": [["a", "b"], "a", ["a"] * 51],
    "run": [{"command": ["x"]}, {"python": "m:f"}, {"prefect": "f/d"}, {"command": ["x"], "timeout_seconds": 5}],
    "execution_id": ["e"],
    "status": ["completed", "failed", "cancelled", "running"],
    "error": ["broke"],
    "output": ["said"],
    "duration_ms": [5],
    "created_at": [START, datetime(2026, 1, 1)],
}


def mappings() -> st.SearchStrategy[dict[str, Any]]:
    """Fields of all kinds of value with good, nearly good and nasty values, and fields that nobody knows."""
    known = st.sampled_from(sorted(FIELDS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(FIELDS[name]) | JSON_LIKE)
    )
    unknown = st.tuples(nasty_texts(), JSON_LIKE)
    return st.lists(known | known | known | unknown, max_size=10).map(dict)


@given(fields=mappings(), kind=st.sampled_from(FIELDS["trigger_type"]))
def test_trigger_mappings(fields: dict[str, Any], kind: str) -> None:
    """An accepted trigger is equal to the one made of its own fields."""
    fields = {"trigger_type": kind, "workflow_id": "w"} | fields
    trigger = accepted(lambda: parse_trigger(fields), size=5_000)
    if trigger is not None:
        assert parse_trigger({name: getattr(trigger, name) for name in type(trigger).model_fields}) == trigger


@given(fields=mappings())
def test_workflow_mappings(fields: dict[str, Any]) -> None:
    """An accepted workflow is equal to itself changed in nothing; so is its run."""
    workflow = accepted(lambda: Workflow(**({"id": "w"} | fields)), size=5_000)
    assert workflow is None or workflow.evolve() == workflow
    run = accepted(lambda: parse_run(fields.get("run", fields)), size=5_000, refusals=(InvalidWorkflow,))
    assert run is None or parse_run(run.model_dump(exclude_none=True)) == run


@given(fields=mappings())
def test_completion_mappings(fields: dict[str, Any]) -> None:
    """An accepted completion is equal to itself changed in nothing, and its texts can be stored."""
    completion = accepted(lambda: Completion(**({"execution_id": "e", "status": "failed"} | fields)), size=5_000)
    if completion is not None:
        assert completion.evolve() == completion
        assert "\0" not in f"{completion.error}{completion.output}{completion.reason}"
