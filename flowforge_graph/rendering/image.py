"""Running the layout program, which is the one part of a diagram that can take for ever.

A program of its own, in its own process group, with a limit of time and size: 2,000 workflows can take it minutes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from flowforge_graph.errors import DiagramTooLarge, ImageError, printable
from flowforge_graph.rendering.dot import dot_text
from flowforge_graph.rendering.limits import ImageLimits
from flowforge_graph.rendering.picture import Diagram
from flowforge_graph.rendering.svg import finished_svg

ImageFormat = Literal["svg", "png"]

_PURE: Final = "graphviz-pure"
_MOST_MEMORY: Final = 4 * 1024**3
_LONGEST_COMPLAINT: Final = 200
_NOTHING_INSTALLED: Final = (
    "no layout program was found: 'pip install graphviz-pure' brings one, or install Graphviz so that 'dot' is on the "
    "PATH; the DOT text needs neither"
)


def svg_text(diagram: Diagram, limits: ImageLimits | None = None) -> str:
    """The diagram as SVG.

    Raises ImageError where no layout program is installed, where it fails, and where the diagram is beyond ``limits``.
    """
    drawn = _laid_out(diagram, "svg", limits or ImageLimits()).decode("utf-8", "replace")
    if "<svg" not in drawn:
        raise ImageError("the layout program answered no SVG: is the 'dot' on the PATH that of Graphviz?")
    return finished_svg(drawn, theme=diagram.view.theme)


def png_bytes(diagram: Diagram, limits: ImageLimits | None = None) -> bytes:
    """The diagram as PNG; raises as :func:`svg_text`."""
    return _laid_out(diagram, "png", limits or ImageLimits())


def _laid_out(diagram: Diagram, image_format: ImageFormat, limits: ImageLimits) -> bytes:
    limits.refuse_more(len(diagram.boxes))
    return _answer_of(_command(image_format), dot_text(diagram), limits)


def _command(image_format: ImageFormat) -> list[str]:
    """``dot`` where it is on the PATH, else what graphviz-pure installed; both take the same words."""
    from graphviz.backend.dot_command import command

    dot, *words = [os.fspath(word) for word in command("dot", image_format)]
    program = shutil.which(dot) or _pure_program()
    if program is None:
        raise ImageError(_NOTHING_INSTALLED)
    return [program, *words]


def _pure_program() -> str | None:
    """The program of the graphviz-pure beside us, on the PATH or not: environments are used without being entered."""
    from importlib import metadata

    try:
        files = metadata.files(_PURE) or ()
    except metadata.PackageNotFoundError:
        files = ()
    installed = (Path(str(file.locate())) for file in files if file.stem == _PURE and file.suffix in {"", ".exe"})
    return next((str(path.resolve()) for path in installed if path.is_file()), None) or shutil.which(_PURE)


def _answer_of(command: list[str], text: str, limits: ImageLimits) -> bytes:
    with _running(command) as process:
        _limit(process.pid, limits)
        try:
            answer, complaint = process.communicate(text.encode("utf-8"), timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            raise DiagramTooLarge(
                f"the layout took longer than {limits.seconds:g} s and was stopped: draw the neighbourhood of one "
                "workflow, or take the DOT text"
            ) from None
    if process.returncode or not answer:
        raise ImageError(f"{Path(command[0]).name} could not draw the diagram: {_first_line(complaint, process)}")
    return answer


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The program, ended with everything that it started when the block is left, however it is left.

    Ctrl-C in the middle of starting it leaves a program that finds nothing on its stdin, and ends by itself.
    """
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise ImageError(f"{Path(command[0]).name} could not be started: {error.strerror}") from error
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                # Popen leaves a child unwaited for where Ctrl-C comes: it is killed and gone in no time.
                process.wait()


def _limit(pid: int, limits: ImageLimits) -> None:
    """Bound the program's memory and processor time, on Linux, which alone lets another process do so."""
    if sys.platform == "linux":
        import resource

        # It may have ended already.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
            seconds = int(limits.seconds) + 1
            resource.prlimit(pid, resource.RLIMIT_CPU, (seconds, seconds))


def _first_line(complaint: bytes, process: subprocess.Popen[bytes]) -> str:
    lines = complaint.decode("utf-8", "replace").split("\n")
    errors = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("Warning")]
    if errors:
        return printable(errors[0][:_LONGEST_COMPLAINT])
    return f"it ended with code {process.returncode} and said nothing"
