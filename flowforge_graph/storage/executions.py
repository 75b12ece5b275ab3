"""Rows of executions: the outbox, the claims on it, and history."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    text,
    tuple_,
    update,
)

from flowforge_graph.model import Claim, Execution
from flowforge_graph.model.ids import is_storable_text
from flowforge_graph.storage.batches import in_batches
from flowforge_graph.storage.instants import to_instant, to_seconds
from flowforge_graph.storage.tables import DUE_PENDING, LIVE_CLAIM, RUNNING_ELSEWHERE, AnyRow, Tables, of_one_piece

LIVE_STATUSES: Final = ("pending", "running")

# ``available_at`` of what may start at once. Not the instant of its recording: a clock set back afterwards, or another
# machine's slower clock, would make it wait for nothing.
AT_ONCE: Final = 0

# Nobody waits for another lock while holding this one.
_QUEUE_LOCK: Final = 0x666C6F77

_INSTANTS: Final = (
    "fire_time",
    "cancel_requested_at",
    "created_at",
    "run_after",
    "available_at",
    "started_at",
    "ended_at",
)
_CLAIMED: Final = ("status", "attempt", "started_at")
_SETTLED: Final = ("status", "reason", "error", "output", "started_at", "ended_at", "duration_ms")
_PLAIN: Final = tuple(name for name in Execution.model_fields if name not in {*_INSTANTS, "seq"})
# Unknown until an execution is claimed or ends; most rows are written before, and cost what they name.
_KNOWN_LATER: Final = frozenset(
    {"attempt", "dispatch_failures", "external_id", "join_key", "cancel_requested_at", *_SETTLED} - {"status"}
)
_ALWAYS: Final = (*_PLAIN, *_INSTANTS)
_WHEN_PENDING: Final = tuple(name for name in _ALWAYS if name not in _KNOWN_LATER)
_NOT_OF_THE_VALUE: Final = ("claim_token", "claim_renewals", "claimed_by", "cascade_size")


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedExecution:
    """An execution whose row is locked until the end of the transaction, with what is not for users' eyes."""

    execution: Execution
    claim_token: str | None
    claim_renewals: int
    cascade_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveClaim:
    """A claim that is believed, as any process can see it."""

    execution_id: str
    token: str
    renewals: int
    attempt: int
    cancel_requested: bool


