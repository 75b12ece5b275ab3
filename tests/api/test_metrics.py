"""Does ``/metrics`` say what the engine counts, in the form that Prometheus reads?"""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flowforge_graph import TriggerEngine
from flowforge_graph.api import create_app
from flowforge_graph.errors import DatabaseUnreachable
from flowforge_graph.observability import METRICS
from tests.api.support import add_workflows, depend

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series_of(text: str) -> Series:
    """Every sample by its name and labels, as Prometheus would read them."""
    families = text_string_to_metric_families(text)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """The key of one series of ours."""
    return f"flowforge_graph_{name}", frozenset(labels.items())


def test_every_counter_and_gauge_is_there(client: TestClient) -> None:
    """Counters end in ``_total``; what has happened since the application was made is counted, the rest is 0."""
    add_workflows(client, "A", "B")
    depend(client, "B", "A")
    client.post("/api/executions/one/complete", json={"status": "completed", "workflowId": "A"})
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    series = series_of(answer.text)
    assert series[of("executions_ended_total", status="completed")] == 1
    assert series[of("executions_ended_total", status="failed")] == 0
    assert series[of("verdicts_total", outcome="triggered", reason="")] == 1
    assert (series[of("pending_due")], series[of("database_up")]) == (1, 1)
    names = {name for name, _ in series}
    for metric in METRICS:
        assert f"flowforge_graph_{metric.name}{'_total' if metric.kind == 'counter' else ''}" in names


def test_a_caller_brings_his_own_registry(engine: TriggerEngine) -> None:
    """What he counts is answered beside ours, and ours is where he exports from."""
    registry = CollectorRegistry()
    Counter("orders", "orders taken", registry=registry).inc(3)
    with TestClient(create_app(engine, registry=registry)) as client:
        assert series_of(client.get("/metrics").text)["orders_total", frozenset()] == 3
    assert of("database_up") in series_of(generate_latest(registry).decode())


def test_a_database_that_does_not_answer_costs_the_gauges_only(
    engine: TriggerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the guard needs no database: counters stay, and ``database_up`` says what is wrong."""

    def unreachable(*_: Any) -> Any:
        raise DatabaseUnreachable("gone")

    with TestClient(create_app(engine, auth=lambda request, scope: None)) as client:
        add_workflows(client, "A")
        monkeypatch.setattr(engine, "health", unreachable)
        series = series_of(client.get("/metrics").text)
    assert (series[of("database_up")], of("pending_due") in series) == (0, False)
    assert series[of("ticks_total")] == 0
