"""Short words for what the engine's tests do all the time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text

from flowforge_graph import DependencyTrigger, TriggerEngine, Verdict


def make_workflows(engine: TriggerEngine, *ids: str) -> None:
    """Store workflows without a run."""
    for workflow_id in ids:
        engine.create_workflow(workflow_id)


def depends(downstream: str, upstream: str, condition: Any = "on_success", **fields: Any) -> DependencyTrigger:
    """The value "downstream depends on upstream"."""
    return DependencyTrigger(
        workflow_id=downstream, depends_on_workflow_id=upstream, dependency_condition=condition, **fields
    )


def chain_of(engine: TriggerEngine, ids: str) -> list[str]:
    """Store ``a → b → c`` for "abc" and answer the ids of its triggers."""
    make_workflows(engine, *ids)
    pairs = itertools.pairwise(ids)
    return [trigger.id for trigger in engine.create_triggers([depends(down, up) for up, down in pairs])]


def reasons(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """(workflow id, reason, or "triggered") of verdicts, in order."""
    return [(verdict.workflow_id, verdict.reason or verdict.outcome) for verdict in verdicts]


def rows(engine: TriggerEngine, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """What the database itself answers."""
    with engine._context.store.database.read() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def write(engine: TriggerEngine, *statements: str) -> None:
    """Change rows behind the engine's back."""
    with engine._context.store.database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@contextmanager
def statements_of(engine: TriggerEngine) -> Iterator[list[str]]:
    """The statements that the engine sends meanwhile, transactions included, as first words and table names."""
    sent: list[str] = []
    target = engine._context.store.database.engine

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        # How SQLite undoes a statement that fails is no part of what it does.
        sent.append(" ".join(statement.replace(" OR FAIL", "").split()))

    def note_end(_connection: Any) -> None:
        if not engine._context.store.database.is_sqlite:
            sent.append("COMMIT")

    event.listen(target, "before_cursor_execute", note)
    event.listen(target, "commit", note_end)
    try:
        yield sent
    finally:
        event.remove(target, "before_cursor_execute", note)
        event.remove(target, "commit", note_end)
