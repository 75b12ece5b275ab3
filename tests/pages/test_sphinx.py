"""What does a site built by Sphinx show, and when does it fail? Every build is a real one."""

from __future__ import annotations

import html as html_text
import re
from pathlib import Path

import pytest

from tests.support.sites import CYCLE, SHOP, SHOP_WITH_A_CYCLE, build_with_sphinx, write_files

CONF = 'project = "Shop"\nextensions = ["myst_parser", "flowforge_graph.pages.sphinx"]\nexclude_patterns = ["out"]\n'
FURO = f'{CONF}html_theme = "furo"\n'
BARE = "Shop\n====\n\n.. flowforge-graph:: flowforge.yaml\n"
IN_RST = f"""\
{BARE}   :caption: What the *shop* does
   :name: night
   :class: wide
"""
IN_MYST = """\
# Shop

```{flowforge-graph} flowforge.yaml
:caption: What the *shop* does
:name: night
:class: wide
```
"""
MANY = {f"page{number}.rst": f"Page {number}\n======\n" for number in range(6)}


def site(folder: Path, page: str = IN_RST, *, name: str = "index.rst", conf: str = FURO, shop: str = SHOP) -> Path:
    """A site of one page."""
    return write_files(folder, {"conf.py": conf, name: page, "flowforge.yaml": shop})


def built(folder: Path, *options: str, builder: str = "html") -> str:
    """Build the site without a warning; answer its first page."""
    ran = build_with_sphinx(folder, "-W", "-n", *options, builder=builder)
    assert ran.returncode == 0, ran.stdout
    endings = {"html": "html", "text": "txt", "latex": "tex", "epub": "xhtml"}
    name = "shop.tex" if builder == "latex" else f"index.{endings[builder]}"
    return (folder / "out" / builder / name).read_text(encoding="utf-8")


def pictures(page: str) -> list[tuple[str, str]]:
    """The classes and the file of each picture of a page."""
    return re.findall(r'<img alt="[^"]*" class="([^"]*)" src="_images/([^"]*)"', page)


@pytest.mark.parametrize(("name", "page"), [("index.rst", IN_RST), ("index.md", IN_MYST)], ids=["rst", "myst"])
def test_a_page_shows_the_graph_of_a_file_in_light_and_dark(tmp_path: Path, name: str, page: str) -> None:
    """Both pictures are drawn, as SVG, each with the class by which a theme hides the other; captions are text."""
    html = built(site(tmp_path, page, name=name))
    light, dark = pictures(html)
    assert light[0] == "flowforge-graph wide only-light"
    assert dark[0] == "flowforge-graph wide only-dark"
    drawn = [(tmp_path / "out/html/_images" / file).read_text(encoding="utf-8") for _, file in (light, dark)]
    assert all(picture.startswith("<svg") and ">orders</text>" in picture for picture in drawn)
    assert "#ffffff" in drawn[0]
    assert "#0b1120" in drawn[1]
    assert re.search(r'<figure class="flowforge-graph[^"]*" id="night">', html)
    assert "What the <em>shop</em> does" in html


def test_the_picture_is_described_for_who_does_not_see_it(tmp_path: Path) -> None:
    """By what it holds, unless the author says it better."""
    page = f"{IN_RST}\n.. flowforge-graph:: flowforge.yaml\n   :alt: Bills come after orders\n   :theme: dark\n"
    html = built(site(tmp_path, page))
    assert html.count('alt="The trigger graph of flowforge.yaml: 3 workflows, 2 triggers"') == 2
    assert html.count('alt="Bills come after orders"') == 1


