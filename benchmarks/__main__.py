"""``python -m benchmarks``: run the areas, print a table for each, and write the run down where asked."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.areas import AREAS
from benchmarks.databases import Databases
from benchmarks.machine import machine
from benchmarks.report import Area, Report, area_as_text
from benchmarks.sizes import QUICK, Sizes

_NUMBERS = tuple(field.name for field in fields(Sizes) if field.name != "folder")
_MARK = "<!-- measured: everything below is written by `python -m benchmarks --markdown` -->\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for."""
    options = _parsed(arguments)
    with ExitStack() as opened:
        folder = options.folder or Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="flowforge-bench-")))
        sizes = _sizes(options, folder)
        databases = opened.enter_context(Databases(folder))
        report = Report(
            began=datetime.now(UTC), command=_command(arguments), machine=machine(folder), areas=(areas := [])
        )
        _say(report.as_text())
        for name in options.area or AREAS:
            areas.append(_measured(name, sizes, databases))
            _say(area_as_text(areas[-1]))
    _write(report, options)
    return 0


def _measured(name: str, sizes: Sizes, databases: Databases) -> Area:
    about, measure = AREAS[name]
    began = time.perf_counter()
    rows = tuple(measure(sizes, databases))
    return Area(name=name, about=about, rows=rows, seconds=time.perf_counter() - began)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: under two minutes")
    parser.add_argument("--area", action="append", choices=list(AREAS), help="only this area; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the run as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables into this page, below its mark")
    parser.add_argument("--folder", type=Path, help="where the databases lie: the disk that is measured")
    for name in _NUMBERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, metavar="N")
    return parser.parse_args(arguments)


def _sizes(options: argparse.Namespace, folder: Path) -> Sizes:
    sizes = Sizes(folder=folder, **(QUICK if options.quick else {}))
    given = {name: getattr(options, name) for name in _NUMBERS if getattr(options, name) is not None}
    return replace(sizes, **given)


def _command(arguments: Sequence[str] | None) -> str:
    given = list(sys.argv[1:] if arguments is None else arguments)
    shown = [word for word in given if not word.startswith(("--json", "--markdown", "--folder", "/"))]
    return " ".join(["python -m benchmarks", *(word for word in shown if not word.endswith((".md", ".json")))])


def _write(report: Report, options: argparse.Namespace) -> None:
    if options.json:
        options.json.write_text(report.as_json(), encoding="utf-8")
    if options.markdown:
        page = options.markdown.read_text(encoding="utf-8") if options.markdown.exists() else ""
        written = page.partition(_MARK)[0] + _MARK + "\n" + report.as_markdown()
        options.markdown.write_text(written, encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
