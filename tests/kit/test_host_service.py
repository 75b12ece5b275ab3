"""Is the kit useful? The suite of the example passes, and finds a bug that is planted into a copy of the service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowforge_graph.testing import ReadableGraph, graph_of
from tests.support.documents import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "host-service"
RIGHT, WRONG = "graph.upstream(table)", "graph.upstream(table, depth=1)"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the example, to be changed."""
    shutil.copytree(EXAMPLE, tmp_path / "host-service", ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    return tmp_path / "host-service"


def suite_of(folder: Path, seed: int = 1) -> subprocess.CompletedProcess[str]:
    """Run the suite of a copy as its users do, up to the first failure, with the examples that this seed makes."""
    plugins = ["-p", "no:cacheprovider", "-p", "no:schemathesis"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", *plugins, f"--hypothesis-seed={seed}"]
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)


def test_the_suite_of_the_service_passes(copy: Path) -> None:
    """As it stands."""
    ran = suite_of(copy)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("seed", [1, 5, 8])
def test_a_planted_bug_is_found_with_three_workflows(copy: Path, seed: int) -> None:
    """A service that asks for direct upstreams only fails, with a counterexample of at most three workflows."""
    service = copy / "service.py"
    text = service.read_text(encoding="utf-8")
    assert text.count(RIGHT) == 1
    service.write_text(text.replace(RIGHT, WRONG), encoding="utf-8")
    ran = suite_of(copy, seed)
    assert ran.returncode == 1, ran.stdout
    assert "FAILED test_service.py::test_a_table_is_fresh_unless" in ran.stdout, ran.stdout
    assert re.search(r"^1 failed, 3 passed", ran.stdout, re.MULTILINE), ran.stdout
    assert len(counterexample(ran.stdout).workflow_ids) <= 3, ran.stdout


def counterexample(report: str) -> ReadableGraph:
    """The graph of the reported history, made anew from what is printed."""
    printed = re.search(r"graph_of\(.*\)(?=, \[)", report)
    assert printed, report
    graph: ReadableGraph = eval(printed[0], {"graph_of": graph_of})
    return graph
