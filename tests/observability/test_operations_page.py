"""The page about operations names every event, metric and check as it is, and no other."""

from __future__ import annotations

import dataclasses
import logging
import re

from flowforge_graph.facts import CATALOGUE, Fact
from flowforge_graph.observability import CHECKS, METRICS, Limits, Metric
from tests.support.documents import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def rows_below(heading: str) -> list[str]:
    """The lines of the last table of a section, without its head."""
    (section,) = re.findall(rf"^## {heading}$(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| `.*\|$", section, re.MULTILINE)


def row_of_fact(kind: type[Fact]) -> str:
    """How the page shows a fact."""
    meaning = str(kind.__doc__).splitlines()[0].replace("``", "`")
    fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(kind))
    return f"| `{kind.event}` | {logging.getLevelName(kind.level)} | {meaning} | {fields} |"


def row_of_metric(metric: Metric) -> str:
    """How the page shows a metric."""
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "-"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |"


def test_every_event_is_documented() -> None:
    """Name, level, meaning and fields, in the order of the catalogue."""
    assert rows_below("The log") == [row_of_fact(kind) for kind in CATALOGUE]


def test_every_metric_is_documented() -> None:
    """Name, kind, labels and meaning."""
    assert rows_below("Counters and gauges") == [row_of_metric(metric) for metric in METRICS]


def test_every_check_is_documented() -> None:
    """In the order of the lines."""
    assert [row.split("`")[1] for row in rows_below("The doctor")] == list(CHECKS)


def test_the_limits_are_those_of_the_page() -> None:
    """The numbers that the page names are the defaults."""
    limits = Limits()
    assert f"less than {limits.little_space_mib // 1_024} GiB (warning) or {limits.no_space_mib} MiB" in PAGE
    assert f"more than {limits.skew_warning_seconds:.0f} s (warning) or {limits.skew_problem_seconds:.0f} s" in PAGE
    assert f"the default of {limits.watch_seconds:.0f} s" in PAGE
