"""The tests of the catalogue: what it promises, checked over whatever may happen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import networkx as nx
import pytest
from fastapi.testclient import TestClient
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant
from service import Catalogue, create_app

from flowforge_graph import TriggerEngine
from flowforge_graph.testing import (
    FixedClock,
    ReadableGraph,
    TriggerEngineMachine,
    assert_cascade,
    fresh_database,
    graph_of,
    trigger_graphs,
)

# Without its explanations, for which Hypothesis traces every line, the engine's too.
SETTINGS = settings(deadline=None, max_examples=200, phases=set(Phase) - {Phase.explain})


@pytest.fixture
def catalogue(flowforge_database: str, flowforge_clock: FixedClock) -> Iterator[Catalogue]:
    """A catalogue with nothing in it."""
    catalogue = Catalogue(flowforge_database, clock=flowforge_clock)
    yield catalogue
    catalogue.close()


@pytest.fixture
def client(catalogue: Catalogue) -> TestClient:
    """A client of the service."""
    return TestClient(create_app(catalogue))


def test_the_hook_starts_what_waits(client: TestClient, catalogue: Catalogue) -> None:
    """A build that ended well starts those that wait for it, however often the runner says so."""
    graph_of(("orders", "report"), ("orders", "alert", "on_failure")).create_in(catalogue.engine)
    ended = {"execution": "run-1", "table": "orders", "status": "completed"}
    assert client.post("/hooks/ended", json=ended).json() == ["report"]
    assert client.post("/hooks/ended", json=ended).json() == ["report"]
    assert_cascade(catalogue.engine, {("orders", "completed"): [("report", "pending")]})
    assert client.post("/hooks/ended", json={**ended, "status": "failed"}).status_code == 409


def test_what_was_built_later_makes_stale(client: TestClient, catalogue: Catalogue) -> None:
    """The report is fresh until the orders that it is made of are built again."""
    graph_of(("orders", "report")).create_in(catalogue.engine)
    for run, table in (("run-1", "orders"), ("run-2", "report")):
        client.post("/hooks/ended", json={"execution": run, "table": table, "status": "completed"})
    assert client.get("/tables").json() == {"orders": True, "report": True}
    client.post("/hooks/ended", json={"execution": "run-3", "table": "orders", "status": "completed"})
    assert client.get("/tables").json() == {"orders": True, "report": False}


def test_triggers_are_made_over_the_engines_own_routes(client: TestClient) -> None:
    """The routes of the engine are those of the service."""
    for table in ("orders", "report"):
        client.post("/api/workflows", json={"id": table})
    depends = {"triggerType": "dependency", "dependencyCondition": "on_success"}
    made = client.post("/api/workflows/report/triggers", json={**depends, "dependsOnWorkflowId": "orders"})
    refused = client.post("/api/workflows/orders/triggers", json={**depends, "dependsOnWorkflowId": "report"})
    assert (made.status_code, refused.status_code) == (201, 400)
    assert refused.json()["chain"] == ["orders", "report", "orders"]


@st.composite
def histories(draw: st.DrawFn) -> tuple[ReadableGraph, list[str]]:
    """A graph of tables, and in which order they were built: enough of both for something to happen far upstream."""
    graph = draw(trigger_graphs(min_workflows=3, max_workflows=5))
    return graph, draw(st.lists(st.sampled_from(graph.topological_order()), min_size=2, max_size=12))


@given(histories())
@SETTINGS
def test_a_table_is_fresh_unless_something_upstream_is_newer(history: tuple[ReadableGraph, list[str]]) -> None:
    """Built, and after everything that leads to it, however long the way."""
    graph, builds = history
    with TemporaryDirectory() as folder, closing(Catalogue(fresh_database(Path(folder)))) as catalogue:
        graph.create_in(catalogue.engine)
        for number, table in enumerate(builds):
            catalogue.record_end(f"run-{number}", table, "completed")
        assert catalogue.fresh_tables() == expected_freshness(graph.digraph, builds)


class CatalogueMachine(TriggerEngineMachine):
    """Whatever is created, changed, deleted, built, told twice and restarted: the catalogue says what is fresh."""

    # Steps that have nothing to do with what is fresh.
    create_trigger = call_off = turn_away = serve = emit = cancel = None

    def make_engine(self, database: str) -> TriggerEngine:
        """The catalogue opens the engine."""
        self.catalogue = Catalogue(database, clock=self.clock, executor=self.executor)
        return self.catalogue.engine

    def close_engine(self) -> None:
        """The catalogue closes it."""
        self.catalogue.close()

    def do_complete(self, execution_id: str, workflow_id: str, status: str) -> None:
        """The runner calls the hook."""
        self.catalogue.record_end(execution_id, workflow_id, status)

    @invariant()
    def tables_are_fresh_unless_something_upstream_is_newer(self) -> None:
        """Built, and after everything that leads to it."""
        builds = [ended.workflow_id for ended in self.memory.ended if ended.status == "completed"]
        assert self.catalogue.fresh_tables() == expected_freshness(self.engine.graph.digraph, builds)


def expected_freshness(graph: nx.DiGraph, builds: list[str]) -> dict[str, bool]:
    """The promise itself, said in another way than the service says it: with networkx, and the order of builds."""
    return {table: table in builds and not nx.ancestors(graph, table) & after(table, builds) for table in graph}


def after(table: str, builds: list[str]) -> set[str]:
    """The tables that were built after the last build of this one."""
    return set(builds[len(builds) - builds[::-1].index(table) :])


TestCatalogue = CatalogueMachine.TestCase
TestCatalogue.settings = settings(TestCatalogue.settings, max_examples=25, stateful_step_count=10)
