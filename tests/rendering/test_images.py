"""Is the layout program found, bounded, ended, and its failure told in one sentence?"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flowforge_graph import DiagramView, ImageError, ImageLimits
from flowforge_graph.rendering import diagram_of, dot_text, png_bytes, svg_text
from tests.rendering.support import chain, layout_program
from tests.support.documents import ROOT

DIAGRAM = diagram_of(chain("a", "b"))
# As a layout program does, it reads all of its stdin first.
SLEEPER = "cat > /dev/null; sleep 600 & echo $! > {folder}/pids; echo $$ >> {folder}/pids; wait"


@pytest.fixture
def fake_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a shell script named ``dot`` first on the PATH."""

    def put(script: str) -> Path:
        (tmp_path / "dot").write_text(f"#!/bin/sh\n{script.format(folder=tmp_path)}\n")
        (tmp_path / "dot").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return tmp_path

    return put


def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a ``dot`` on the PATH nor the package that brings a program."""

    def missing(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.metadata, "files", missing)


def ended(folder: Path) -> bool:
    """Whether the script and what it started are gone, or were ended before they could say who they are."""
    if not (folder / "pids").exists():
        return True
    return not any(is_alive(int(pid)) for pid in (folder / "pids").read_text().split())


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its end to be noticed does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition: Any) -> None:
    """Until it holds; a hang is ended by the limit of the test run."""
    while not condition():
        time.sleep(0.02)


def test_the_package_brings_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing on the PATH is needed: the program of graphviz-pure is found where it was installed."""
    monkeypatch.setenv("PATH", "")
    assert svg_text(DIAGRAM).startswith("<svg")
    assert png_bytes(DIAGRAM).startswith(b"\x89PNG")


def test_dot_on_the_path_comes_first(fake_dot: Any) -> None:
    """With the words that the graphviz package gives it, and the DOT text on its stdin."""
    folder = fake_dot('echo "$@" > {folder}/words; cat > {folder}/text; echo "<svg>drawn</svg>"')
    assert svg_text(DIAGRAM) == "<svg>drawn</svg>\n"
    assert (folder / "words").read_text() == "-Kdot -Tsvg\n"
    assert (folder / "text").read_text() == dot_text(DIAGRAM)


def test_a_program_on_the_path_is_the_last_resort(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As pipx or a distribution installs graphviz-pure: without our environment knowing of it."""
    shutil.copy(layout_program(), tmp_path / "graphviz-pure")
    nothing_installed(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert svg_text(DIAGRAM).startswith("<svg")


def test_with_nothing_installed_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that installs a program; DOT needs none."""
    nothing_installed(monkeypatch)
    with pytest.raises(ImageError, match="pip install graphviz-pure"):
        svg_text(DIAGRAM)
    assert dot_text(DIAGRAM).startswith("digraph")


def test_too_many_workflows_are_not_even_tried(fake_dot: Any) -> None:
    """The sentence says how many are drawn, and what to do instead."""
    folder = fake_dot("touch {folder}/ran")
    with pytest.raises(ImageError, match=r"of 2 workflows is not laid out \(at most 1\): draw the neighbourhood"):
        svg_text(DIAGRAM, ImageLimits(workflows=1))
    assert not (folder / "ran").exists()


def test_a_layout_that_takes_too_long_is_ended_with_all_it_started(fake_dot: Any) -> None:
    """The whole process group, at the limit."""
    folder = fake_dot(SLEEPER)
    with pytest.raises(ImageError, match=r"longer than 0\.5 s and was stopped"):
        png_bytes(DIAGRAM, ImageLimits(seconds=0.5))
    wait_until(lambda: ended(folder))


def test_an_interrupted_layout_is_ended_with_all_it_started(fake_dot: Any) -> None:
    """Ctrl-C reaches Python alone, since the program is in a group of its own."""
    folder = fake_dot(SLEEPER)
    program = "from tests.rendering.test_images import *; svg_text(DIAGRAM)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    caller = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)
    wait_until(lambda: (folder / "pids").exists() and len((folder / "pids").read_text().split()) == 2)
    assert not ended(folder)
    caller.send_signal(signal.SIGINT)
    _, told = caller.communicate()
    assert b"KeyboardInterrupt" in told
    wait_until(lambda: ended(folder))


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("printf 'Warning: fonts\\nError: no \\033[31mplugin' >&2; exit 1", r"diagram: Error: no \\x1b\[31mplugin"),
        ("exit 3", "ended with code 3 and said nothing"),
        ("kill -SEGV $$", "ended with code -11 and said nothing"),
        ("cat > /dev/null", "ended with code 0 and said nothing"),
        ("echo 'no picture at all'", "answered no SVG"),
    ],
    ids=["an error", "silence", "a crash", "no output", "other output"],
)
def test_a_program_that_fails_is_quoted_in_one_sentence(fake_dot: Any, script: str, complaint: str) -> None:
    """Its first complaint, without what a terminal would obey; a program that reads nothing is no error by itself."""
    fake_dot(script)
    with pytest.raises(ImageError, match=complaint) as refused:
        svg_text(DIAGRAM)
    assert str(refused.value).isprintable()


def test_a_program_that_cannot_be_started(fake_dot: Any) -> None:
    """Neither is a traceback of subprocess."""
    folder = fake_dot("")
    (folder / "dot").write_bytes(b"\x7fELF not really")
    with pytest.raises(ImageError, match="dot could not be started: Exec format error"):
        svg_text(DIAGRAM)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets another process set these limits")
def test_memory_and_processor_time_are_bounded(fake_dot: Any) -> None:
    """A program that runs away is ended by the kernel, whatever becomes of us."""
    fake_dot("sleep 1; ulimit -v > {folder}/memory; ulimit -t > {folder}/seconds; echo '<svg/>'")
    svg_text(DIAGRAM, ImageLimits(seconds=30))
    folder = Path(shutil.which("dot") or "").parent
    assert (folder / "memory").read_text() == f"{4 * 1024**2}\n"
    assert (folder / "seconds").read_text() == "31\n"


def test_the_text_of_the_picture_does_not_name_the_program() -> None:
    """No comment, no prolog, and a generic font that every reader knows."""
    svg = svg_text(diagram_of(chain("a", "b"), DiagramView(title="Small")))
    assert "<!" not in svg
    assert "Generated by" not in svg
    assert "sans-Serif" not in svg
    assert ", sans-serif" in svg


def test_importing_the_room_loads_no_graphviz() -> None:
    """The package that knows about programs is loaded by the first picture."""
    program = "import flowforge_graph.rendering, flowforge_graph.graph, sys; print('graphviz' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT) == b"False\n"
