"""Is a completion with ten thousand downstream workflows all or nothing, wherever the process dies?"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from itertools import count

from flowforge_graph import TriggerEngine
from flowforge_graph.engine import DefinitionChanges
from flowforge_graph.model import DependencyTrigger, Workflow
from tests.faults import actions
from tests.faults.forms import so_many
from tests.faults.rows import assert_history_is_sound, rows
from tests.faults.workers import SURVIVED, workers

WIDTH = 10_000
# A life costs a second or two, so the short form dies before each so-manieth step only, beginning anywhere.
STRIDE = so_many(short=6, long=1)


def test_a_fan_out_killed_midway_is_all_or_nothing(database_url: str, saw: Callable[..., None]) -> None:
    """A kill between any two statements leaves ten thousand executions or none; told again, there are all of them."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed: {seed}")
    kills = halves = 0
    with TriggerEngine(database_url) as survivor:
        fan_out(survivor)
        for number in count(random.Random(seed).randrange(1, STRIDE + 1), STRIDE):
            survived = complete_until(number, database_url)
            halves += downstream_of(f"e{number}", database_url) not in {0, WIDTH}
            kills += not survived
            assert len(survivor.complete(f"e{number}", "completed", workflow_id="up").triggered) == WIDTH
            assert downstream_of(f"e{number}", database_url) == WIDTH
            if survived:
                break
    assert kills > 20 / STRIDE
    assert halves == 0
    assert_history_is_sound(database_url)
    saw(kills=kills, width=WIDTH, half_written=halves)


def fan_out(engine: TriggerEngine) -> None:
    names = [f"w{number}" for number in range(WIDTH)]
    workflows = tuple(Workflow(id=name) for name in ("up", *names))
    engine.change_definitions(lambda _: DefinitionChanges(put_workflows=workflows))
    engine.create_triggers([DependencyTrigger(workflow_id=name, depends_on_workflow_id="up") for name in names])


def complete_until(number: int, url: str) -> bool:
    """Let a process complete an execution, killed before its step of this number; whether it survived."""
    with workers(1) as (worker,):
        worker.call(actions.open_engine, url)
        worker.ask(actions.die_in, number, "complete", f"e{number}", "completed", workflow_id="up")
        survived = SURVIVED in list(worker.words())
        assert survived or worker.join() == -signal.SIGKILL
    return survived


def downstream_of(execution_id: str, url: str) -> int:
    query = "SELECT count(*) AS n FROM executions WHERE upstream_execution_id = :id"
    return int(rows(url, query, id=execution_id)[0].n)
