"""A catalogue of tables that knows which of them are fresh: a FastAPI service with the trigger engine inside.

Each table is built by the workflow of its name. A runner elsewhere does the work and calls the hook when it ends.
"""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import Column, Integer, Table, Text, func, insert, select

from flowforge_graph import CompletionConflict, CompletionResult, TriggerEngine, TriggerGraph
from flowforge_graph.api import create_router

# The service's own table, beside those of the engine. The number says which of two builds was the later one.
BUILDS = Table(
    "builds",
    sqlalchemy.MetaData(),
    Column("number", Integer, primary_key=True),
    Column("execution_id", Text, unique=True, nullable=False),
    Column("table_name", Text, nullable=False),
)


class Catalogue:
    """What was built when, and what is fresh. A table is fresh if nothing upstream was built after it."""

    def __init__(self, url: str, **engine_options: Any) -> None:
        self._database = sqlalchemy.create_engine(url)
        BUILDS.create(self._database, checkfirst=True)
        self.engine = TriggerEngine(self._database, **engine_options)

    def close(self) -> None:
        """Close the engine and the database, which is the service's own."""
        self.engine.close()
        self._database.dispose()

    def record_end(self, execution_id: str, table: str, status: str) -> CompletionResult:
        """Note that a build has ended, however often the runner says so, and start what waits for it."""
        result = self.engine.complete(execution_id, status, workflow_id=table)
        if status == "completed":
            build = insert(BUILDS).prefix_with("OR IGNORE").values(execution_id=execution_id, table_name=table)
            with self._database.begin() as connection:
                connection.execute(build)
        return result

    def fresh_tables(self) -> dict[str, bool]:
        """Each table, and whether it is fresh."""
        graph, last_builds = self.engine.graph, self._last_builds()
        return {table: _is_fresh(table, graph, last_builds) for table in graph.topological_order()}

    def _last_builds(self) -> dict[str, int]:
        last = func.max(BUILDS.c.number).label("last")
        with self._database.connect() as connection:
            rows = connection.execute(select(BUILDS.c.table_name, last).group_by(BUILDS.c.table_name)).all()
        return {row.table_name: row.last for row in rows}


def _is_fresh(table: str, graph: TriggerGraph, last_builds: dict[str, int]) -> bool:
    upstream = graph.upstream(table)
    return table in last_builds and all(last_builds.get(each, 0) < last_builds[table] for each in upstream)


class Ended(BaseModel):
    """What the runner tells."""

    execution: str
    table: str
    status: Literal["completed", "failed", "cancelled"]


def create_app(catalogue: Catalogue) -> FastAPI:
    """The service's own two routes, and those of the engine under ``/api``."""
    app = FastAPI()
    app.include_router(create_router(catalogue.engine))

    @app.get("/tables")
    def tables() -> dict[str, bool]:
        return catalogue.fresh_tables()

    @app.post("/hooks/ended")
    def ended(told: Ended) -> list[str]:
        result = catalogue.record_end(told.execution, told.table, told.status)
        return [verdict.workflow_id for verdict in result.triggered]

    @app.exception_handler(CompletionConflict)
    def conflict(_: Any, error: CompletionConflict) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=409)

    return app
