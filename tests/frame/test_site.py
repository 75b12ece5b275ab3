"""The site is built without a warning, holds everything, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import zlib
from importlib import import_module
from pathlib import Path

import pytest

import flowforge_graph
from tests.support.documents import ROOT, blocks_of, pages

DOCS = ROOT / "docs"
LOADED = re.compile(
    r"""(?:<(?:script|img|iframe)[^>]*\ssrc|<link[^>]*\shref)="(https?:)?//|@import|url\(["']?https?:"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; warnings are errors, and so is whatever the build says."""
    folder = tmp_path_factory.mktemp("site")
    words = ("-m", "sphinx", "-q", "-W", "-n", "-d", str(folder / "doctrees"), str(DOCS), str(folder / "html"))
    ran = subprocess.run((sys.executable, *words), cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")
    return folder / "html"


def test_every_page_is_on_the_site(site: Path) -> None:
    """In the place that its file has below ``docs``."""
    expected = {page.relative_to(DOCS).with_suffix(".html") for page in pages() if page.is_relative_to(DOCS)}
    assert expected <= {page.relative_to(site) for page in site.rglob("*.html")}


def test_the_reference_has_every_public_name(site: Path) -> None:
    """Of the package, and of the rooms that have names of their own for users."""
    listed = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    described = {
        line.split(" py:")[0] for line in zlib.decompress(listed).decode("utf-8").splitlines() if " py:" in line
    }
    assert {f"flowforge_graph.{name}" for name in flowforge_graph.__all__} <= described
    for room in ("api", "definitions", "testing"):
        names = import_module(f"flowforge_graph.{room}").__all__
        assert {f"flowforge_graph.{room}.{name}" for name in names} <= described


def test_the_first_page_is_the_readme(site: Path) -> None:
    """Its links lead to pages of the site, its picture is there."""
    page = (site / "index.html").read_text(encoding="utf-8")
    assert '<a class="reference internal" href="quickstart.html">' in page
    assert '<a class="reference internal" href="changelog.html">' in page
    assert 'src="_images/medallion.svg"' in page


@pytest.mark.parametrize("page", ["quickstart", "concepts"])
def test_its_diagrams_come_from_the_directive(site: Path, page: str) -> None:
    """Each of them is a picture for either theme."""
    asked = len(blocks_of(DOCS / f"{page}.md", "{flowforge-graph}"))
    shown = (site / f"{page}.html").read_text(encoding="utf-8")
    for theme in ("light", "dark"):
        files = re.findall(rf'<img [^>]*only-{theme}" src="([^"]*)"', shown)
        assert len(files) == asked > 0
        assert all((site / file).read_text(encoding="utf-8").startswith("<svg") for file in files)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No font, no script, no style, no picture of another host."""
    for file in [*site.rglob("*.html"), *site.rglob("*.css")]:
        found = LOADED.search(file.read_text(encoding="utf-8"))
        assert found is None, f"{file}: {found}"
