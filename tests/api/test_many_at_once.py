"""Does a real server answer everybody, and do everything once, when all come at the same moment?"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from sqlalchemy import text

from flowforge_graph import DependencyTrigger, ScheduledTrigger, TriggerEngine
from tests.faults.rows import assert_history_is_sound, connected, rows
from tests.faults.waiting import eventually
from tests.support.serving import Answer, serving

SCHEDULES = 50
COMPLETIONS = 200


def make_world(engine: TriggerEngine) -> None:
    """Schedules that fire once a year, and a workflow that starts another one; all are run by their host."""
    for number in range(SCHEDULES):
        engine.create_workflow(f"yearly{number}")
        engine.create_trigger(ScheduledTrigger(workflow_id=f"yearly{number}", cron_expression="0 0 1 1 *"))
    engine.create_workflow("up")
    engine.create_workflow("down")
    engine.create_trigger(DependencyTrigger(workflow_id="down", depends_on_workflow_id="up"))
    for number in range(COMPLETIONS // 2):
        engine.start("up", execution_id=f"e{number}")


def let_all_schedules_be_due(url: str) -> int:
    """Let them have been planned up to the end of last year only; answers their fire time."""
    new_year = int(datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC).timestamp())
    with connected(url) as connection:
        statement = (
            "UPDATE workflow_triggers SET planned_until = :before, next_run_at = :due WHERE cron_expression <> ''"
        )
        connection.execute(text(statement), {"before": new_year - 1, "due": new_year})
        connection.commit()
    return new_year


def test_all_are_answered_and_each_effect_comes_once(database_url: str, tmp_path: Path) -> None:
    """Fifty schedules of one second and 200 completions at once, half of them never seen before; then all again."""
    with TriggerEngine(database_url) as engine:
        make_world(engine)
        with serving(database_url, folder=tmp_path) as server:
            assert server.url
            together = threading.Barrier(COMPLETIONS + 1)
            seconds: list[float] = []

            def complete(number: int) -> Answer:
                with server.client() as client:
                    client.connection.connect()
                    together.wait()
                    began = time.perf_counter()
                    answer = client.ask(
                        "POST", f"/api/executions/e{number}/complete", {"status": "completed", "workflowId": "up"}
                    )
                    seconds.append(time.perf_counter() - began)
                    return answer

            new_year = let_all_schedules_be_due(database_url)
            first = in_threads(complete, together)
            again = in_threads(complete, together)
            eventually(lambda: len(rows(database_url, "SELECT id FROM executions WHERE fire_time > 0")) == SCHEDULES)
            assert server.ask("GET", "/ready").status == 200
            assert server.stop() == 0
    assert [answer.status for answer in (*first, *again)] == [200] * 2 * COMPLETIONS
    assert [answer.body for answer in again] == [answer.body for answer in first]
    started = [json.loads(answer.body)["triggered"][0]["executionId"] for answer in first]
    assert {row.id for row in rows(database_url, "SELECT id FROM executions WHERE workflow_id = 'down'")} == set(
        started
    )
    assert len(set(started)) == COMPLETIONS
    ended = rows(database_url, "SELECT id FROM executions WHERE workflow_id = 'up' AND status = 'completed'")
    assert {row.id for row in ended} == {f"e{number}" for number in range(COMPLETIONS)}
    fired = rows(database_url, "SELECT workflow_id, fire_time FROM executions WHERE trigger_type = 'scheduled'")
    assert sorted(map(tuple, fired)) == sorted((f"yearly{number}", new_year) for number in range(SCHEDULES))
    assert_history_is_sound(database_url)
    assert "Traceback" not in server.said
    cuts = quantiles(seconds, n=100)
    print(f"{len(seconds)} completions, {COMPLETIONS} at once: p50 {cuts[49]:.3f} s, p99 {cuts[98]:.3f} s")


def in_threads(complete: Callable[[int], Answer], together: threading.Barrier) -> list[Answer]:
    """Everybody's answer; they begin at the same moment."""
    with ThreadPoolExecutor(COMPLETIONS) as threads:
        answers = threads.map(complete, range(COMPLETIONS))
        together.wait()
        return list(answers)
