"""What a host sees of the engine: log records as JSON, counters and gauges, and the doctor.

The engine knows none of this. It tells facts (:mod:`flowforge_graph.facts`); here something is made of them.
"""

from flowforge_graph.observability.counters import METRICS, Counters, Metric, Sample
from flowforge_graph.observability.doctor import CHECKS, examine
from flowforge_graph.observability.findings import Finding
from flowforge_graph.observability.log_lines import JsonFormatter
from flowforge_graph.observability.look import Limits

__all__ = ["CHECKS", "METRICS", "Counters", "Finding", "JsonFormatter", "Limits", "Metric", "Sample", "examine"]
