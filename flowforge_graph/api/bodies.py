"""Bodies as they are read: strict JSON, and what is wrong with one in one sentence."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection, Sequence
from typing import Any, Final, NoReturn

from fastapi import Request

from flowforge_graph.api.refusals import BadRequest
from flowforge_graph.api.requests import FIELD_NAMES
from flowforge_graph.errors import shown
from flowforge_graph.model.values import complaint

# Parameters may be 64 levels deep; the body around them is a few more.
MAX_BODY_DEPTH: Final = 72
# More than any double holds; Python itself stops reading at 4,300.
MAX_DIGITS: Final = 1_000


class StrictRequest(Request):
    """A request whose JSON is strict: finite numbers, no key twice, not too deep, in UTF-8 and sent as it is."""

    async def json(self) -> Any:
        """The body as plain values. Raises BadRequest."""
        if not hasattr(self, "_json"):
            _refuse_coding(self.headers.get("content-encoding", "identity"))
            self._json = _parsed(await self.body())
        return self._json


def _refuse_coding(coding: str) -> None:
    if coding.lower() != "identity":
        raise BadRequest(f"the body must be sent without a Content-Encoding, not as {shown(coding)}")


def _parsed(body: bytes) -> Any:
    try:
        # Decoded here: of bytes, json.loads takes UTF-16, UTF-32 and lone surrogates too.
        value = _JSON.decode(body.decode())
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(f"the body is not JSON: {error.msg[:1].lower()}{error.msg[1:]}, at {where}") from error
    except RecursionError:
        raise BadRequest(f"the body must be at most {MAX_BODY_DEPTH} levels deep") from None
    except UnicodeDecodeError as error:
        raise BadRequest("the body is not UTF-8") from error
    _refuse_depth(value)
    return value


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BadRequest(f"the body holds the number {shown(text)}, which is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise BadRequest(f"the body holds a number of {len(text):,} characters: at most {MAX_DIGITS} are read")
    return int(text)


def _refuse_constant(constant: str) -> NoReturn:
    raise BadRequest(f"the body holds {constant}, which is not JSON")


def _object_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadRequest(f"the body has the key {shown(twice)} twice")
    return value


_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_object_of, parse_float=_finite, parse_int=_whole, parse_constant=_refuse_constant
)


def _refuse_depth(root: object) -> None:
    """Level by level: no recursion, so that no depth can exhaust the stack."""
    level = [root]
    for _ in range(MAX_BODY_DEPTH):
        level = [inner for value in level if isinstance(value, dict | list) for inner in _inner(value)]
        if not level:
            return
    raise BadRequest(f"the body must be at most {MAX_BODY_DEPTH} levels deep")


def _inner(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def sentence_of(details: Sequence[Any]) -> str:
    """What FastAPI found wrong with a request, in our words: the first of it."""
    # A field that is not known explains best why another one is missing.
    detail = dict(min(details, key=lambda each: each["type"] != "extra_forbidden"))
    where, *place = detail["loc"]
    if where == "body" and not place:
        return _sentence_about_body(detail)
    # A union names the kind that it tried before the field.
    fields = [str(part) for part in place if where != "body" or part not in _KINDS] or [str(where)]
    if detail["type"] == "none_required":
        return f"{fields[-1]} is no field of {place[0]} triggers"
    sentence = complaint({**detail, "loc": tuple(fields)}, FIELD_NAMES, show=_as_json)
    return sentence if where == "body" else f"{where} parameter {sentence}"


_KINDS: Final = frozenset({"manual", "scheduled", "dependency", "event"})


def unknown_parameter(name: str, known: Collection[str]) -> str:
    """What is wrong with a query parameter that a route does not have."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no query parameter {shown(name)}" + (f"; did you mean '{near[0]}'?" if near else "")


def _as_json(value: object) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else shown(value)


def _sentence_about_body(detail: dict[str, Any]) -> str:
    match detail["type"]:
        case "missing":
            return "the request needs a JSON body"
        case "union_tag_not_found":
            return f"triggerType is missing: it must be one of {', '.join(sorted(_KINDS))}"
        case "union_tag_invalid":
            return f"triggerType must be one of {', '.join(sorted(_KINDS))}, not {shown(detail['ctx']['tag'])}"
    if isinstance(detail.get("input"), bytes):
        return "the body must be sent as application/json"
    return f"the body must be a JSON object, not {shown(detail.get('input'))}"
