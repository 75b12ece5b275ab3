"""JSON objects that travel with executions: parameters, payloads, event configurations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from flowforge_graph.errors import shown
from flowforge_graph.model.ids import is_storable_text

MAX_JSON_DEPTH: Final = 64
MAX_JSON_CHARACTERS: Final = 1_048_576

JsonObject = dict[str, Any]


def checked_json_object(value: object, *, field: str) -> JsonObject:
    """Return a deep copy of ``value`` if it is a JSON object that every database can hold, else raise ValueError.

    At most 64 levels deep and 1 MiB as text; finite numbers only; no NUL, no lone surrogates.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"{field} must be a JSON object, not {shown(value)}")
    value = dict(value)
    _refuse_what_is_not_json(value, field)
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > MAX_JSON_CHARACTERS:
        raise ValueError(f"{field} must have at most {MAX_JSON_CHARACTERS:,} characters as JSON, not {len(text):,}")
    copy: JsonObject = json.loads(text)
    return copy


def _refuse_what_is_not_json(root: object, field: str) -> None:
    """Walk the value level by level: no recursion, so that no depth can exhaust the stack."""
    level: list[object] = [root]
    count = 0
    for _ in range(MAX_JSON_DEPTH):
        inner_values: list[object] = []
        for value in level:
            inner_values += _inner_values(value, field)
            # A small value that holds itself twice would fill the memory long before it is too deep.
            if count + len(inner_values) > MAX_JSON_CHARACTERS:
                raise ValueError(f"{field} must have at most {MAX_JSON_CHARACTERS:,} characters as JSON")
        if not inner_values:
            return
        count += len(inner_values)
        level = inner_values
    raise ValueError(f"{field} must be at most {MAX_JSON_DEPTH} levels deep")


def _inner_values(value: object, field: str) -> list[object]:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise ValueError(f"{field} must have text as keys only")
        return [*value, *value.values()]
    if isinstance(value, list | tuple):
        return list(value)
    if value is None or isinstance(value, bool | int):
        return []
    if isinstance(value, float) and math.isfinite(value):
        return []
    if isinstance(value, str) and is_storable_text(value):
        return []
    raise ValueError(f"{field} must hold JSON values only (no NUL, no lone surrogates), not {shown(value)}")
