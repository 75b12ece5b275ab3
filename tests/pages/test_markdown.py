"""What does a site made with Python-Markdown show, and when does it fail? MkDocs builds real ones."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

import markdown
import pytest

from flowforge_graph import CycleError, InvalidDefinition, InvalidDiagram
from flowforge_graph.pages.markdown import DiagramExtension
from tests.support.sites import CYCLE, SHOP, SHOP_WITH_A_CYCLE, build_with_mkdocs, write_files

CONFIG = "site_name: Shop\nmarkdown_extensions:\n  - flowforge-graph:\n      base_path: !relative\n"
PAGE = "# Shop\n\n```flowforge-graph\nflowforge.yaml\ncaption: Bills & alerts\nname: night\n```\n\nMore.\n"


def site(folder: Path, page: str = PAGE, shop: str = SHOP) -> Path:
    """A site of two pages in two folders, the second of which shows the file of the first."""
    inner = page.replace("flowforge.yaml", "../flowforge.yaml")
    return write_files(
        folder,
        {"mkdocs.yml": CONFIG, "docs/index.md": page, "docs/inner/index.md": inner, "docs/flowforge.yaml": shop},
    )


def shown(text: str, folder: Path) -> str:
    """What Python-Markdown makes of a page whose files lie in ``folder``."""
    write_files(folder, {"flowforge.yaml": SHOP})
    return markdown.markdown(text, extensions=["fenced_code", DiagramExtension(base_path=str(folder))])


def picture_in(page: str) -> bytes:
    """The picture that a page holds."""
    (content,) = re.findall(r'src="data:image/[a-z+]+;base64,([^"]+)"', page)
    return base64.b64decode(content)


@pytest.mark.parametrize("page", ["index.html", "inner/index.html"])
def test_mkdocs_shows_the_graph_of_a_file(tmp_path: Path, page: str) -> None:
    """By the extension's name alone; paths begin from the page where the configuration says so."""
    ran = build_with_mkdocs(site(tmp_path), "--strict")
    assert ran.returncode == 0, ran.stdout
    built = (tmp_path / "site" / page).read_text(encoding="utf-8")
    assert '<figure class="flowforge-graph" id="night"><img' in built
    assert "<figcaption>Bills &amp; alerts</figcaption></figure>" in built
    drawn = picture_in(built).decode("utf-8")
    assert ">orders</text>" in drawn
    assert "prefers-color-scheme: dark" in drawn


@pytest.mark.parametrize("options", [(), ("--strict",)], ids=["plain", "strict"])
def test_a_cycle_fails_the_build_of_mkdocs(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The page, the file, its line and the chain are said, and nothing else; nothing is built."""
    ran = build_with_mkdocs(site(tmp_path, shop=SHOP_WITH_A_CYCLE), *options)
    assert ran.returncode == 1
    assert ran.stdout.splitlines() == [
        "ERROR   -  Error reading page 'index.md':",
        f"ERROR   -  docs/{CYCLE}",
        "",
        "Aborted with a BuildError!",
    ]
    assert not (tmp_path / "site" / "index.html").exists()


def test_the_picture_is_described_for_who_does_not_see_it(tmp_path: Path) -> None:
    """By what it holds, unless the author says it better."""
    page = shown("```flowforge-graph\nflowforge.yaml\nroot: orders\ndepth: 1\n```", tmp_path)
    assert 'alt="The trigger graph of flowforge.yaml, around orders: 2 workflows, 1 trigger"' in page
    page = shown('~~~ flowforge-graph\nflowforge.yaml\nalt: "Bills": last\nreduce\n~~~', tmp_path)
    assert 'alt="&quot;Bills&quot;: last"' in page


def test_options_choose_the_format(tmp_path: Path) -> None:
    """PNG as a picture; Mermaid as the block that its script draws; DOT and JSON as code."""
    assert picture_in(shown("```flowforge-graph\nflowforge.yaml\nformat: png\n```", tmp_path)).startswith(b"\x89PNG")
    page = shown("```flowforge-graph\nflowforge.yaml\nformat: mermaid\n```", tmp_path)
    assert '<pre class="mermaid"><code>flowchart LR\n' in page
    assert 'w_bills --&gt;|"on failure"| w_alert' in page
    page = shown("```flowforge-graph\nflowforge.yaml\nformat: dot\n```", tmp_path)
    assert html.unescape(page).startswith('<div class="flowforge-graph"><pre><code class="language-dot">digraph')


def test_a_fence_may_stand_in_a_list(tmp_path: Path) -> None:
    """Indented as what belongs to the item."""
    page = shown("- first\n\n    ```flowforge-graph\n    flowforge.yaml\n    ```\n\n- second\n", tmp_path)
    assert re.search(r"<li>\s*<p>first</p>\s*<figure .*</figure>\s*</li>\s*<li>\s*<p>second</p>", page)


def test_other_fences_are_left_alone(tmp_path: Path) -> None:
    """Also those that show how ours is written, and one that is never closed."""
    ours = "```flowforge-graph\nno.yaml\n"
    text = f"````text\n{ours}```\n````\n\n```python\n1\n```\n\n~~~ text\n{ours}"
    assert shown(text, tmp_path) == markdown.markdown(text, extensions=["fenced_code"])


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "a trigger file or module:attribute is missing"),
        ("flowforge.yaml\ncolour: red", "there is no option 'colour': it takes root, depth,"),
        ("flowforge.yaml\nreduce: much", "reduce takes no value, and was given 'much'"),
        ("flowforge.yaml\nroot", "root has no value"),
        ("flowforge.yaml\nroot: bills\ndepth: 0", "depth must be a whole number of at least 1"),
        ("flowforge.yaml\nformat: gif", "format must be one of svg, png, dot, mermaid, json, not 'gif'"),
        ("flowforge.yaml\nroot: gone", "flowforge.yaml: there is no workflow 'gone'"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(tmp_path: Path, lines: str, sentence: str) -> None:
    """Raised, so that whatever converts the page fails."""
    with pytest.raises(InvalidDiagram, match=re.escape(sentence)) as caught:
        shown(f"```flowforge-graph\n{lines}\n```", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_that_would_be_refused_raises_what_refuses_it(tmp_path: Path) -> None:
    """One that is not there, and one with a cycle."""
    with pytest.raises(InvalidDefinition, match=r"gone\.yaml: the file cannot be read"):
        shown("```flowforge-graph\ngone.yaml\n```", tmp_path)
    write_files(tmp_path, {"cycle.yaml": SHOP_WITH_A_CYCLE})
    with pytest.raises(CycleError) as caught:
        shown("```flowforge-graph\ncycle.yaml\n```", tmp_path)
    assert caught.value.chain == ("bills", "orders", "bills")
