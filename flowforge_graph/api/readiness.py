"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict

from flowforge_graph.api.answers import answer
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import DatabaseError

_LONGEST_SECONDS: Final = 5.0


class HealthDocument(BaseModel):
    """The process lives."""

    model_config = ConfigDict(title="Health")

    status: Literal["ok"] = "ok"


class ReadyDocument(BaseModel):
    """The process can do its work."""

    model_config = ConfigDict(title="Ready")

    status: Literal["ready"] = "ready"


class NotReadyDocument(BaseModel):
    """The process cannot do its work, and why."""

    model_config = ConfigDict(title="NotReady")

    error: str


class Readiness:
    """The two public routes. Neither says more than whether: they are for load balancers and orchestrators."""

    def __init__(self, engine: TriggerEngine, hindrance: Callable[[], str | None]) -> None:
        self._engine = engine
        self._hindrance = hindrance

    def add_to(self, router: APIRouter) -> None:
        """Add them to a router that asks nobody who he is."""
        tags: dict[str, Any] = {"tags": ["operation"]}
        router.get("/health", response_model=HealthDocument, **tags)(self.get_health)
        # Some load balancers ask so.
        for path, endpoint in (("/health", self.get_health), ("/ready", self.get_ready)):
            router.head(path, include_in_schema=False)(endpoint)
        router.get(
            "/ready",
            response_model=ReadyDocument,
            responses={503: {"model": NotReadyDocument, "description": "It cannot do its work now."}},
            **tags,
        )(self.get_ready)

    async def get_health(self) -> Response:
        """Whether the process answers at all; the database is not asked."""
        return answer(HealthDocument())

    async def get_ready(self) -> Response:
        """Whether the database answers, its schema is the one of this version, and the loops of the server run."""
        problem = await self._problem()
        return answer(ReadyDocument()) if problem is None else answer(NotReadyDocument(error=problem), 503)

    async def _problem(self) -> str | None:
        with anyio.move_on_after(_LONGEST_SECONDS):
            return await run_sync(self._found_problem, abandon_on_cancel=True)
        return f"the database has not answered within {_LONGEST_SECONDS:.0f} seconds"

    def _found_problem(self) -> str | None:
        try:
            is_current = self._engine.schema_is_current()
        except DatabaseError:
            return "the database cannot be reached"
        if not is_current:
            return "the database was migrated by another version of this package: upgrade it and start again"
        return self._hindrance()
