"""The floor of the durable path: the statements that the engine sends, sent again through bare SQLAlchemy Core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

from benchmarks.databases import raw_engine
from flowforge_graph import TriggerEngine

Statement = tuple[Any, Any]


@contextmanager
def statements_of(engine: TriggerEngine) -> Iterator[list[Statement]]:
    """Collects the Core statements that the engine executes meanwhile, each with its parameters."""
    sent: list[Statement] = []
    target = engine._context.store.database.engine

    def note(_connection: Any, statement: Any, many: Any, one: Any, _options: Any) -> None:
        sent.append((statement, many or one or None))

    event.listen(target, "before_execute", note)
    try:
        yield sent
    finally:
        event.remove(target, "before_execute", note)


class Bare:
    """A database as somebody would use it who knows beforehand what to write: no values, no decisions."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite")
        self.engine: Engine = raw_engine(url)

    def send(self, statements: Sequence[Statement]) -> None:
        """Send the statements in one transaction, and read what they answer."""
        with self.transaction() as connection:
            for statement, parameters in statements:
                result = connection.execute(statement, parameters)
                if result.returns_rows:
                    result.all()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One durable write transaction."""
        if not self._is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        with self.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.exec_driver_sql("COMMIT")
