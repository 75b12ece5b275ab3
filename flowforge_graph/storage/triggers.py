"""Rows of triggers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, or_, select, text, update

from flowforge_graph.errors import FlowforgeGraphError, InvalidTrigger
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import ScheduleUnreadable, TriggerSpoilt
from flowforge_graph.model import (
    TRIGGER_CLASSES,
    AnyTrigger,
    ScheduledTrigger,
    TriggerSummary,
    parse_trigger,
)
from flowforge_graph.model.ids import is_storable_text
from flowforge_graph.storage.batches import in_batches
from flowforge_graph.storage.instants import to_instant, to_seconds
from flowforge_graph.storage.tables import DUE_SCHEDULE, AnyRow, Tables, of_one_piece

_COMMON = ("id", "workflow_id", "trigger_type", "trigger_name", "source")
_OWN: Mapping[str, tuple[str, ...]] = {
    "manual": (),
    "scheduled": ("cron_expression", "timezone", "misfire_policy", "schedule_owner"),
    "dependency": ("depends_on_workflow_id", "dependency_condition", "delay_minutes"),
    "event": ("event_type", "event_config"),
}
_SCHEDULE_INSTANTS = ("planned_until", "next_run_at", "last_run_at")
_ALL_OWN = tuple(name for names in _OWN.values() for name in names)


class TriggerRows:
    """Queries on ``workflow_triggers``. Lists are in creation order unless they say otherwise."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.triggers
        self._columns = columns = self._table.c
        self._facts = select(columns.id, columns.enabled, columns.depends_on_workflow_id).where(
            columns.id.in_(bindparam("ids", expanding=True))
        )
        self._advance = (
            update(self._table)
            .where(columns.id == bindparam("advanced_id"), columns.planned_until == bindparam("planned_before"))
            .values({name: bindparam(name) for name in _SCHEDULE_INSTANTS})
        )
        self._note_fire = (
            update(self._table)
            .where(columns.id == bindparam("fired_id"), columns.workflow_id == bindparam("fired_workflow_id"))
            .where(columns.schedule_owner == "prefect")
            .where(func.coalesce(columns.last_run_at, -1) < bindparam("fired_at"))
            .values(last_run_at=bindparam("fired_at"))
        )

    def get(self, connection: Connection, trigger_id: str) -> AnyTrigger | None:
        """The trigger of this id."""
        if not is_storable_text(trigger_id):
            return None
        row = connection.execute(select(self._table).where(self._columns.id == trigger_id)).first()
        return None if row is None else trigger_of(row)

    def get_many(self, connection: Connection, trigger_ids: Collection[str]) -> dict[str, AnyTrigger]:
        """Those of these ids that exist, by id."""
        return {trigger.id: trigger for trigger in self._of(connection, self._columns.id, trigger_ids)}

    def lock(self, connection: Connection, trigger_ids: Collection[str]) -> dict[str, AnyTrigger]:
        """Those of these ids that exist, by id, locked until the end of the transaction."""
        found: dict[str, AnyTrigger] = {}
        for batch in in_batches(sorted(trigger_ids)):
            query = select(self._table).where(self._columns.id.in_(batch)).order_by(self._columns.seq)
            found.update((row.id, trigger_of(row)) for row in connection.execute(query.with_for_update()))
        return found

    def facts(self, connection: Connection, trigger_ids: Collection[str]) -> dict[str, AnyRow]:
        """What the second look asks: ``enabled`` and ``depends_on_workflow_id``, by id."""
        found: dict[str, AnyRow] = {}
        for batch in in_batches(sorted(trigger_ids)):
            found.update((row.id, row) for row in connection.execute(self._facts, {"ids": batch}))
        return found

    def find(
        self,
        connection: Connection,
        *,
        workflow_id: str | None = None,
        trigger_type: str | None = None,
        enabled: bool | None = None,
        source: str | None = None,
    ) -> list[AnyTrigger]:
        """The triggers that meet every given filter, newest first."""
        query = select(self._table).order_by(self._columns.seq.desc())
        wanted = {"workflow_id": workflow_id, "trigger_type": trigger_type, "source": source}
        for name, value in wanted.items():
            if value is not None:
                query = query.where(self._columns[name] == value)
        if enabled is not None:
            query = query.where(self._columns.enabled == int(enabled))
        return [trigger_of(row) for row in connection.execute(query)]

    def of_workflows(self, connection: Connection, workflow_ids: Collection[str]) -> list[AnyTrigger]:
        """The triggers that start these workflows."""
        return self._of(connection, self._columns.workflow_id, workflow_ids)

    def ids_touching(self, connection: Connection, workflow_ids: Collection[str]) -> list[str]:
        """The ids of the triggers into and out of these workflows; no value is read, so that a bad row can go too."""
        columns, found = self._columns, dict[int, str]()
        for batch in in_batches(sorted(workflow_ids)):
            touches = or_(columns.workflow_id.in_(batch), columns.depends_on_workflow_id.in_(batch))
            found.update(
                (row.seq, row.id) for row in connection.execute(select(columns.seq, columns.id).where(touches))
            )
        return [found[seq] for seq in sorted(found)]

    def ids_of_schedules(self, connection: Connection, workflow_id: str, *, owner: str | None = None) -> list[str]:
        """The ids of the scheduled triggers of a workflow, of all owners or of one; no value is read here either."""
        if not is_storable_text(workflow_id):
            return []
        columns = self._columns
        query = select(columns.id).where(columns.workflow_id == workflow_id, columns.trigger_type == "scheduled")
        owned = query if owner is None else query.where(columns.schedule_owner == owner)
        return list(connection.execute(owned.order_by(columns.seq)).scalars())

    def edges(self, connection: Connection) -> Sequence[AnyRow]:
        """All dependency triggers as bare rows with the fields of the graph's edges, in creation order."""
        columns = self._columns
        query = (
            select(
                columns.id,
                columns.workflow_id,
                columns.depends_on_workflow_id,
                columns.dependency_condition,
                columns.delay_minutes,
                columns.enabled,
                columns.trigger_name,
                columns.seq,
            )
            .where(columns.trigger_type == "dependency")
            .order_by(columns.seq)
        )
        return connection.execute(query).all()

    def enabled_of_event(self, connection: Connection, event_type: str) -> list[AnyTrigger]:
        """The enabled event triggers of this type."""
        columns = self._columns
        query = (
            select(self._table)
            .where(columns.trigger_type == "event", columns.event_type == event_type, columns.enabled == 1)
            .order_by(columns.seq)
        )
        return [trigger_of(row) for row in connection.execute(query)]

    def due(
        self, connection: Connection, *, now: int, after_seq: int, limit: int
    ) -> list[tuple[int, ScheduledTrigger | None]]:
        """Enabled schedules of the engine's with a fire time at or before ``now``, in creation order after a number.

        Locked where others may tick too. None stands for a row that no schedule can be read from: it is logged.
        """
        columns = self._columns
        query = (
            select(self._table)
            .where(text(DUE_SCHEDULE), columns.next_run_at <= now, columns.seq > after_seq)
            .order_by(columns.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [(row.seq, _schedule_of(row)) for row in connection.execute(query)]

    def summaries(self, connection: Connection, workflow_ids: Collection[str]) -> dict[str, TriggerSummary]:
        """How many triggers start each of these workflows, and the next fire time of its enabled schedules, by id."""
        columns, found = self._columns, dict[str, TriggerSummary]()
        next_run_at = func.min(columns.next_run_at).filter(columns.enabled == 1)
        for batch in in_batches(sorted(workflow_ids)):
            query = (
                select(columns.workflow_id, func.count(), next_run_at)
                .where(columns.workflow_id.in_(batch))
                .group_by(columns.workflow_id)
            )
            for workflow_id, count, seconds in connection.execute(query):
                found[workflow_id] = TriggerSummary(trigger_count=count, next_run_at=to_instant(seconds))
        return found

    def next_due_at(self, connection: Connection) -> int | None:
        """The earliest ``next_run_at`` of an enabled schedule of the engine's."""
        query = select(func.min(self._columns.next_run_at)).where(text(DUE_SCHEDULE))
        seconds: int | None = connection.execute(query).scalar()
        return seconds

    def advance(
        self,
        connection: Connection,
        trigger: ScheduledTrigger,
        *,
        planned_until: int,
        next_run_at: int | None,
        last_run_at: int | None,
    ) -> bool:
        """Move a schedule on, guarded by the ``planned_until`` that was read; False if another tick was first."""
        values = {
            "advanced_id": trigger.id,
            "planned_before": to_seconds(trigger.planned_until),
            "planned_until": planned_until,
            "next_run_at": next_run_at,
            "last_run_at": last_run_at,
        }
        return connection.execute(self._advance, values).rowcount == 1

    def note_fires(self, connection: Connection, fired: Mapping[tuple[str, str], int]) -> None:
        """Store the last fire times, by trigger and workflow, of schedules that Prefect owns; later ones stay."""
        values = [
            {"fired_id": trigger_id, "fired_workflow_id": workflow_id, "fired_at": fired_at}
            for (trigger_id, workflow_id), fired_at in sorted(fired.items())
        ]
        if values:
            connection.execute(self._note_fire, values)

    def insert(self, connection: Connection, triggers: Iterable[AnyTrigger]) -> None:
        """Store new triggers, in their order."""
        rows = [_row_of(trigger) for trigger in triggers]
        for batch in in_batches(rows, 10_000):
            connection.execute(of_one_piece(insert(self._table)), batch)

    def seqs(self, connection: Connection, trigger_ids: Collection[str]) -> dict[str, int]:
        """The creation numbers of these triggers."""
        found: dict[str, int] = {}
        for batch in in_batches(sorted(trigger_ids)):
            query = select(self._columns.id, self._columns.seq).where(self._columns.id.in_(batch))
            found.update((row.id, row.seq) for row in connection.execute(query))
        return found

    def replace(
        self, connection: Connection, triggers: Sequence[AnyTrigger], *, vacate_first: Collection[str] = ()
    ) -> None:
        """Store all fields of existing triggers anew; they keep their places in the order of creation.

        ``vacate_first``: ids whose UNIQUE keys are given up before any row is written, so that two may swap them.
        """
        for batch in in_batches(sorted(vacate_first)):
            vacated = update(self._table).where(self._columns.id.in_(batch))
            # No UNIQUE key holds a null. The feed passes over a trigger without what its kind must have.
            connection.execute(vacated.values(dependency_condition=None, cron_expression=None))
        for trigger in triggers:
            connection.execute(update(self._table).where(self._columns.id == trigger.id).values(_row_of(trigger)))

    def delete(self, connection: Connection, trigger_ids: Collection[str], *, at: int) -> None:
        """Remove triggers; the feed hears from their rows that they went at this instant."""
        for batch in in_batches(sorted(trigger_ids)):
            is_meant = self._columns.id.in_(batch)
            connection.execute(update(self._table).where(is_meant).values(updated_at=at))
            connection.execute(delete(self._table).where(is_meant))

    def _of(self, connection: Connection, column: ColumnElement[Any], values: Collection[str]) -> list[AnyTrigger]:
        rows: list[AnyRow] = []
        for batch in in_batches(sorted(values)):
            rows += connection.execute(select(self._table).where(column.in_(batch)))
        return [trigger_of(row) for row in sorted(rows, key=lambda row: row.seq)]


def strict_trigger_of(row: AnyRow) -> AnyTrigger:
    """The value of a row, if it is one that could be created; else raises FlowforgeGraphError."""
    return parse_trigger(_fields_of(row))


def trigger_of(row: AnyRow) -> AnyTrigger:
    """The value of a row; of one that somebody spoiled by hand as it stands, so that it can be seen and deleted."""
    fields = _fields_of(row)
    try:
        return parse_trigger(fields)
    except FlowforgeGraphError as error:
        if row.trigger_type not in TRIGGER_CLASSES:
            raise
        log(TriggerSpoilt(trigger_id=row.id, error=str(error)))
        return TRIGGER_CLASSES[row.trigger_type].model_construct(**fields)


def _fields_of(row: AnyRow) -> dict[str, Any]:
    fields = row._mapping
    own = {name: fields[name] for name in (*_COMMON, *_OWN.get(row.trigger_type, ()))}
    if row.trigger_type == "scheduled":
        own |= {name: to_instant(fields[name]) for name in _SCHEDULE_INSTANTS}
    instants = {"created_at": to_instant(row.created_at), "updated_at": to_instant(row.updated_at)}
    return own | instants | {"enabled": bool(row.enabled)}


def _schedule_of(row: AnyRow) -> ScheduledTrigger | None:
    try:
        trigger = parse_trigger(_fields_of(row))
        if not isinstance(trigger, ScheduledTrigger) or trigger.planned_until is None:
            raise InvalidTrigger("planned_until is missing")
    except FlowforgeGraphError as error:
        log(ScheduleUnreadable(trigger_id=row.id), error=error)
        return None
    return trigger


def _row_of(trigger: AnyTrigger) -> dict[str, object]:
    # The value's own dictionary: asking a pydantic value for a field that its kind lacks costs ten times as much.
    fields = vars(trigger)
    return (
        {name: fields[name] for name in _COMMON}
        | {name: fields.get(name) for name in _ALL_OWN}
        | {name: to_seconds(fields.get(name)) for name in _SCHEDULE_INSTANTS}
        | {
            "enabled": int(trigger.enabled),
            "created_at": to_seconds(trigger.created_at),
            "updated_at": to_seconds(trigger.updated_at),
        }
    )
