"""The how-to pages that need more than a folder go as they say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import PostgresServer
from tests.support.documents import (
    ROOT,
    blocks_of,
    failures_of_session,
    run_shown,
    shown_commands,
    without_changing_parts,
    write_named_files,
)
from tests.support.sites import SHOP, build_with_mkdocs, build_with_sphinx, write_files

AS_CODE = ROOT / "docs" / "triggers-as-code.md"
POSTGRESQL = ROOT / "docs" / "postgresql.md"
IN_DOCS = ROOT / "docs" / "diagrams-in-docs.md"


def test_triggers_as_code_go_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is saved under its name; what is refused is exit code 3 and the rest 0; then the session."""
    write_named_files(AS_CODE, tmp_path, "yaml")
    for shown in shown_commands(AS_CODE):
        ran = run_shown(shown.command, folder=tmp_path)
        is_refused = "error: " in shown.output
        assert ran.returncode == (3 if is_refused else 0), ran.stderr
        seen = ran.stderr if is_refused else ran.stdout
        assert without_changing_parts(seen) == without_changing_parts(shown.output), f"line {shown.line}"
    monkeypatch.chdir(tmp_path)
    assert failures_of_session(AS_CODE) == ""


@pytest.fixture
def made_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of the database that the page makes, as the user that it makes."""
    database, schema = blocks_of(POSTGRESQL, "sql")
    for statement in database.text.split(";")[:-1]:
        postgres_server.run(statement)
    postgres_server.run(schema.text, database="flowforge")
    yield f"postgresql://flowforge@/flowforge?host={postgres_server.folder}"
    postgres_server.run("DROP DATABASE flowforge WITH (FORCE)")
    postgres_server.run("DROP ROLE flowforge")


def test_postgresql_goes_as_the_page_says(made_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user may do what the engine needs, and two engines work on one graph."""
    monkeypatch.setenv("FLOWFORGE_DATABASE_URL", made_database)
    assert failures_of_session(POSTGRESQL) == ""


def test_a_site_of_sphinx_shows_what_the_page_says(tmp_path: Path) -> None:
    """The line of conf.py and each directive make a site without a warning, and a picture for each."""
    (conf, module) = blocks_of(IN_DOCS, "python")
    by_file, by_object = (block.text for block in blocks_of(IN_DOCS, "rst"))
    in_myst = blocks_of(IN_DOCS, "markdown")[0].text
    extensions = conf.text.replace("[", '["myst_parser", ')
    pages = {
        "index.rst": f"Shop\n====\n\n{by_file}\n{by_object}\n.. toctree::\n\n   other\n",
        "other.md": f"# Other\n\n{in_myst}",
    }
    files = {"conf.py": f'{extensions}project = "Shop"\nexclude_patterns = ["out"]\n', "shop.py": module.text}
    write_files(tmp_path, {**pages, **files, "flowforge.yaml": SHOP})
    ran = build_with_sphinx(tmp_path, "-W", "-n")
    assert (ran.returncode, ran.stdout) == (0, "")
    for page, pictures in (("index", 2), ("other", 1)):
        built = (tmp_path / "out" / "html" / f"{page}.html").read_text(encoding="utf-8")
        assert len(re.findall("<img [^>]*only-light", built)) == pictures


def test_a_site_of_mkdocs_shows_what_the_page_says(tmp_path: Path) -> None:
    """The configuration and the fence make a site, strictly."""
    (config,) = blocks_of(IN_DOCS, "yaml")
    page = f"# Shop\n\n{blocks_of(IN_DOCS, 'markdown')[1].text}"
    write_files(tmp_path, {"mkdocs.yml": config.text, "docs/index.md": page, "docs/flowforge.yaml": SHOP})
    ran = build_with_mkdocs(tmp_path, "--strict")
    assert ran.returncode == 0, ran.stdout
    assert "What the shop does at night" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