@pytest.mark.parametrize(("builder", "inner"), [("html", "inner/page.html"), ("dirhtml", "inner/page/index.html")])
def test_a_picture_leads_to_its_file(tmp_path: Path, builder: str, inner: str) -> None:
    """Where a large one is read at its own size, from a page in any folder."""
    page = BARE.replace("flowforge.yaml", "/flowforge.yaml")
    write_files(site(tmp_path, f"{page}\n.. toctree::\n\n   inner/page\n"), {"inner/page.rst": page})
    ran = build_with_sphinx(tmp_path, "-W", builder=builder)
    assert ran.returncode == 0, ran.stdout
    for file in (tmp_path / "out" / builder / name for name in ("index.html", inner)):
        links = re.findall(
            r'<a class="flowforge-graph only-(\w+) [^"]*" href="([^"]*)"><img [^>]*only-\1" src="\2"',
            file.read_text(encoding="utf-8"),
        )
        assert [theme for theme, _ in links] == ["light", "dark"]
        assert all((file.parent / target).is_file() for _, target in links)


def test_a_theme_that_cannot_be_dark_shows_one_picture(tmp_path: Path) -> None:
    """Our own rule hides the dark one, and only where a page has no theme of its reader's choice."""
    html = built(site(tmp_path, conf=CONF))
    assert "data-theme" not in html
    assert 'href="_static/flowforge-graph.css' in html
    style = (tmp_path / "out/html/_static/flowforge-graph.css").read_text(encoding="utf-8")
    assert "html:not([data-theme]) .flowforge-graph.only-dark { display: none; }" in style


def test_options_choose_what_is_shown_and_how(tmp_path: Path) -> None:
    """The neighbourhood of a workflow, as PNG, in one theme."""
    page = f"{BARE}   :root: orders\n   :depth: 1\n   :format: png\n   :theme: dark\n"
    html = built(site(tmp_path, page))
    ((classes, file),) = pictures(html)
    assert classes == "flowforge-graph"
    assert (tmp_path / "out/html/_images" / file).read_bytes().startswith(b"\x89PNG")
    assert "flowforge.yaml, around orders: 2 workflows, 1 trigger" in html


@pytest.mark.parametrize(
    ("shown_as", "text"),
    [("dot", "digraph"), ("mermaid", "flowchart LR"), ("json", '"id": "orders"')],
)
def test_a_graph_can_stand_in_a_page_as_text(tmp_path: Path, shown_as: str, text: str) -> None:
    """As a block of code, with a caption where there is one."""
    page = f"{BARE}   :format: {shown_as}\n   :caption: As text\n   :name: text\n"
    html = built(site(tmp_path, page))
    assert not pictures(html)
    assert text in html_text.unescape(re.sub(r"<[^>]+>", "", html))
    assert "As text" in html
    assert 'id="text"' in html


def test_other_builders_take_what_they_can_show(tmp_path: Path) -> None:
    """EPUB the light SVG, LaTeX the light picture as PNG, a builder without pictures the description."""
    conf = (
        f'{FURO}copyright = "nobody"\nversion = "1"\nlatex_documents = [("index", "shop.tex", "Shop", "", "manual")]\n'
    )
    folder = site(tmp_path, conf=conf)
    ((_, file),) = pictures(built(folder, builder="epub"))
    assert file.endswith(".svg")
    assert "#ffffff" in (tmp_path / "out/epub/_images" / file).read_text(encoding="utf-8")
    (included,) = re.findall(r"includegraphics\{\{(.*?)\}\.png\}", built(folder, builder="latex"))
    assert (tmp_path / f"out/latex/{included}.png").exists()
    assert "The trigger graph of flowforge.yaml: 3 workflows, 2 triggers" in built(folder, builder="text")


def test_a_page_is_built_again_when_its_file_changes(tmp_path: Path) -> None:
    """The file is a dependency of the page, and nothing else is."""
    folder = site(tmp_path)
    before = pictures(built(folder))
    assert pictures(built(folder)) == before
    (folder / "flowforge.yaml").write_text(SHOP.replace("bills", "invoices"), encoding="utf-8")
    assert pictures(built(folder)) != before


