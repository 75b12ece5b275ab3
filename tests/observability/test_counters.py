"""Do counters count each fact once, never go back, and gauges say what the database holds?"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable

import pytest

from flowforge_graph import DispatchError, PermanentDispatchError, ScheduledTrigger, TriggerEngine
from flowforge_graph.facts import CATALOGUE, Fact
from flowforge_graph.model import Health
from flowforge_graph.observability import METRICS, Counters, Sample
from flowforge_graph.testing import FixedClock, RecordingExecutor
from tests.engine.support import chain_of, depends, make_workflows, statements_of, write

MakeEngine = Callable[..., TriggerEngine]


def values(samples: Iterable[Sample]) -> dict[str, int]:
    """What is not 0, by ``name`` or ``name{label values}``."""
    return {
        sample.name + (f"{{{','.join(sample.labels.values())}}}" if sample.labels else ""): sample.value
        for sample in samples
        if sample.value
    }


def test_every_series_is_there_from_the_beginning(make_engine: MakeEngine) -> None:
    """A counter that never moved is 0, not missing; names are unique, and a snapshot has every metric."""
    samples = Counters(make_engine()).snapshot()
    assert {sample.name for sample in samples} == {metric.name for metric in METRICS}
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert values(samples) == {}
    assert len(samples) == sum(len(metric.series) for metric in METRICS)


def test_a_cascade_is_counted(make_engine: MakeEngine) -> None:
    """Ends by status, verdicts by outcome and reason, repetitions and contradictions."""
    engine = make_engine()
    chain_of(engine, "AB")
    make_workflows(engine, "C")
    engine.create_trigger(depends("C", "A", "on_failure"))
    counters = Counters(engine)
    items = [("one", "completed", "A"), ("two", "failed", "A"), ("three", "cancelled", "A")]
    engine.complete_many(items)
    engine.complete_many([*items, ("one", "failed", "A"), ("four", "completed", "nowhere")])
    assert values(counters.counted()) == {
        "executions_ended{completed}": 1,
        "executions_ended{failed}": 1,
        "executions_ended{cancelled}": 1,
        "verdicts{triggered,}": 2,
        "verdicts{skipped,condition_not_met}": 2,
        "verdicts{skipped,upstream_cancelled}": 2,
        "completions_repeated": 3,
        "completions_conflicted": 1,
        "completions_refused": 1,
    }


def test_dispatch_is_counted(make_engine: MakeEngine, clock: FixedClock) -> None:
    """Claims, starts, failures, dead letters and take-overs."""
    executor = RecordingExecutor([DispatchError("busy"), PermanentDispatchError("never")])
    engine, holder = make_engine(executor=executor), make_engine()
    make_workflows(engine, "A")
    counters = Counters(engine)
    for _ in range(3):
        engine.start("A")
    assert engine.dispatch_due() == 1
    clock.advance(minutes=2)
    (claim,) = holder.claim_due()
    holder.mark_running(claim)
    engine.dispatch_due()
    clock.advance(seconds=15)
    engine.dispatch_due()
    assert values(counters.counted()) == {
        "executions_created": 3,
        "executions_claimed": 4,
        "executions_started": 2,
        "dispatch_failures": 1,
        "executions_ended{failed}": 1,
        "executions_dead_lettered{dispatch_failed}": 1,
        "leases_taken_over": 1,
    }


def test_schedules_are_counted(make_engine: MakeEngine, clock: FixedClock) -> None:
    """Ticks, fires, and each fire time that was dropped."""
    engine = make_engine()
    make_workflows(engine, "A")
    engine.create_trigger(ScheduledTrigger(workflow_id="A", cron_expression="*/10 * * * *"))
    counters = Counters(engine)
    clock.advance(minutes=50)
    engine.tick()
    engine.tick()
    assert values(counters.counted()) == {
        "ticks": 2,
        "schedule_fires": 1,
        "schedule_fire_times_dropped{superseded}": 4,
    }


def test_gauges_say_what_the_database_holds(make_engine: MakeEngine, clock: FixedClock) -> None:
    """What is due and since when, what runs, what is claimed, and the dead letters of one day."""
    engine = make_engine()
    make_workflows(engine, "A", "B")
    engine.create_trigger(depends("B", "A", delay_minutes=5))
    counters = Counters(make_engine())
    for name in ("claimed", "running", "due", "dead", "old", "done"):
        engine.start("A", execution_id=name)
        clock.advance(seconds=1)
    claims = {claim.execution_id: claim for claim in engine.claim_due(2)}
    engine.mark_running(claims["running"])
    engine.complete("done", "completed")
    engine.complete_many([("dead", "failed"), ("old", "failed")])
    write(
        engine,
        "UPDATE executions SET reason = 'lost' WHERE id IN ('dead', 'old')",
        "UPDATE executions SET ended_at = ended_at - 86401 WHERE id = 'old'",
    )
    clock.advance(seconds=100)
    assert engine.health() == Health(
        pending_due=1, oldest_due_age_seconds=104, running=1, live_claims=2, dead_letters=1
    )
    snapshot = values(counters.snapshot())
    assert snapshot["oldest_due_age_seconds"] == 104
    assert (snapshot["pending_due"], snapshot["running"], snapshot["live_claims"]) == (1, 1, 2)
    clock.advance(minutes=5)
    assert engine.health().pending_due == 2


def test_each_gauge_is_one_query(make_engine: MakeEngine) -> None:
    """Whoever scrapes often costs five statements."""
    engine = make_engine()
    with statements_of(engine) as sent:
        engine.health()
    assert len([statement for statement in sent if statement.startswith("SELECT")]) <= 5


def test_counters_are_exact_under_threads(make_engine: MakeEngine) -> None:
    """Every fact counts once whichever thread it happens to, and no value is ever seen to go back."""
    engine = make_engine()
    chain_of(engine, "AB")
    counters = Counters(engine)
    seen: list[dict[str, int]] = []
    failures: list[BaseException] = []

    def complete(worker: int) -> None:
        try:
            for number in range(20):
                engine.complete(f"{worker}-{number}", "completed", workflow_id="A")
                seen.append(values(counters.counted()))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=complete, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    end = values(counters.counted())
    assert (end["executions_ended{completed}"], end["verdicts{triggered,}"]) == (160, 160)
    assert all(one.get(name, 0) <= end[name] for one in seen for name in end)


class Silent:
    """An engine that only hands out what a test tells."""

    def __init__(self) -> None:
        self.tell: Callable[[Fact], None] = lambda _: None

    def subscribe(self, listener: Callable[[Fact], None]) -> None:
        self.tell = listener

    def health(self) -> Health:
        return Health(pending_due=0, oldest_due_age_seconds=0, running=0, live_claims=0, dead_letters=0)


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.event)
def test_any_fact_may_be_heard(kind: type[Fact]) -> None:
    """Counters take every fact of the catalogue; those that they do not count change nothing."""
    engine = Silent()
    counters = Counters(engine)
    placeholder = {"triggered": 1, "skipped_for": {"cascade_limit": 2}, "fire_times": 3, "reason": "lost"}
    names = [field.name for field in dataclasses.fields(kind)]
    fact = kind(**{name: placeholder.get(name, "x") for name in names})
    before = {(s.name, *s.labels.values()): s.value for s in counters.snapshot()}
    engine.tell(fact)
    after = {(s.name, *s.labels.values()): s.value for s in counters.snapshot()}
    assert all(after[series] >= value for series, value in before.items())
