"""The folder of one cascade, and the two file formats in it. Two cascades at once never touch each other's files."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Row = dict[str, Any]

LAKE = Path(__file__).parent / "lake"
CASCADE = os.environ.get("FLOWFORGE_ROOT_EXECUTION_ID", "by-hand")


def path_of(layer: str, name: str) -> Path:
    """Where a file of this cascade belongs; its folder is made."""
    folder = LAKE / CASCADE / layer
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def read_lines(layer: str, name: str) -> list[Row]:
    with path_of(layer, name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write_lines(layer: str, name: str, rows: Iterable[Row]) -> None:
    write_text(layer, name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_table(layer: str, name: str, rows: list[Row]) -> None:
    with path_of(layer, name).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def write_text(layer: str, name: str, text: str) -> None:
    """Write a whole file or nothing: an attempt that is killed leaves no half of it to the next one."""
    target = path_of(layer, name)
    half = target.with_suffix(".half")
    half.write_text(text, encoding="utf-8")
    half.replace(target)
