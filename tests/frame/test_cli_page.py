"""Every command is documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from flowforge_graph.cli.app import app
from tests.support.documents import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def commands() -> Iterator[tuple[str, Any]]:
    """Each command that can be called, with its full name."""
    waiting = [("flowforge-graph", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        below = getattr(command, "commands", {})
        waiting += [(f"{name} {word}", value) for word, value in below.items()]
        if not below:
            yield name, command


def section_of(name: str) -> str:
    """The text below the heading of a command, up to the next heading."""
    found = re.search(rf"^### `{re.escape(name)}\b[^`]*`$(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/cli.md has no section for {name}"
    return found[1]


def test_every_command_has_a_section_with_its_options() -> None:
    """Each command has a heading of its own, and each of its own options is named below it."""
    everywhere = {"--database", "--json", "--help", "-h"}
    for name, command in commands():
        section = section_of(name)
        for parameter in command.params:
            for option in {*parameter.opts, *parameter.secondary_opts} - everywhere:
                assert not option.startswith("-") or f"`{option}" in section, f"{name} {option}"


def test_the_options_of_the_program_itself_are_explained() -> None:
    """Those that are given before the name of a command, and those that every command takes."""
    for parameter in typer.main.get_command(app).params:
        for option in parameter.opts:
            assert f"`{option}" in PAGE or f"`flowforge-graph {option}`" in PAGE, option


def test_no_section_speaks_of_a_command_that_is_gone() -> None:
    """Each heading of a command names one that exists."""
    names = {name for name, _ in commands()}
    for heading in re.findall(r"^### `(flowforge-graph [^`]*)`$", PAGE, re.MULTILINE):
        assert any(heading == name or heading.startswith(f"{name} ") for name in names), heading


def test_every_exit_code_is_explained() -> None:
    """The page has a row for each exit code of the contract."""
    for code in (0, 1, 2, 3, 4, 130):
        assert f"| {code} |" in PAGE
