"""What tests counted (rounds, kills, what was lost), carried from every worker to the end of the run and told there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

_PROPERTY = "saw"
# Summed over all tests: the promises of the fault suite in four numbers.
_SUMMED = ("kills", "rounds", "lost", "twice")

Figures = dict[str, int | float | str]


def noted(figures: Figures) -> tuple[str, Figures]:
    """The figures of one test as a property of its report, which crosses processes."""
    return _PROPERTY, figures


def told(reports: Iterable[Any]) -> list[str]:
    """A line for each test that counted something, and one for the sums; none where nobody did."""
    lines: list[str] = []
    sums: Counter[str] = Counter()
    for report in sorted(reports, key=lambda report: str(report.nodeid)):
        for figures in (value for name, value in report.user_properties if name == _PROPERTY):
            lines.append(f"{report.nodeid.rpartition('/')[2]}: {_in_words(figures)}")
            sums.update({name: figures[name] for name in _SUMMED if name in figures})
    return [*lines, f"all together: {_in_words({name: sums[name] for name in _SUMMED})}"] if lines else []


def _in_words(figures: Figures) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in figures.items())


def _number(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else value
