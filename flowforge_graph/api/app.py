"""The application: the router, and around it what a server of its own needs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from flowforge_graph.api.feed import Feed
from flowforge_graph.api.guards import Guard, TokenGuard
from flowforge_graph.api.limits import MAX_BODY_BYTES, BodyLimit
from flowforge_graph.api.metrics import EngineCollector
from flowforge_graph.api.readiness import Readiness
from flowforge_graph.api.refusals import plain_refusal
from flowforge_graph.api.router import create_router
from flowforge_graph.api.routes import guarded_router
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.observability import Counters

_METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
_DESCRIPTION: Final = """What starts each workflow: triggers, executions and the graph of dependencies.

Instants are Unix seconds. Every error is `{"error": "<one sentence>"}`; a refused cycle carries its `chain`. Lists are
paged: hand `nextCursor` back as `cursor`. A bearer token needs the scope `read`, `run` or `write`."""


def create_app(
    engine: TriggerEngine,
    *,
    auth: Guard | None = None,
    registry: CollectorRegistry | None = None,
    hindrance: Callable[[], str | None] = lambda: None,
    cors_origins: Collection[str] = (),
    max_body_bytes: int = MAX_BODY_BYTES,
) -> FastAPI:
    """The whole API as one application: ``/api``, ``/health``, ``/ready``, ``/metrics`` and ``/openapi.json``.

    Args:
        engine: what answers; it must stay open for as long as the application runs.
        auth: who may ask. By default a :class:`~flowforge_graph.api.TokenGuard`: everybody until the first token is
            made, from then on who sends one. ``/health`` and ``/ready`` are public in any case, and nothing else is.
        registry: where the metrics are registered; one of its own by default.
        hindrance: says in one sentence why the host's own loops cannot do their work now, None where they can;
            ``/ready`` answers 503 with it.
        cors_origins: the web origins whose pages may call; none by default.
        max_body_bytes: how large a body may be.

    ``app.state.feed.close()`` ends the streams of ``/api/events``, so that a server need not wait for them.
    """
    guard = auth or TokenGuard(engine, origins=cors_origins)
    feed = Feed(engine)
    app = _Application(
        title="FlowForge Graph",
        version=version("flowforge-graph"),
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_closing(feed),
    )
    app.state.feed = feed
    app.include_router(create_router(engine, guard, feed=feed))
    app.include_router(_public_routes(engine, Readiness(engine, hindrance)))
    app.include_router(_operators_routes(app, engine, guard, registry or CollectorRegistry()))
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_http_error)
    app.add_exception_handler(Exception, _answer_fault)
    app.add_middleware(BodyLimit, max_bytes=max_body_bytes)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(cors_origins),
            allow_methods=_METHODS,
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
        )
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The document, with the nulls of its examples: FastAPI leaves out each null that it comes to."""
        document: dict[str, Any] = super().openapi()
        for schema in document["components"]["schemas"].values():
            if "examples" in schema:
                schema["examples"] = [_with_nulls(example, schema) for example in schema["examples"]]
        return document


def _with_nulls(example: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    present = {*example, *schema.get("required", ())}
    return {name: example.get(name) for name in schema["properties"] if name in present}


def _closing(feed: Feed) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        feed.close()

    return lifespan


def _public_routes(engine: TriggerEngine, readiness: Readiness) -> APIRouter:
    router = guarded_router(engine, None, None, knows_its_query=False)
    readiness.add_to(router)
    return router


def _operators_routes(app: FastAPI, engine: TriggerEngine, guard: Guard, registry: CollectorRegistry) -> APIRouter:
    registry.register(EngineCollector(Counters(engine)))
    router = guarded_router(engine, guard, "read", knows_its_query=False)

    @router.get("/metrics", include_in_schema=False)
    def get_metrics() -> Response:
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @router.get("/openapi.json", include_in_schema=False)
    def get_openapi() -> Response:
        return JSONResponse(app.openapi())

    return router


async def _answer_http_error(request: Request, error: Exception) -> Response:
    """No route, or another method: what the routes themselves never see."""
    if isinstance(error, HTTPException):
        sentence = {404: "there is nothing at this path", 405: "this path does not take that method"}
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers = _with_all_methods(request, headers)
        return plain_refusal(sentence.get(error.status_code, str(error.detail)), error.status_code, headers)
    return plain_refusal("the request cannot be accepted", 400)


def _with_all_methods(request: Request, headers: dict[str, str]) -> dict[str, str]:
    """``Allow`` with every documented method of this path: the framework names those of the first route only.

    Where one path has a word and another an id at the same place, it is the word's.
    """
    paths = request.app.openapi()["paths"]
    fitting = [path for path in paths if compile_path(path)[0].fullmatch(request.scope["path"])]
    if not fitting:
        return headers
    path = min(fitting, key=lambda each: each.count("{"))
    return {**headers, "Allow": ", ".join(sorted(method.upper() for method in paths[path]))}


async def _answer_fault(_: Request, __: Exception) -> Response:
    """A bug of ours: the server logs the traceback, the client learns nothing of it."""
    return plain_refusal("something went wrong in the server: its log says what", 500)