class ExecutionRows:
    """Queries on ``executions``."""

    def __init__(self, tables: Tables, *, is_sqlite: bool) -> None:
        self._table = tables.executions
        self._columns = columns = tables.executions.c
        self._workflow_ids = tables.workflows.c.id
        self._workflows = tables.workflows
        self._insert_ignoring = of_one_piece(_insert_ignoring(self._table, is_sqlite=is_sqlite))
        self._insert = of_one_piece(insert(self._table))
        self._update = of_one_piece(update(self._table))
        wanted: BindParameter[str] = bindparam("ids", expanding=True)
        asked = self._table.alias("asked")
        # A union and not an OR: PostgreSQL would answer an OR with a subquery by reading the whole index.
        ids = select(asked.c.id).where(asked.c.id.in_(wanted))
        roots = select(asked.c.root_execution_id).where(asked.c.id.in_(wanted))
        self._lock = select(self._table).where(columns.id.in_(ids.union(roots))).order_by(columns.id).with_for_update()
        self._grow = (
            update(self._table)
            .where(columns.id == bindparam("grown_id"))
            .values(cascade_size=columns.cascade_size + bindparam("grown_by", type_=Integer))
        )
        # Built once: building a statement costs as much as running it.
        now = bindparam("now", type_=BigInteger)
        has_waited, is_over = columns.available_at > AT_ONCE, columns.available_at <= now
        is_over_or_delayed = or_(is_over, columns.available_at == columns.run_after)

        @lru_cache(maxsize=16)
        def due_queries(ignore_delays: bool, runs: frozenset[str] | None) -> tuple[Select[Any], Select[Any]]:
            needed = () if runs is None else (self._is_of_runs(runs),)
            return (
                self._due_where(has_waited, is_over_or_delayed if ignore_delays else is_over, *needed),
                self._due_where(columns.available_at == AT_ONCE, *needed),
            )

        self._due_queries = due_queries
        self._live_claims = select(
            columns.id, columns.claim_token, columns.claim_renewals, columns.attempt, columns.cancel_requested_at
        ).where(text(LIVE_CLAIM))
        self._claim = (
            self._update.where(columns.id == bindparam("claimed_id"))
            .values({"claim_token": bindparam("token"), "claim_renewals": 0, "claimed_by": bindparam("claimed_by")})
            .values({name: bindparam(name) for name in _CLAIMED})
        )
        self._settle = self._update.where(columns.id == bindparam("settled_id")).values(
            {name: bindparam(name) for name in _SETTLED}
        )

    # Reading

    def get(self, connection: Connection, execution_id: str) -> Execution | None:
        """The execution of this id."""
        if not is_storable_text(execution_id):
            return None
        row = connection.execute(select(self._table).where(self._columns.id == execution_id)).first()
        return None if row is None else execution_of(row)

    def get_many(self, connection: Connection, execution_ids: Collection[str]) -> dict[str, Execution]:
        """Those of these ids that exist, by id."""
        found: dict[str, Execution] = {}
        for batch in in_batches(sorted(execution_ids)):
            rows = connection.execute(select(self._table).where(self._columns.id.in_(batch)))
            found.update((row.id, execution_of(row)) for row in rows)
        return found

    def find(
        self,
        connection: Connection,
        *,
        equal: Mapping[str, object | None],
        limit: int,
        before_seq: int | None = None,
        roots: Collection[str] | None = None,
    ) -> list[Execution]:
        """The executions whose columns have the given values (None: any), newest first."""
        query = select(self._table).order_by(self._columns.seq.desc()).limit(limit)
        for name, value in equal.items():
            if value is not None:
                query = query.where(self._columns[name] == value)
        if roots is not None:
            query = query.where(self._columns.root_execution_id.in_(roots))
        if before_seq is not None:
            query = query.where(self._columns.seq < before_seq)
        return [execution_of(row) for row in connection.execute(query)]

    def of_event(self, connection: Connection, *, trigger_ids: Collection[str], event_key: str) -> list[Execution]:
        """The executions that these triggers started for this event."""
        query = (
            select(self._table)
            .where(self._columns.trigger_id.in_(sorted(trigger_ids)), self._columns.event_key == event_key)
            .order_by(self._columns.seq)
        )
        return [execution_of(row) for row in connection.execute(query)]

    def pending_of_workflow(self, connection: Connection, workflow_id: str) -> list[str]:
        """The ids of this workflow's pending executions."""
        query = select(self._columns.id).where(
            self._columns.workflow_id == workflow_id, self._columns.status == "pending"
        )
        return sorted(connection.execute(query).scalars())

    def last_statuses(self, connection: Connection) -> dict[str, str]:
        """The status of the newest execution of each workflow that has any: one look into an index a workflow."""
        newest = (
            select(self._columns.status)
            .where(self._columns.workflow_id == self._workflow_ids)
            .order_by(self._columns.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        rows = connection.execute(select(self._workflow_ids, newest))
        return {workflow_id: status for workflow_id, status in rows if status is not None}

    def running_elsewhere(
        self, connection: Connection, *, cancel_requested: bool, after_seq: int, limit: int
    ) -> list[Execution]:
        """The running executions that another engine has, by age: at most ``limit`` of those after that ``seq``.

        ``cancel_requested``: only those that somebody asked to cancel.
        """
        query = (
            select(self._table)
            .where(text(RUNNING_ELSEWHERE), self._columns.claim_token.is_(None), self._columns.seq > after_seq)
            .order_by(self._columns.seq)
            .limit(limit)
        )
        if cancel_requested:
            query = query.where(self._columns.cancel_requested_at.is_not(None))
        return [execution_of(row) for row in connection.execute(query)]

    def fire_times_taken(self, connection: Connection, fires: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        """Those of these (trigger, fire time) that have an execution."""
        fire = tuple_(self._columns.trigger_id, self._columns.fire_time)
        return {
            (row.trigger_id, row.fire_time)
            for batch in in_batches(sorted(fires))
            for row in connection.execute(
                select(self._columns.trigger_id, self._columns.fire_time).where(fire.in_(batch))
            )
        }

    def next_available_at(self, connection: Connection, roots: Collection[str] | None) -> int | None:
        """When the next unclaimed pending execution is due."""
        query = select(func.min(self._columns.available_at)).where(text(DUE_PENDING))
        if roots is not None:
            query = query.where(self._is_below(roots))
        seconds: int | None = connection.execute(query).scalar()
        return seconds

    def end_of_queue(self, connection: Connection) -> tuple[int, int] | None:
        """The last instant to which missed fires were put off, and how many were put there; None where none waits.

        Locked until the end of the transaction, so that two nodes queue theirs one after the other.
        """
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_QUEUE_LOCK)))
        available_at = self._columns.available_at
        is_put_off = (
            self._columns.trigger_type == "scheduled",
            self._columns.dispatch_failures == 0,
            available_at > self._columns.run_after,
        )
        query = (
            select(available_at, func.count())
            .where(text(DUE_PENDING), *is_put_off)
            .group_by(available_at)
            .order_by(available_at.desc())
            .limit(1)
        )
        row = connection.execute(query).first()
        return None if row is None else (row[0], row[1])

    # Starting

    def insert(self, connection: Connection, executions: Iterable[Execution]) -> None:
        """Store new executions; a second one of an id or cause breaks a UNIQUE key and with it the transaction."""
        self._insert_all(connection, self._insert, executions)

    def insert_starts(self, connection: Connection, starts: Iterable[Execution]) -> None:
        """Store what a completion starts; one whose id is there already is passed over: its end was told before."""
        self._insert_all(connection, self._insert_ignoring, starts)

    @staticmethod
    def _insert_all(connection: Connection, statement: Insert, executions: Iterable[Execution]) -> None:
        for _, alike in groupby(executions, key=lambda execution: execution.status == "pending"):
            for batch in in_batches([_row_of(execution) for execution in alike], 1_000):
                connection.execute(statement, batch)

    def insert_new(self, connection: Connection, executions: Sequence[Execution]) -> list[str]:
        """Store those whose cause has no execution yet and answer their ids, in order."""
        stored = self.get_many(connection, [execution.id for execution in executions])
        new = [execution for execution in executions if execution.id not in stored]
        self._insert_all(connection, self._insert_ignoring, new)
        return [execution.id for execution in new]

    def grow_cascades(self, connection: Connection, growth: Mapping[str, int]) -> None:
        """Count more executions in cascades, by root; the count is kept in the root's row."""
        rows = [{"grown_id": root, "grown_by": by} for root, by in sorted(growth.items())]
        if rows:
            connection.execute(self._grow, rows)

    # Ending

    def lock(self, connection: Connection, execution_ids: Collection[str]) -> dict[str, LockedExecution]:
        """These executions and the roots of their cascades, locked in the order of their ids."""
        locked: dict[str, LockedExecution] = {}
        for batch in in_batches(sorted(filter(is_storable_text, execution_ids))):
            for row in connection.execute(self._lock, {"ids": batch}):
                locked[row.id] = _locked_of(row)
        return locked

    def settle(self, connection: Connection, executions: Sequence[Execution]) -> None:
        """Write the end of executions whose rows are locked."""
        rows = [{"settled_id": e.id, **_columns_of(e, _SETTLED)} for e in executions]
        if rows:
            connection.execute(self._settle, rows)

    def request_cancel(self, connection: Connection, execution_id: str, *, at: int) -> None:
        """Ask the holder of a running execution to stop it; the first request keeps its instant."""
        requested = func.coalesce(self._columns.cancel_requested_at, at)
        connection.execute(
            update(self._table).where(self._columns.id == execution_id).values(cancel_requested_at=requested)
        )

    # Claims

    def due(
        self,
        connection: Connection,
        *,
        now: int,
        limit: int,
        roots: Collection[str] | None,
        ignore_delays: bool,
        runs: frozenset[str] | None,
    ) -> list[Execution]:
        """Pending, unclaimed and available; locked where others may claim too.

        ``runs`` leaves out what workflows without a run of these kinds are to do: another executor or their host takes
        it. (What a workflow that is gone was to do is in.)

        First those whose delay, backoff or turn is over, by that instant, then those that may start at once, by age:
        a steady stream of the latter must not keep the former waiting.
        """
        if not limit:
            return []
        waited, at_once = self._due_queries(ignore_delays, runs)
        found = self._due(connection, waited, roots, {"now": now, "most": limit})
        left = limit - len(found)
        return found + (self._due(connection, at_once, roots, {"most": left}) if left else [])

    def _due_where(self, *conditions: ColumnElement[bool]) -> Select[Any]:
        return (
            select(self._table)
            .where(text(DUE_PENDING), *conditions)
            .order_by(self._columns.available_at, self._columns.seq)
            .limit(bindparam("most", type_=Integer))
            .with_for_update(skip_locked=True)
        )

    def _due(
        self, connection: Connection, query: Select[Any], roots: Collection[str] | None, values: Mapping[str, int]
    ) -> list[Execution]:
        if roots is not None:
            query = query.where(self._is_below(roots))
        return [execution_of(row) for row in connection.execute(query, values)]

    def _is_of_runs(self, runs: frozenset[str]) -> ColumnElement[bool]:
        """That the workflow's run is of one of these kinds, or the workflow is gone."""
        workflows = self._workflows.c
        of_none = [workflows.run[kind].as_string().is_(None) for kind in sorted(runs)]
        return ~(
            select(workflows.id)
            .where(workflows.id == self._columns.workflow_id, or_(workflows.run.is_(null()), and_(*of_none)))
            .exists()
        )

    def _is_below(self, roots: Collection[str]) -> ColumnElement[bool]:
        """In the cascades of these roots, asked of what another index has found.

        Not of the bare column: its index would be taken, and with it all that these cascades have ended be read.
        """
        return (self._columns.root_execution_id + "").in_(roots)

    def claim(self, connection: Connection, claims: Sequence[Claim], *, claimed_by: str) -> None:
        """Store the tokens of fresh claims, with the attempt and the status that their executions have."""
        rows = [
            {
                "claimed_id": claim.execution_id,
                "token": claim.token,
                "claimed_by": claimed_by,
                **_columns_of(claim.execution, _CLAIMED),
            }
            for claim in claims
        ]
        if rows:
            connection.execute(self._claim, rows)

    def live_claims(self, connection: Connection) -> list[LiveClaim]:
        """All claims on executions that have not ended."""
        return [
            LiveClaim(
                execution_id=execution_id,
                token=token,
                renewals=renewals,
                attempt=attempt,
                cancel_requested=requested_at is not None,
            )
            for execution_id, token, renewals, attempt, requested_at in connection.execute(self._live_claims)
        ]

    def renew(self, connection: Connection, tokens: Collection[str]) -> dict[str, LiveClaim]:
        """Give a sign of life for these claims; those still believed come back, by token."""
        columns = self._columns
        renewed: dict[str, LiveClaim] = {}
        for batch in in_batches(sorted(tokens)):
            believed = (columns.claim_token.in_(batch), text(LIVE_CLAIM))
            # An update alone would lock in any order, and deadlock with a batch of completions.
            connection.execute(select(columns.id).where(*believed).order_by(columns.id).with_for_update()).all()
            connection.execute(update(self._table).where(*believed).values(claim_renewals=columns.claim_renewals + 1))
        wanted = frozenset(tokens)
        renewed.update((claim.token, claim) for claim in self.live_claims(connection) if claim.token in wanted)
        return renewed

    def claim_state(self, connection: Connection, execution_id: str, *, lock: bool = False) -> AnyRow | None:
        """(claim_token, status, cancel_requested_at) of an execution, its row locked where asked for."""
        columns = self._columns
        query = select(columns.claim_token, columns.status, columns.cancel_requested_at).where(
            columns.id == execution_id
        )
        return connection.execute(query.with_for_update() if lock else query).first()

    def mark_running(
        self, connection: Connection, execution_id: str, external_id: str | None, *, now: int, keeps_lease: bool
    ) -> None:
        """Pending → running, for an execution whose row is locked.

        One that runs already may learn its external id later, and with it lose the lease.
        """
        lease = {} if keeps_lease else {"claim_token": None}
        started_at = func.coalesce(self._columns.started_at, now)
        connection.execute(
            self._update.where(self._columns.id == execution_id).values(
                status="running", started_at=started_at, external_id=external_id, **lease
            )
        )

    def hand_back(
        self,
        connection: Connection,
        *,
        execution_id: str,
        token: str,
        renewals: int | None = None,
        changes: Mapping[str, object],
    ) -> bool:
        """End a claim without ending its execution: it is pending again. False if the token is not believed."""
        columns = self._columns
        query = self._update.where(
            columns.id == execution_id, columns.claim_token == token, columns.status.in_(LIVE_STATUSES)
        )
        if renewals is not None:
            query = query.where(columns.claim_renewals == renewals)
        changed = connection.execute(query.values(status="pending", started_at=None, claim_token=None, **changes))
        return changed.rowcount == 1

    # Pruning

    def ended_roots(
        self, connection: Connection, *, before: int, limit: int, among: Collection[str] | None = None
    ) -> list[str]:
        """Roots of cascades in which every execution ended before that instant."""
        columns, other = self._columns, self._table.alias("other")
        alive = (
            select(other.c.id)
            .where(
                other.c.root_execution_id == columns.id,
                or_(other.c.status.in_(LIVE_STATUSES), other.c.ended_at >= before),
            )
            .exists()
        )
        query = (
            select(columns.id)
            .where(columns.id == columns.root_execution_id, columns.ended_at < before, ~alive)
            .order_by(columns.seq)
            .limit(limit)
        )
        if among is not None:
            query = query.where(columns.id.in_(sorted(among)))
        return list(connection.execute(query).scalars())

    def of_roots(self, connection: Connection, roots: Collection[str]) -> list[Execution]:
        """All executions of these cascades."""
        query = select(self._table).where(self._columns.root_execution_id.in_(sorted(roots)))
        return [execution_of(row) for row in connection.execute(query)]

    def delete_cascades(self, connection: Connection, roots: Collection[str]) -> None:
        """Remove all executions of these cascades."""
        connection.execute(delete(self._table).where(self._columns.root_execution_id.in_(sorted(roots))))


