"""Diagrams beside the bare layout program on the same DOT text."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from benchmarks.databases import Databases
from benchmarks.graphs import layered, triggers_of
from benchmarks.measure import Row, at_most, duration, seconds_of, side_by_side
from benchmarks.sizes import Sizes
from flowforge_graph import TriggerGraph


def rows(sizes: Sizes, _databases: Databases) -> Iterator[Row]:
    """Ten layers of workflows with two triggers each: as text, as SVG and as PNG."""
    graph = TriggerGraph()
    graph.add_all(triggers_of(layered(2 * sizes.boxes)))
    text = graph.to_dot()
    yield Row(
        work=f"{len(graph.digraph):,} workflows, to_dot",
        ours=duration(side_by_side(sizes.rounds, ours=lambda: seconds_of(graph.to_dot)).seconds("ours")),
    )
    for name, draw in (("svg", graph.to_svg), ("png", graph.to_png)):
        measured = side_by_side(
            sizes.few_rounds,
            ours=lambda draw=draw: seconds_of(draw),  # type: ignore[misc]
            floor=lambda name=name: seconds_of(lambda: _laid_out(text, name)),  # type: ignore[misc]
        )
        assert _laid_out(text, name).startswith(b"\x89PNG" if name == "png" else b"<?xml")
        yield Row(
            work=f"{len(graph.digraph):,} workflows, to_{name}",
            ours=duration(measured.seconds("ours")),
            floor=f"{_program()[1]} -T{name} {duration(measured.seconds('floor'))}",
            ratio=measured.ratio("ours", to="floor"),
            target=at_most(3),
        )


def _laid_out(text: str, image_format: str) -> bytes:
    program, _ = _program()
    return subprocess.run(
        [program, "-Kdot", f"-T{image_format}"], input=text.encode(), capture_output=True, check=True
    ).stdout


def _program() -> tuple[str, str]:
    """The layout program that is measured, which is the one that draws, and its name."""
    beside = Path(sysconfig.get_path("scripts")) / "graphviz-pure"
    program = shutil.which("dot") or (os.fspath(beside) if beside.exists() else shutil.which("graphviz-pure"))
    assert program is not None
    return program, Path(program).name
