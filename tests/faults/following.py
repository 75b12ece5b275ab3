"""What writers and followers of the feed do in processes of their own."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from flowforge_graph import TriggerEngine
from flowforge_graph.errors import ExecutionConflict, LeaseLost
from tests.faults.actions import tell, this, together

THE_END = "the-end"
_SLOW_WRITE = """
    INSERT INTO executions
        (id, workflow_id, workflow_name, status, root_execution_id, parameters, created_at, run_after, available_at)
    VALUES (:id, 'slow', 'slow', 'pending', :id, '{}', 1, 1, 9999999999)
"""
_IS_OVERTAKEN = """
    SELECT max(seq) > (SELECT max(seq) FROM feed WHERE subject_id = :id) FROM feed WHERE position IS NOT NULL
"""
_IS_ALONE = "SELECT count(*) FROM workflows WHERE id = 'writers-done'"


def write_at_random(seed: int, *, turns: int) -> None:
    """Start, claim, run, hand back, complete and cancel whatever is there, in competition with the others."""
    choose, engine = random.Random(seed), this.engine
    together()
    for turn in range(turns):
        engine.start(choose.choice("ab"), execution_id=f"{seed}-{turn}")
        for claim in engine.claim_due(choose.randint(1, 3)):
            with suppress(LeaseLost, ExecutionConflict):
                engine.mark_running(claim)
                if choose.random() < 0.2:
                    engine.release(claim)
                elif choose.random() < 0.2:
                    engine.cancel(claim.execution_id)
                    engine.complete(claim.execution_id, "cancelled", claim=claim)
                else:
                    engine.complete(claim.execution_id, choose.choice(["completed", "failed"]), claim=claim)
        if choose.random() < 0.1:
            engine.update_workflow("a", description=f"{seed}-{turn}")


def write_slowly(*, turns: int) -> int:
    """Open transactions that write first and commit only when others that wrote later were published.

    Answers how many of them were overtaken so.
    """
    overtaken = 0
    together()
    for turn in range(turns):
        with this.engine._context.store.database.write() as connection:
            connection.execute(text(_SLOW_WRITE), {"id": f"slow-{turn}"})
            if not _is_overtaken(connection, f"slow-{turn}"):
                return overtaken
        overtaken += 1
    return overtaken


def _is_overtaken(connection: Connection, execution_id: str) -> bool:
    """Wait until it is; False where nobody else is left who could."""
    while not connection.execute(text(_IS_OVERTAKEN), {"id": execution_id}).scalar():
        if connection.execute(text(_IS_ALONE)).scalar():
            return False
        time.sleep(0.002)
    return True


def write_and_trim(*, turns: int) -> None:
    """Write two rows a turn and trim the feed each time; tell when half of it is done, and write the end."""
    for turn in range(turns):
        this.engine.complete(f"{turn}", "failed", workflow_id="a")
        this.engine.update_workflow("a", description=f"{turn}")
        this.engine.prune(datetime(2000, 1, 1, tzinfo=UTC))
        if turn == turns // 2:
            tell("half")
    this.engine.create_workflow(THE_END)


def follow(url: str, seed: int, *, restarts_after: int) -> list[tuple[int, str, str, str]]:
    """Read on until the end is told, with an engine that begins anew at its last position after some pages."""
    choose, position = random.Random(seed), 0
    found: list[tuple[int, str, str, str]] = []
    together()
    while True:
        with TriggerEngine(url) as engine:
            for _ in range(restarts_after):
                page = engine.read_events(position, limit=choose.choice([1, 7, 500]))
                assert not page.pruned
                assert not page.is_foreign
                found += [(event.position, event.kind, event.change, event.subject_id) for event in page.events]
                position = page.position
                if page.is_complete and (found and found[-1][3] == THE_END):
                    return found
                time.sleep(0.001)