def _insert_ignoring(table: Table, *, is_sqlite: bool) -> Insert:
    """An insert that passes over what is there already. Each dialect has its own; importing both is slow."""
    if is_sqlite:
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table).on_conflict_do_nothing()


def execution_of(row: AnyRow) -> Execution:
    """The value of a row, which was checked before it was stored."""
    fields: dict[str, Any] = dict(zip(row._fields, row, strict=True))
    for name in _NOT_OF_THE_VALUE:
        del fields[name]
    at_once = fields["available_at"] == AT_ONCE
    for name in _INSTANTS:
        if fields[name] is not None:
            fields[name] = to_instant(fields[name])
    if at_once:
        fields["available_at"] = fields["created_at"]
    return Execution.trusted(**fields)


def _locked_of(row: AnyRow) -> LockedExecution:
    return LockedExecution(
        execution=execution_of(row),
        claim_token=row.claim_token,
        claim_renewals=row.claim_renewals,
        cascade_size=row.cascade_size,
    )


def _columns_of(execution: Execution, names: Iterable[str]) -> dict[str, object]:
    fields = execution.__dict__
    return {name: to_seconds(fields[name]) if name in _INSTANTS else fields[name] for name in names}


def _row_of(execution: Execution) -> dict[str, object]:
    row = _columns_of(execution, _WHEN_PENDING if execution.status == "pending" else _ALWAYS)
    if execution.available_at <= execution.created_at:
        row["available_at"] = AT_ONCE
    return row
