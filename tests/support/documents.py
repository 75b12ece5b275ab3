"""Pages whose examples are run: fenced blocks of a Markdown file, and what they show."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<marks>`{3,})(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=marks)$", re.DOTALL | re.MULTILINE)
_CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s)\b"), "<time>"),
    (re.compile(r" {2,}"), "  "),
    (re.compile(r"[─━]+"), "─"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """One fenced block of a page; ``line`` is that of its opening fence.

    ``language`` is the first word after the fence, ``{name}`` for a directive of the site.
    """

    language: str
    text: str
    line: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCommand:
    """A command of a console block and the output that the page shows for it."""

    command: str
    output: str
    line: int


def pages() -> list[Path]:
    """Every page that people read: the README, the changelog, and what is below ``docs``."""
    written = (page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(written)]


def blocks_of(page: Path, *languages: str) -> list[Block]:
    """The fenced blocks of ``page`` in the given languages, or in any, in order."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            language=(match["info"].split() or [""])[0],
            text=match["text"],
            line=text.count("\n", 0, match.start()) + 1,
        )
        for match in _FENCE.finditer(text)
    ]
    return [block for block in found if not languages or block.language in languages]


def write_named_files(page: Path, folder: Path, *languages: str) -> None:
    """Write each block of ``page`` into ``folder`` under the file name that stands last before it, in backquotes."""
    text = page.read_text(encoding="utf-8")
    for block in blocks_of(page, *languages):
        before = "\n".join(text.splitlines()[: block.line - 1])
        *_, name = re.findall(r"`([\w.-]+\.\w+)`", re.sub(_FENCE, "", before))
        (folder / name).write_text(block.text, encoding="utf-8")


def shown_commands(page: Path) -> list[ShownCommand]:
    """The ``$`` commands of the console blocks of ``page``, each with the output below it."""
    commands = []
    for block in blocks_of(page, "console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            commands.append(ShownCommand(command=command, output=output, line=block.line))
    return commands


def without_changing_parts(output: str) -> str:
    """``output`` with ids, durations and widths made equal, since they differ from run to run."""
    for pattern, word in _CHANGING:
        output = pattern.sub(word, output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())


def failures_of_session(page: Path) -> str:
    """Run the pycon blocks of ``page`` as one session; answer the report of what differs, empty if nothing does."""
    session = "\n".join(block.text for block in blocks_of(page, "pycon"))
    test = doctest.DocTestParser().get_doctest(session, {"__name__": "__main__"}, page.name, str(page), 0)
    assert test.examples, f"{page} shows no session"
    report: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    doctest.DocTestRunner(optionflags=flags, verbose=False).run(test, out=report.append)
    return "".join(report)


def run_shown(command: str, *, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a ``flowforge-graph`` command of a page as it stands there, in ``folder``, as a plain terminal shows it.

    ``variables`` are added to its environment.
    """
    words = shlex.split(command)
    assert Path(words[0]).name == "flowforge-graph", f"not a command of this package: {command}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWFORGE_DATABASE")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_COLOR": "1", **variables}
    return subprocess.run(
        [sys.executable, "-m", "flowforge_graph", *words[1:]],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
