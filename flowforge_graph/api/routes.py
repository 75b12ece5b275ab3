"""The way of every request: who asks → does it exist → is it well formed → do it; and every error in one shape."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NoReturn

from fastapi import APIRouter, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from flowforge_graph.api.guards import Guard
from flowforge_graph.api.paths import refuse_if_missing
from flowforge_graph.api.refusals import BadRequest, TooLarge, plain_refusal, refusal, status_code_of
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import FlowforgeGraphError, shown
from flowforge_graph.model.tokens import Scope
from flowforge_graph.model.values import complaint

# Parameters may be 64 levels deep; the body around them is a few more.
MAX_BODY_DEPTH: Final = 72
# More than any double holds; Python itself stops reading at 4,300.
MAX_DIGITS: Final = 1_000

# Tells OpenAPI which token an operation takes; who asks is looked at before FastAPI reads anything.
_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token that `flowforge-graph tokens create` made."
)

Handler = Callable[[Request], Awaitable[Response]]


def guarded_router(engine: TriggerEngine, guard: Guard | None, scope: Scope | None) -> APIRouter:
    """A router whose requests must have ``scope`` (None: everybody may), and answer errors in one shape."""

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Any:
            handle = super().get_route_handler()

            async def handle_guarded(request: Request) -> Response:
                return await _answer(StrictRequest(request.scope, request.receive), handle, engine, guard, scope)

            return handle_guarded

    is_guarded = guard is not None and scope is not None
    # The names of operations are those of the functions: generated clients keep theirs whatever becomes of a path.
    return APIRouter(
        route_class=GuardedRoute,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Security(_BEARER, scopes=[str(scope)])] if is_guarded else [],
    )


class StrictRequest(Request):
    """A request whose JSON is strict: finite numbers, no key twice, not too deep, in UTF-8 and sent as it is."""

    async def json(self) -> Any:
        """The body as plain values. Raises BadRequest."""
        if not hasattr(self, "_json"):
            _refuse_coding(self.headers.get("content-encoding", "identity"))
            self._json = _parsed(await self.body())
        return self._json


async def ask(guard: Guard, request: Request, scope: Scope) -> None:
    """Ask a guard, in a worker thread where it may have to wait. Raises what it raises."""
    at_once = getattr(guard, "at_once", None)
    if at_once is None or not at_once(request, scope):
        await run_in_threadpool(guard, request, scope)


async def _answer(
    request: Request, handle: Callable[[Request], Any], engine: TriggerEngine, guard: Guard | None, scope: Scope | None
) -> Response:
    try:
        if guard is not None and scope is not None:
            await ask(guard, request, scope)
        return await _handled(request, handle, engine)
    except FlowforgeGraphError as error:
        status_code = status_code_of(error)
        if status_code is None:
            raise
        return refusal(error, status_code)
    except HTTPException as error:
        return plain_refusal(str(error.detail), error.status_code, dict(error.headers or {}))


async def _handled(request: Request, handle: Callable[[Request], Any], engine: TriggerEngine) -> Response:
    try:
        response: Response = await handle(request)
        return response
    except RequestValidationError as error:
        await run_in_threadpool(refuse_if_missing, engine, request.path_params)
        raise BadRequest(_sentence_of(error.errors())) from error
    except BadRequest:
        await run_in_threadpool(refuse_if_missing, engine, request.path_params)
        raise
    except HTTPException as error:
        # FastAPI wraps whatever reading the body raised.
        cause = error.__cause__
        if isinstance(cause, TooLarge):
            raise cause from None
        if isinstance(cause, BadRequest):
            await run_in_threadpool(refuse_if_missing, engine, request.path_params)
            raise cause from None
        raise


def _sentence_of(details: Sequence[Any]) -> str:
    detail = dict(details[0])
    where, *place = detail["loc"]
    if detail["type"] == "json_invalid":
        return f"the body is not JSON: {detail['ctx']['error']}"
    if where == "body" and not place:
        return _sentence_about_body(detail)
    # A union names the kind that it tried before the field.
    fields = [str(part) for part in place if where != "body" or part not in _KINDS] or [str(where)]
    sentence = complaint({**detail, "loc": tuple(fields)})
    return sentence if where == "body" else f"{where} parameter {sentence}"


_KINDS: Final = frozenset({"manual", "scheduled", "dependency", "event"})


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


def _refuse_coding(coding: str) -> None:
    if coding.lower() != "identity":
        raise BadRequest(f"the body must be sent without a Content-Encoding, not as {shown(coding)}")


def _parsed(body: bytes) -> Any:
    try:
        # Decoded here: of bytes, json.loads takes UTF-16, UTF-32 and lone surrogates too.
        value = _JSON.decode(body.decode())
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
