"""What is really stored, read without the package: plain SQL, plain networkx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import networkx as nx
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from flowforge_graph.storage.sqlite import _driver


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A connection that is closed at once afterwards.

    Two copies of the SQLite library in one process undo each other's locks and corrupt the file, so it must be the
    engine's own.
    """
    own = {"module": _driver()} if url.startswith("sqlite") else {}
    engine = create_engine(url, poolclass=NullPool, **own)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def rows(url: str, query: str, **parameters: Any) -> list[Any]:
    """The rows of a query."""
    with connected(url) as connection:
        return list(connection.execute(text(query), parameters).all())


def stored_digraph(url: str) -> nx.DiGraph[str]:
    """The graph of the stored dependency triggers."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(row.id for row in rows(url, "SELECT id FROM workflows"))
    graph.add_edges_from(
        (row.depends_on_workflow_id, row.workflow_id)
        for row in rows(
            url, "SELECT workflow_id, depends_on_workflow_id FROM workflow_triggers WHERE trigger_type = 'dependency'"
        )
    )
    return graph


def assert_graph_is_sound(url: str) -> None:
    """No cycle is stored, and the change log is dense and ends at the revision."""
    graph = stored_digraph(url)
    assert nx.is_directed_acyclic_graph(graph), nx.find_cycle(graph)
    (revision,) = rows(url, "SELECT revision, compacted_to FROM graph_revision")
    logged = [row.revision for row in rows(url, "SELECT revision FROM graph_changes ORDER BY revision")]
    assert logged == list(range(revision.compacted_to + 1, revision.revision + 1))


def assert_history_is_sound(url: str) -> None:
    """No cause has two executions, each triggered verdict has its execution, each dependency start its verdict."""
    executions = rows(url, "SELECT id, trigger_id, upstream_execution_id, fire_time, event_key, status FROM executions")
    causes = Counter(
        (row.trigger_id, row.upstream_execution_id, row.fire_time, row.event_key)
        for row in executions
        if row.upstream_execution_id or row.fire_time or row.event_key
    )
    assert [cause for cause, count in causes.items() if count > 1] == []
    triggered = rows(url, "SELECT execution_id FROM verdicts WHERE outcome = 'triggered'")
    promised = sorted(row.execution_id for row in triggered)
    assert promised == sorted(row.id for row in executions if row.upstream_execution_id)
