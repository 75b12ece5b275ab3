"""The router: all of ``/api``, for any FastAPI application."""

from __future__ import annotations

from fastapi import APIRouter

from flowforge_graph.api.deployments import DeploymentRoutes
from flowforge_graph.api.events import EventRoutes
from flowforge_graph.api.executions import ExecutionRoutes
from flowforge_graph.api.feed import Feed
from flowforge_graph.api.graph import GraphRoutes
from flowforge_graph.api.guards import Guard
from flowforge_graph.api.routes import guarded_router
from flowforge_graph.api.triggers import TriggerRoutes
from flowforge_graph.api.workflows import WorkflowRoutes
from flowforge_graph.engine import TriggerEngine


def create_router(engine: TriggerEngine, auth: Guard | None = None, *, feed: Feed | None = None) -> APIRouter:
    """The routes of contract section 5 under ``/api``, with one shape for every error.

    Args:
        engine: what answers; it must stay open for as long as the router is used.
        auth: who may ask, called as ``auth(request, scope)`` with the scope ``read``, ``run`` or ``write`` before
            anything else; see :class:`~flowforge_graph.api.TokenGuard`. None: the host asks by itself.
        feed: what the streams of ``GET /api/events`` follow; one of its own by default. ``feed.close()`` ends them,
            which a server that waits for its connections must do before it stops.

    Bodies are not limited here: that is the application's (:func:`~flowforge_graph.api.create_app` does it).
    """
    read = guarded_router(engine, auth, "read")
    run = guarded_router(engine, auth, "run")
    write = guarded_router(engine, auth, "write")
    WorkflowRoutes(engine).add_to(read=read, write=write)
    DeploymentRoutes(engine).add_to(read=read, write=write)
    TriggerRoutes(engine).add_to(read=read, write=write)
    ExecutionRoutes(engine).add_to(read=read, run=run)
    GraphRoutes(engine).add_to(read=read)
    EventRoutes(feed or Feed(engine), auth).add_to(read=read)
    router = APIRouter(prefix="/api")
    for scoped in (read, run, write):
        router.include_router(scoped)
    return router
