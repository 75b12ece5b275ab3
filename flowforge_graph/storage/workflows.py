"""Rows of workflows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from flowforge_graph.model import Workflow
from flowforge_graph.model.ids import is_storable_text
from flowforge_graph.model.workflows import parse_run
from flowforge_graph.storage.batches import in_batches
from flowforge_graph.storage.instants import to_instant, to_seconds
from flowforge_graph.storage.tables import AnyRow, Tables, of_one_piece


class WorkflowRows:
    """Queries on ``workflows``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.workflows
        self._by_id = self._table.c.id
        self._names_of_ids = select(self._table.c.id, self._table.c.name).where(
            self._by_id.in_(bindparam("ids", expanding=True))
        )
        self._of_ids = select(self._table).where(self._by_id.in_(bindparam("ids", expanding=True)))

    def get(self, connection: Connection, workflow_id: str) -> Workflow | None:
        """The workflow of this id."""
        if not is_storable_text(workflow_id):
            return None
        row = connection.execute(select(self._table).where(self._by_id == workflow_id)).first()
        return None if row is None else workflow_of(row)

    def get_many(self, connection: Connection, workflow_ids: Collection[str]) -> dict[str, Workflow]:
        """Those of these ids that exist, by id."""
        found: dict[str, Workflow] = {}
        for batch in in_batches(sorted(workflow_ids)):
            rows = connection.execute(self._of_ids, {"ids": batch})
            found.update((row.id, workflow_of(row)) for row in rows)
        return found

    def page(self, connection: Connection, *, after: str | None, limit: int | None) -> list[Workflow]:
        """At most ``limit`` workflows (None: all), by id, those after that id."""
        query = select(self._table).order_by(self._by_id).limit(limit)
        if after is not None:
            query = query.where(self._by_id > after)
        return [workflow_of(row) for row in connection.execute(query)]

    def all(self, connection: Connection) -> list[Workflow]:
        """All workflows, by id."""
        return self.page(connection, after=None, limit=None)

    def names_of(self, connection: Connection, workflow_ids: Collection[str]) -> dict[str, str]:
        """The names of those of these ids that exist, by id."""
        found: dict[str, str] = {}
        for batch in in_batches(sorted(workflow_ids)):
            found.update((row.id, row.name) for row in connection.execute(self._names_of_ids, {"ids": batch}))
        return found

    def names(self, connection: Connection) -> Sequence[AnyRow]:
        """(id, name) of all workflows, for the graph."""
        return connection.execute(select(self._table.c.id, self._table.c.name)).all()

    def insert(self, connection: Connection, workflows: Iterable[Workflow]) -> None:
        """Store new workflows."""
        rows = [_row_of(workflow) for workflow in workflows]
        if rows:
            connection.execute(of_one_piece(insert(self._table)), rows)

    def replace(self, connection: Connection, workflow: Workflow) -> None:
        """Store all fields of an existing workflow anew."""
        connection.execute(update(self._table).where(self._by_id == workflow.id).values(_row_of(workflow)))

    def delete(self, connection: Connection, workflow_ids: Collection[str], *, at: int) -> None:
        """Remove workflows, whose triggers are gone already; the feed hears from their rows when they went."""
        for batch in in_batches(sorted(workflow_ids)):
            is_meant = self._by_id.in_(batch)
            connection.execute(update(self._table).where(is_meant).values(updated_at=at))
            connection.execute(delete(self._table).where(is_meant))


def workflow_of(row: AnyRow) -> Workflow:
    """The value of a row, which was checked before it was stored; raise InvalidWorkflow for a spoilt ``run``."""
    fields = dict(row._mapping)
    return Workflow.trusted(
        **fields
        | {
            "run": None if fields["run"] is None else parse_run(fields["run"]),
            "tags": tuple(fields["tags"]),
            "created_at": to_instant(fields["created_at"]),
            "updated_at": to_instant(fields["updated_at"]),
        }
    )


def _row_of(workflow: Workflow) -> Mapping[str, object]:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "run": workflow.run.model_dump(mode="json", exclude_none=True) if workflow.run else None,
        "run_folder": workflow.run_folder,
        "tags": list(workflow.tags),
        "source": workflow.source,
        "created_at": to_seconds(workflow.created_at),
        "updated_at": to_seconds(workflow.updated_at),
    }
