"""The ledger outside the engine: each start of an execution, on the disk before the engine hears that it started."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from flowforge_graph.model import Execution
from tests.faults.files import append_line, lines_of
from tests.faults.rows import rows

_BY_HAND = "-"


def note_start(ledger: str | Path, execution: Execution) -> None:
    """Append the execution's id, its attempt and what caused it."""
    append_line(ledger, execution.id, execution.attempt, cause_of(execution))


def cause_of(execution: Execution) -> str:
    """The trigger and what it answered to; a start by hand has no cause, and may come as often as it likes."""
    if execution.trigger_type == "manual":
        return _BY_HAND
    fire_time = execution.fire_time and int(execution.fire_time.timestamp())
    return f"{execution.trigger_id}/{execution.upstream_execution_id or fire_time or execution.event_key}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Starts:
    """What a ledger says: how many ``starts``, how many of them ``again`` after a lost holder, and what is wrong.

    ``twice`` are causes with more than one id, ``stale`` starts whose attempt was not higher than one before.
    """

    starts: int
    again: int
    twice: int
    stale: int


def starts_of(ledger: Path) -> Starts:
    """Read the ledger from its first line to its last."""
    attempts: dict[str, int] = {}
    ids: defaultdict[str, set[str]] = defaultdict(set)
    lines, stale = lines_of(ledger), 0
    for execution_id, attempt, cause in lines:
        stale += int(attempt) <= attempts.get(execution_id, 0)
        attempts[execution_id] = int(attempt)
        if cause != _BY_HAND:
            ids[cause].add(execution_id)
    twice = sum(len(own) > 1 for own in ids.values())
    return Starts(starts=len(lines), again=len(lines) - len(attempts), twice=twice, stale=stale)


def assert_ledger_is_sound(url: str, ledger: Path) -> Starts:
    """Whatever was started is stored; an id came again only with a higher attempt; no cause has two ids."""
    read = starts_of(ledger)
    assert (read.twice, read.stale) == (0, 0)
    stored = {row.id for row in rows(url, "SELECT id FROM executions")}
    stored |= {row.execution_id for row in rows(url, "SELECT execution_id FROM tombstones")}
    assert {line[0] for line in lines_of(ledger)} <= stored
    return read
