"""The command line as tests use it: in this process for most, as a process of its own where signals or pipes matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph.cli import main
from flowforge_graph.cli.options import DATABASE_VARIABLE

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as exactly one JSON document."""
        return json.loads(self.out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that the default database is this test's alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def cli(folder: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run a command in this process."""

    def run(*words: str) -> Answer:
        capfd.readouterr()
        code = main(words)
        captured = capfd.readouterr()
        return Answer(int(code), captured.out, captured.err)

    return run


@pytest.fixture
def write_file(folder: Path) -> Callable[..., str]:
    """Write a trigger file from the indented text of its workflows; answers its name."""

    def write(workflows: str, name: str = "flow.yaml") -> str:
        body = textwrap.indent(textwrap.dedent(workflows), "  ")
        (folder / name).write_text(f"version: 1\nname: flow\nworkflows:\n{body}", encoding="utf-8")
        return name

    return write


@pytest.fixture
def spawn(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a command as a process of its own; none outlives the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(*words: str, **keywords: Any) -> subprocess.Popen[str]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment()}
        process = subprocess.Popen(
            [sys.executable, "-m", "flowforge_graph", *words], cwd=folder, **(options | keywords)
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def environment(**changes: str) -> dict[str, str]:
    """The environment of a process that imports this checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in {DATABASE_VARIABLE, "NO_COLOR"}}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def python_run(code: str) -> str:
    """The ``run`` of a workflow, in the file's words, that runs a line of Python."""
    return json.dumps({"command": [sys.executable, "-c", code]})
