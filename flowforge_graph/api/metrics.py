"""Counters and gauges as prometheus-client wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from flowforge_graph.errors import DatabaseError
from flowforge_graph.observability import Counters, Metric, Sample

_PREFIX = "flowforge_graph_"


class EngineCollector(Collector):
    """What an engine has counted, and what its database knows, at each scrape.

    A database that does not answer costs the gauges, not the counters; ``database_up`` says so.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """Nothing: so that registering asks no database."""
        return []

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """One family a metric."""
        samples, is_up = self._samples()
        by_metric: dict[Metric, list[Sample]] = defaultdict(list)
        for sample in samples:
            by_metric[sample.metric].append(sample)
        for metric, of_metric in by_metric.items():
            yield _family(metric, of_metric)
        yield GaugeMetricFamily(f"{_PREFIX}database_up", "1 where the database answered this scrape", int(is_up))

    def _samples(self) -> tuple[list[Sample], bool]:
        try:
            return self._counters.snapshot(), True
        except DatabaseError:
            return self._counters.counted(), False


def _family(metric: Metric, samples: Iterable[Sample]) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(f"{_PREFIX}{metric.name}", metric.meaning, labels=metric.labels)
    for sample in samples:
        family.add_metric([sample.labels[label] for label in metric.labels], sample.value)
    return family
