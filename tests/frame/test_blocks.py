"""No page shows what nobody runs: each block of each page is run, built or checked by a test that is named here."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from importlib.util import find_spec

import pytest

from tests.frame.test_cli_page import commands
from tests.support.documents import ROOT, Block, blocks_of, pages

# Page, language, and who runs or checks all such blocks of the page.
CHECKED = (
    ("*", "{flowforge-graph}", "tests/frame/test_site.py::site"),
    ("*", "{toctree}", "tests/frame/test_site.py::site"),
    ("docs/reference/*", "{eval-rst}", "tests/frame/test_site.py::site"),
    ("*", "sh", "tests/frame/test_blocks.py::test_what_a_shell_is_told_exists"),
    ("README.md", "pycon", "tests/frame/test_pages.py::test_python_sessions_are_real"),
    ("README.md", "text", "tests/frame/test_pages.py::test_the_readme_shows_the_cascade_of_its_first_command"),
    ("docs/api*", "console", "tests/frame/test_api_pages.py::test_a_page_shows_what_is_answered"),
    ("docs/cli.md", "console", "tests/cli/test_documentation.py::test_the_walk_goes_as_the_page_says"),
    ("docs/cli.md", "yaml", "tests/cli/test_documentation.py::test_the_walk_goes_as_the_page_says"),
    ("docs/decisions/0001*", "text", "tests/frame/test_rooms.py::test_the_decision_about_rooms_shows_them_all"),
    ("docs/diagrams.md", "pycon", "tests/frame/test_pages.py::test_python_sessions_are_real"),
    ("docs/diagrams-in-docs.md", "python", "tests/frame/test_how_to_pages.py::test_a_site_of_sphinx_shows"),
    ("docs/diagrams-in-docs.md", "rst", "tests/frame/test_how_to_pages.py::test_a_site_of_sphinx_shows"),
    ("docs/diagrams-in-docs.md", "markdown", "tests/frame/test_how_to_pages.py::test_a_site_of_mkdocs_shows"),
    ("docs/diagrams-in-docs.md", "yaml", "tests/frame/test_how_to_pages.py::test_a_site_of_mkdocs_shows"),
    ("docs/embedding.md", "pycon", "tests/frame/test_pages.py::test_python_sessions_are_real"),
    ("docs/embedding.md", "python", "tests/frame/test_blocks.py::test_a_module_of_a_page_can_be_run"),
    ("docs/examples/medallion/*", "console", "tests/frame/test_pages.py::test_the_example_goes_as_its_page_says"),
    ("docs/examples/medallion/*", "csv", "tests/frame/test_pages.py::test_the_example_fills_its_lake_as_its_page_says"),
    (
        "docs/examples/medallion/*",
        "text",
        "tests/frame/test_pages.py::test_the_sketch_of_the_example_names_its_workflows",
    ),
    ("docs/examples/prefect/*", "bash", "tests/executors/prefect/test_layout.py::test_the_page_speaks_of_what"),
    ("docs/examples/prefect/*", "text", "tests/executors/prefect/test_layout.py::test_the_page_speaks_of_what"),
    ("docs/operations.md", "pycon", "tests/frame/test_pages.py::test_python_sessions_are_real"),
    ("docs/postgresql.md", "pycon", "tests/frame/test_how_to_pages.py::test_postgresql_goes_as_the_page_says"),
    ("docs/postgresql.md", "sql", "tests/frame/test_how_to_pages.py::made_database"),
    ("docs/prefect.md", "console", "tests/executors/prefect/test_page.py::test_the_page_goes_as_it_says"),
    ("docs/prefect.md", "pycon", "tests/executors/prefect/test_page.py::test_the_page_goes_as_it_says"),
    ("docs/prefect.md", "yaml", "tests/executors/prefect/test_page.py::test_the_page_goes_as_it_says"),
    ("docs/quickstart.md", "console", "tests/frame/test_pages.py::test_the_quickstart_goes_as_it_says"),
    ("docs/quickstart.md", "pycon", "tests/frame/test_pages.py::test_python_sessions_are_real"),
    ("docs/quickstart.md", "yaml", "tests/frame/test_pages.py::test_the_quickstart_goes_as_it_says"),
    ("docs/schedules.md", "pycon", "tests/frame/test_pages.py::test_python_sessions_are_real"),
    ("docs/testing.md", "pycon", "tests/frame/test_pages.py::test_python_sessions_are_real"),
    ("docs/testing.md", "python", "tests/frame/test_pages.py::test_the_fixtures_of_the_page_about_testing"),
    ("docs/triggers-as-code.md", "console", "tests/frame/test_how_to_pages.py::test_triggers_as_code_go"),
    ("docs/triggers-as-code.md", "pycon", "tests/frame/test_how_to_pages.py::test_triggers_as_code_go"),
    ("docs/triggers-as-code.md", "yaml", "tests/frame/test_how_to_pages.py::test_triggers_as_code_go"),
)
BLOCKS = [(page.relative_to(ROOT).as_posix(), block) for page in pages() for block in blocks_of(page)]
COMMANDS = dict(commands())


def named(page: str, block: Block) -> str:
    """The name of a block in a report."""
    return f"{page}:{block.line}"


def of(language: str) -> list[object]:
    """Every block in a language, with its page, as parameters of a test."""
    return [pytest.param(block, id=named(page, block)) for page, block in BLOCKS if block.language == language]


def test_every_block_has_a_test() -> None:
    """A page with a block that no row speaks of fails, and so does a row that speaks of none."""
    spoken_of = set()
    for page, block in BLOCKS:
        rows = [row for row in CHECKED if fnmatch(page, row[0]) and row[1] == block.language]
        assert len(rows) == 1, f"{named(page, block)} is {block.language or 'of no language'}: {rows}"
        spoken_of.update(rows)
    assert spoken_of == set(CHECKED)


def test_the_tests_that_are_named_exist() -> None:
    """A renamed test leaves no row behind."""
    for _, _, test in CHECKED:
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\w*\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), test


def test_no_block_is_hidden_from_these_tests() -> None:
    """Every line that opens a fence, wherever it is indented, is the opening or a line of a block that is known."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        seen = sum(2 + block.text.count("```") for block in blocks_of(page))
        assert text.count("```") == seen, page
        assert "\n    >>> " not in text, page


@pytest.mark.parametrize("block", of("sh"))
def test_what_a_shell_is_told_exists(block: Block) -> None:
    """It can be parsed; its commands of ours, modules, extras and files of tests are there."""
    subprocess.run(("bash", "-n", "-c", block.text), check=True)
    for line in re.findall(r"flowforge-graph ([a-z][^|&;)>\n]*)", block.text):
        words = shlex.split(line, comments=True)
        name = max((name for name in COMMANDS if f"flowforge-graph {' '.join(words)} ".startswith(f"{name} ")), key=len)
        COMMANDS[name].make_context(name, words[len(name.split()) - 1 :])
    for module in re.findall(r"-m ([a-z_.]+)", block.text):
        assert find_spec(module), module
    for extra in re.findall(r"\[([a-z-]+)\]", block.text):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert extra in project["optional-dependencies"]
    for file in re.findall(r"\b(?:tests|docs/examples)/[\w./-]+", block.text):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize(
    "block", [block for page, block in BLOCKS if block.language == "python" and "embedding" in page]
)
def test_a_module_of_a_page_can_be_run(block: Block) -> None:
    """Its imports are there, and it defines what it says."""
    namespace: dict[str, object] = {}
    exec(compile(block.text, "page", "exec"), namespace)
    assert set(re.findall(r"^def (\w+)", block.text, re.MULTILINE)) <= set(namespace)
