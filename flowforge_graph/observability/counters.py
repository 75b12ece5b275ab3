"""Counters and gauges of one engine, as plain values: a host maps them to whatever it exports."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, get_args

from flowforge_graph.facts import Fact, Listener, catalogue
from flowforge_graph.model import END_STATUSES, Health, ReasonCode
from flowforge_graph.model.executions import DEAD_LETTER_REASONS
from flowforge_graph.schedules.misfire import DropReason

Kind = Literal["counter", "gauge"]
LabelValues = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """What is measured. ``series`` are the values of its labels that are known beforehand; each begins at 0."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    series: Sequence[LabelValues] = ((),)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The value of one series of a metric at one instant."""

    metric: Metric
    labels: Mapping[str, str] = field(default_factory=dict)
    value: int

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.metric.name


class Countable(Protocol):
    """What counters ask of an engine."""

    def subscribe(self, listener: Listener) -> None:
        """Call the listener with each fact."""

    def health(self) -> Health:
        """The counts that the database knows."""


def _each(values: Iterable[str]) -> tuple[LabelValues, ...]:
    return tuple((value,) for value in sorted(values))


ENDED: Final = Metric(
    name="executions_ended",
    kind="counter",
    meaning="executions that ended, by status",
    labels=("status",),
    series=_each(END_STATUSES),
)
VERDICTS: Final = Metric(
    name="verdicts",
    kind="counter",
    meaning="what triggers answered to completions, by outcome and reason (empty for `triggered`)",
    labels=("outcome", "reason"),
    series=(("triggered", ""), *(("skipped", reason) for reason in get_args(ReasonCode))),
)
DEAD: Final = Metric(
    name="executions_dead_lettered",
    kind="counter",
    meaning="executions that ended `failed` after their last try, by reason",
    labels=("reason",),
    series=_each(DEAD_LETTER_REASONS),
)
DROPPED: Final = Metric(
    name="schedule_fire_times_dropped",
    kind="counter",
    meaning="due fire times that a misfire policy did not start, by reason",
    labels=("reason",),
    series=_each(get_args(DropReason)),
)

# Facts that are counted one by one.
_COUNTED: Final[Mapping[type[Fact], Metric]] = {
    fact: Metric(name=name, kind="counter", meaning=meaning)
    for fact, name, meaning in (
        (catalogue.ExecutionCreated, "executions_created", "executions that a person or an event made"),
        (catalogue.ExecutionClaimed, "executions_claimed", "executions that this process took to start them"),
        (catalogue.ExecutionStarted, "executions_started", "executions that the executor has started"),
        (catalogue.CompletionRepeated, "completions_repeated", "completions told again, which started nothing"),
        (catalogue.CompletionConflicted, "completions_conflicted", "completions that contradicted the recorded one"),
        (catalogue.CompletionRefused, "completions_refused", "completions of nothing known, or invalid"),
        (catalogue.DispatchFailed, "dispatch_failures", "starts that the executor refused and that are tried again"),
        (catalogue.LeaseTakenOver, "leases_taken_over", "executions that this process took from a lost holder"),
        (catalogue.LeaseLost, "leases_lost", "claims of this process that are believed no more"),
        (catalogue.ScheduleFired, "schedule_fires", "fire times that became executions"),
        (catalogue.Ticked, "ticks", "looks at the schedules"),
        (catalogue.CycleRefused, "cycles_refused", "triggers refused because they would close a cycle"),
        (catalogue.GraphLoaded, "graph_loads", "times that the whole graph was read from its rows"),
        (catalogue.DatabaseRetried, "database_retries", "transactions that were decided anew"),
        (catalogue.DatabaseUnreachable, "database_unreachable", "times that no server answered"),
    )
}

# What the database knows, by the field of Health.
_GAUGES: Final[Mapping[str, Metric]] = {
    name: Metric(name=name, kind="gauge", meaning=meaning)
    for name, meaning in (
        ("pending_due", "executions that may start now and that nobody has claimed"),
        ("oldest_due_age_seconds", "seconds for which the oldest of them has waited"),
        ("running", "executions that run"),
        ("live_claims", "claims on executions that have not ended"),
        ("dead_letters", "dead letters of the last 24 hours"),
    )
}

METRICS: Final[tuple[Metric, ...]] = (ENDED, VERDICTS, DEAD, DROPPED, *_COUNTED.values(), *_GAUGES.values())

_Step = tuple[Metric, LabelValues, int]


class Counters:
    """Counts the facts of one engine from now on; nothing that happened before, or in another process.

    Args:
        engine: whose facts to count, and whose database to ask for the gauges.

    Thread-safe. Counting a fact costs one lock and a few additions.
    """

    def __init__(self, engine: Countable) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._counts = {(m, labels): 0 for m in METRICS if m.kind == "counter" for labels in m.series}
        engine.subscribe(self._count)

    def snapshot(self) -> list[Sample]:
        """Every counter and gauge now. Five small queries. Raises DatabaseError: :meth:`counted` needs no database."""
        return [*self.counted(), *gauges_of(self._engine.health())]

    def counted(self) -> list[Sample]:
        """Every counter now: all as of one instant, none ever lower than before."""
        with self._lock:
            counts = dict(self._counts)
        return [
            Sample(metric=metric, labels=dict(zip(metric.labels, labels, strict=True)), value=value)
            for (metric, labels), value in counts.items()
        ]

    def _count(self, fact: Fact) -> None:
        with self._lock:
            for metric, labels, by in _steps_of(fact):
                self._counts[metric, labels] = self._counts.get((metric, labels), 0) + by


def gauges_of(health: Health) -> list[Sample]:
    """The gauges that the database knows."""
    return [Sample(metric=metric, value=getattr(health, name)) for name, metric in _GAUGES.items()]


def _steps_of(fact: Fact) -> Iterator[_Step]:
    match fact:
        case catalogue.End():
            yield from _steps_of_end(fact)
        case catalogue.ScheduleDropped():
            yield DROPPED, (fact.reason,), fact.fire_times
        case _ if type(fact) in _COUNTED:
            yield _COUNTED[type(fact)], (), 1


def _steps_of_end(end: catalogue.End) -> Iterator[_Step]:
    yield ENDED, (end.status,), 1
    yield VERDICTS, ("triggered", ""), end.triggered
    for reason, count in end.skipped_for.items():
        yield VERDICTS, ("skipped", reason), count
    if isinstance(end, catalogue.ExecutionDeadLettered):
        yield DEAD, (end.reason or "",), 1