@pytest.mark.parametrize(("name", "page"), [("index.rst", IN_RST), ("index.md", IN_MYST)], ids=["rst", "myst"])
def test_a_cycle_fails_the_build(tmp_path: Path, name: str, page: str) -> None:
    """With the line of the page, the file, its line and the chain; also where warnings are no errors, and each time."""
    folder = site(tmp_path, page, name=name, shop=SHOP_WITH_A_CYCLE)
    for options in ((), (), ("-W",)):
        ran = build_with_sphinx(folder, *options)
        assert ran.returncode == 1
        line = 4 if name == "index.rst" else 3
        assert f"{name}:{line}: ERROR: {CYCLE}" in ran.stdout
        assert "Traceback" not in ran.stdout
    write_files(folder, {"flowforge.yaml": SHOP})
    built(folder)


def test_a_cycle_fails_a_build_in_parallel(tmp_path: Path) -> None:
    """Whichever process has read the page; and Sphinx reads in parallel, since we say that it may."""
    toctree = ".. toctree::\n\n   " + "\n   ".join(name.removesuffix(".rst") for name in MANY)
    folder = site(tmp_path, f"{IN_RST}\n{toctree}\n", shop=SHOP_WITH_A_CYCLE)
    write_files(folder, MANY)
    ran = build_with_sphinx(folder, "-j", "2")
    assert ran.returncode == 1
    assert CYCLE in ran.stdout
    assert "not safe for parallel" not in ran.stdout
    write_files(folder, {"flowforge.yaml": SHOP})
    assert len(pictures(built(folder, "-j", "2"))) == 2


@pytest.mark.parametrize(
    ("directive", "sentence"),
    [
        (".. flowforge-graph:: gone.yaml", "gone.yaml: the file cannot be read: No such file or directory"),
        (".. flowforge-graph:: flowforge.yaml\n   :root: invoices", "flowforge.yaml: there is no workflow 'invoices'"),
        (".. flowforge-graph:: flowforge.yaml\n   :depth: 1", "depth counts hops from one workflow"),
        (".. flowforge-graph:: flowforge.yaml\n   :root: bills\n   :depth: far", "depth must be a whole number"),
        (".. flowforge-graph:: flowforge.yaml\n   :theme: pink", "theme must be one of 'light', 'dark' or 'auto'"),
        (".. flowforge-graph:: flowforge.yaml\n   :format: gif", "format must be one of svg, png, dot, mermaid, json"),
        (".. flowforge-graph:: flowforge.yaml\n   :colour: red", "there is no option 'colour': it takes root, depth"),
        (".. flowforge-graph:: flowforge.yaml\n   :root:", "root has no value: give it one, or leave it out"),
        (".. flowforge-graph:: flowforge.yaml\n   :reduce: much", "reduce takes no value, and was given 'much'"),
        (".. flowforge-graph::", "a trigger file or module:attribute is missing"),
        (".. flowforge-graph:: no_such_module:graph", "no_such_module:graph: the module cannot be imported"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(tmp_path: Path, directive: str, sentence: str) -> None:
    """At the line of the directive, and the build fails."""
    ran = build_with_sphinx(site(tmp_path, f"Shop\n====\n\n{directive}\n"))
    assert ran.returncode == 1
    (complaint,) = ran.stdout.splitlines()
    assert f"index.rst:4: ERROR: {sentence}" in complaint


def test_a_misspelled_option_is_refused_in_myst(tmp_path: Path) -> None:
    """MyST would only warn of it and leave it out."""
    ran = build_with_sphinx(site(tmp_path, IN_MYST.replace(":name:", ":nmae:"), name="index.md"))
    assert ran.returncode == 1
    assert "index.md:3: ERROR: there is no option 'nmae': it takes root, depth" in ran.stdout


def test_a_picture_that_cannot_be_laid_out_fails_the_build(tmp_path: Path) -> None:
    """A ``dot`` on the PATH that fails is quoted, at the directive's line."""
    folder = site(tmp_path)
    write_files(folder, {"sitecustomize.py": f"import os; os.environ['PATH'] = {str(folder / 'bin')!r}\n"})
    write_files(folder / "bin", {"dot": "#!/bin/sh\necho 'no room' >&2; exit 1\n"})
    (folder / "bin" / "dot").chmod(0o755)
    ran = build_with_sphinx(folder)
    assert ran.returncode == 1
    assert "index.rst:4: ERROR: dot could not draw the diagram: no room" in ran.stdout
