"""What the pages show is what happens."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowforge_graph.definitions import load_definitions
from tests.support.documents import (
    ROOT,
    blocks_of,
    failures_of_session,
    pages,
    run_shown,
    shown_commands,
    without_changing_parts,
)

README = ROOT / "README.md"
QUICKSTART = ROOT / "docs" / "quickstart.md"
DIAGRAMS = ROOT / "docs" / "diagrams.md"
TESTING = ROOT / "docs" / "testing.md"
CONCEPTS = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
EXAMPLE = Path("docs") / "examples" / "medallion"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the example in its place, as in a clone."""
    shutil.copytree(ROOT / EXAMPLE, tmp_path / EXAMPLE, ignore=shutil.ignore_patterns("lake", "__pycache__"))
    return tmp_path


# Pages whose sessions need something that their own tests bring.
SESSIONS_ELSEWHERE = {ROOT / "docs" / f"{name}.md" for name in ("postgresql", "prefect", "triggers-as-code")}
SESSIONS = [page for page in pages() if blocks_of(page, "pycon") and page not in SESSIONS_ELSEWHERE]


@pytest.mark.parametrize("page", SESSIONS, ids=lambda page: page.name)
def test_python_sessions_are_real(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each ``>>>`` line of a page answers what the page says; the levels that a page sets do not stay."""
    caplog.set_level(logging.WARNING, "flowforge_graph")
    monkeypatch.chdir(tmp_path)
    assert failures_of_session(page) == ""


def test_the_readme_shows_the_cascade_of_its_first_command(clone: Path) -> None:
    """The first command of the README runs the example to its end and prints what the README shows."""
    command = blocks_of(README, "sh")[0].text.strip().rpartition(" && ")[2]
    ran = run_shown(command, folder=clone)
    assert ran.returncode == 0, ran.stderr
    assert without_changing_parts(ran.stdout) == without_changing_parts(blocks_of(README, "text")[0].text)


def test_the_example_goes_as_its_page_says(clone: Path) -> None:
    """The commands of the example's page, one after the other, print what stands below them and exit 0."""
    for shown in shown_commands(ROOT / EXAMPLE / "README.md"):
        ran = run_shown(shown.command, folder=clone)
        assert ran.returncode == 0, ran.stderr
        assert without_changing_parts(ran.stdout) == without_changing_parts(shown.output), f"line {shown.line}"


def test_the_example_fills_its_lake_as_its_page_says(clone: Path) -> None:
    """The good delivery becomes gold, the table of the page among it, and leaves eleven records aside."""
    run_shown(f"flowforge-graph run {EXAMPLE / 'flowforge.yaml'}", folder=clone)
    (cascade,) = (clone / EXAMPLE / "lake").iterdir()
    shown = blocks_of(ROOT / EXAMPLE / "README.md", "csv")[0].text
    assert (cascade / "gold" / "species.csv").read_text(encoding="utf-8") == shown
    assert {table.name for table in (cascade / "gold").iterdir()} == {"clutches.csv", "islands.csv", "species.csv"}
    assert len((cascade / "quality" / "rejected.jsonl").read_text(encoding="utf-8").splitlines()) == 11
    assert not (cascade / "quarantine").exists()
    assert (cascade / "audit" / "entry.jsonl").exists()


def test_the_bad_delivery_reaches_the_quarantine_only(clone: Path) -> None:
    """The spoiled delivery is set aside with its reasons and audited; nothing of it becomes silver or gold."""
    run_shown(f"flowforge-graph run {EXAMPLE / 'flowforge-bad-delivery.yaml'}", folder=clone)
    (cascade,) = (clone / EXAMPLE / "lake").iterdir()
    assert {layer.name for layer in cascade.iterdir()} == {"landing", "bronze", "quality", "quarantine", "audit"}
    assert len((cascade / "quarantine" / "reasons.txt").read_text(encoding="utf-8").splitlines()) == 342


def test_the_quickstart_goes_as_it_says(tmp_path: Path) -> None:
    """The quickstart's file, saved under its name, does what the commands below it show."""
    file, schedule = blocks_of(QUICKSTART, "yaml")
    (tmp_path / "flowforge.yaml").write_text(file.text, encoding="utf-8")
    for shown in shown_commands(QUICKSTART):
        ran = run_shown(shown.command, folder=tmp_path)
        assert ran.returncode == 0, ran.stderr
        assert without_changing_parts(ran.stdout) == without_changing_parts(shown.output), f"line {shown.line}"
    step = "    run: {command: [python, -c, \"open('numbers.txt', 'w').write('1 2 3')\"]}\n"
    assert step in file.text
    (tmp_path / "flowforge.yaml").write_text(file.text.replace(step, step + schedule.text), encoding="utf-8")
    applied = run_shown("flowforge-graph apply flowforge.yaml", folder=tmp_path)
    assert applied.returncode == 0, applied.stderr


def test_the_fixtures_of_the_page_about_testing_are_there(tmp_path: Path) -> None:
    """The test that the page shows passes in a suite that has nothing but the installed plugin."""
    (shown,) = blocks_of(TESTING, "python")
    (tmp_path / "test_shown.py").write_text(shown.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shown.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_picture_of_the_page_about_diagrams_is_what_its_command_draws(tmp_path: Path) -> None:
    """The command of the page draws the committed picture again: the same words, boxes, lines and colours.

    Not the same numbers: another layout program may place them elsewhere.
    """
    (block,) = blocks_of(DIAGRAMS, "sh")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    picture = Path("docs") / "pictures" / "medallion.svg"
    (tmp_path / picture).unlink()
    ran = run_shown(block.text.strip(), folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    again, committed = ((root / picture).read_text(encoding="utf-8") for root in (tmp_path, ROOT))
    numbers = re.compile(r' (points|d|x|y|width|height|viewBox|transform|textLength)="[^"]*"')
    assert numbers.sub("", again) == numbers.sub("", committed)


def test_the_readme_shows_that_picture() -> None:
    """The README's picture is the committed one, so that it is what the tool draws now."""
    assert "](docs/pictures/medallion.svg)" in README.read_text(encoding="utf-8")
    assert [picture.name for picture in (ROOT / "docs" / "pictures").iterdir()] == ["medallion.svg"]


def test_the_quickstart_draws_the_file_that_it_shows() -> None:
    """The file of the site's picture is the page's first block."""
    (file, _) = blocks_of(QUICKSTART, "yaml")
    drawn = ROOT / "docs" / "examples" / "quickstart" / "flowforge.yaml"
    assert drawn.read_text(encoding="utf-8") == file.text


def test_the_sketch_of_the_example_names_its_workflows() -> None:
    """Each workflow of the file, and the conditions of the checked delivery."""
    (sketch,) = blocks_of(ROOT / EXAMPLE / "README.md", "text")
    ids = {workflow.id for workflow in load_definitions(ROOT / EXAMPLE / "flowforge.yaml").workflows}
    assert {word for word in re.findall(r"\w+", sketch.text) if word[:3] != "on_"} == ids


def test_links_between_pages_lead_somewhere() -> None:
    """Each relative link of a page names a file that exists."""
    for page in pages():
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_each_rule_is_where_the_glossary_says() -> None:
    """Every place that ``docs/concepts.md`` names for a rule exists and holds the name, and no rule lacks a place."""
    places = re.findall(r"`(\w+)` in `(flowforge_graph/[\w/]+\.py)`", CONCEPTS)
    for name, file in places:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"\b(def|class) {name}\b|^{name}\b|\b{name}\(", source, re.MULTILINE), f"{name} in {file}"
    rules = re.findall(r"^(\d+)\. .*?\n *→ `", CONCEPTS, re.DOTALL | re.MULTILINE)
    assert [int(rule) for rule in rules] == list(range(1, 24))
