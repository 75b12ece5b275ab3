"""The way of every request: who asks → does it exist → is it well formed → do it; and every error in one shape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

from fastapi import APIRouter, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from flowforge_graph.api.bodies import StrictRequest, sentence_of, unknown_parameter
from flowforge_graph.api.guards import Guard
from flowforge_graph.api.paths import refuse_if_missing
from flowforge_graph.api.refusals import BadRequest, TooLarge, plain_refusal, refusal, status_code_of
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.model.tokens import Scope

# Tells OpenAPI which token an operation takes; who asks is looked at before FastAPI reads anything.
_BEARER: Final = HTTPBearer(
    auto_error=False, scheme_name="token", description="A token that `flowforge-graph tokens create` made."
)

Handler = Callable[[Request], Awaitable[Response]]


def guarded_router(
    engine: TriggerEngine, guard: Guard | None, scope: Scope | None, *, knows_its_query: bool = True
) -> APIRouter:
    """A router whose requests must have ``scope`` (None: everybody may), and answer errors in one shape.

    ``knows_its_query``: a parameter that is not known is refused, since a misspelt filter would answer everything.
    """

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Any:
            handle: Handler = super().get_route_handler()
            if knows_its_query:
                handle = _knowing({str(field.alias) for field in self.dependant.query_params}, handle)

            async def handle_guarded(request: Request) -> Response:
                strict = StrictRequest(request.scope, request.receive)
                return await _answer(strict, handle, engine, guard, scope)

            return handle_guarded

    is_guarded = guard is not None and scope is not None
    # The names of operations are those of the functions: generated clients keep theirs whatever becomes of a path.
    return APIRouter(
        route_class=GuardedRoute,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Security(_BEARER, scopes=[str(scope)])] if is_guarded else [],
    )


def _knowing(known: Collection[str], handle: Handler) -> Handler:
    async def handle_known(request: Request) -> Response:
        for name in request.query_params:
            if name not in known:
                raise BadRequest(unknown_parameter(name, known))
        return await handle(request)

    return handle_known


async def ask(guard: Guard, request: Request, scope: Scope) -> None:
    """Ask a guard, in a worker thread where it may have to wait. Raises what it raises."""
    at_once = getattr(guard, "at_once", None)
    if at_once is None or not at_once(request, scope):
        await run_in_threadpool(guard, request, scope)


async def _answer(
    request: Request, handle: Handler, engine: TriggerEngine, guard: Guard | None, scope: Scope | None
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


async def _handled(request: Request, handle: Handler, engine: TriggerEngine) -> Response:
    try:
        return await handle(request)
    except (RequestValidationError, BadRequest, HTTPException) as error:
        bad_request = _bad_request_of(error)
        if bad_request is None:
            raise
        await run_in_threadpool(refuse_if_missing, engine, request.path_params)
        raise bad_request from None


def _bad_request_of(error: Exception) -> BadRequest | TooLarge | None:
    """What is wrong with the request itself; None where something else is."""
    if isinstance(error, RequestValidationError):
        return BadRequest(sentence_of(error.errors()))
    # FastAPI wraps whatever reading the body raised.
    fault = error.__cause__ if isinstance(error, HTTPException) else error
    return fault if isinstance(fault, BadRequest | TooLarge) else None
