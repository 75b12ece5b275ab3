"""A run as text for a terminal, as Markdown for the page, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from benchmarks.measure import Row

_HEADS = ("work", "ours", "floor", "ratio", "target", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Area:
    """The rows of one area, and how long measuring took."""

    name: str
    about: str
    rows: tuple[Row, ...]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A whole run."""

    began: datetime
    command: str
    machine: dict[str, str]
    areas: Sequence[Area]

    def as_text(self) -> str:
        """For a terminal."""
        head = [f"{name}: {value}" for name, value in self._head().items()]
        return "\n".join([*head, *(area_as_text(area) for area in self.areas)])

    def as_markdown(self) -> str:
        """The measured part of docs/benchmarks.md."""
        head = [f"- {name}: {value}" for name, value in self._head().items()]
        return "\n".join([*head, *(_area_as_markdown(area) for area in self.areas)]) + "\n"

    def as_json(self) -> str:
        """Every row with its fields."""
        areas = [
            {"area": area.name, "seconds": round(area.seconds, 1), "rows": [_row_as_json(row) for row in area.rows]}
            for area in self.areas
        ]
        return json.dumps({"run": self._head(), "areas": areas}, ensure_ascii=False, indent=2) + "\n"

    def _head(self) -> dict[str, str]:
        return {"run": f"`{self.command}`, {self.began:%Y-%m-%d %H:%M} UTC"} | self.machine


def area_as_text(area: Area) -> str:
    """The table of one area, in columns."""
    lines = [_HEADS, *(_cells(row) for row in area.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADS))]
    shown = [_one_line(line, widths) for line in lines]
    notes = [f"  {row.work}: {row.note}" for row in area.rows if row.note]
    return "\n".join([f"\n== {area.name}: {area.about} ({area.seconds:.0f} s)", *shown, *notes])


def _one_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _area_as_markdown(area: Area) -> str:
    lines = [_HEADS, ("---",) * len(_HEADS), *(_cells(row) for row in area.rows)]
    table = ["| " + " | ".join(cells) + " |" for cells in lines]
    notes = [f"- {row.work}: {row.note}" for row in area.rows if row.note]
    return "\n".join([f"\n## {area.name.capitalize()}\n", f"{area.about}.\n", *table, *(["", *notes] if notes else [])])


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:,.2f}×"
    target = "" if row.target is None else f"{row.target}×"
    return (row.work, row.ours, row.floor, ratio, target, row.verdict)


def _row_as_json(row: Row) -> dict[str, object]:
    return {
        "work": row.work,
        "ours": row.ours,
        "floor": row.floor,
        "ratio": row.ratio,
        "target": None if row.target is None else str(row.target),
        "verdict": row.verdict,
        "note": row.note,
    }
