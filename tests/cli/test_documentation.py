"""Is every command explained, by its own help and by docs/cli.md, as it really is?"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from flowforge_graph.cli.app import app
from tests.cli.conftest import Answer
from tests.frame.test_cli_page import commands
from tests.support.documents import ROOT, blocks_of, shown_commands, without_changing_parts

PAGE = ROOT / "docs" / "cli.md"
COMMANDS = dict(commands())


def test_the_walk_goes_as_the_page_says(cli: Callable[..., Answer], folder: Path) -> None:
    """Each command of the page, one after the other, prints what stands below it."""
    (file,) = blocks_of(PAGE, "yaml")
    (folder / "shop.yaml").write_text(file.text, encoding="utf-8")
    for shown in shown_commands(PAGE):
        answer = cli(*shlex.split(shown.command)[1:])
        refused = shown.output.startswith("error: ")
        assert answer.code == (3 if refused else 0), answer.err
        seen = answer.err if refused else answer.out
        assert without_changing_parts(seen) == without_changing_parts(shown.output), shown.command


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_gives_examples(cli: Callable[..., Answer], name: str) -> None:
    """The first sentence fits the list of commands; every example is a command line that is understood."""
    command = COMMANDS[name]
    answer = cli(*name.split()[1:], "--help")
    assert answer.code == 0
    assert len(command.get_short_help_str(limit=200)) <= 60, command.get_short_help_str(limit=200)
    examples = [line.strip() for line in answer.out.partition("Examples:")[2].splitlines() if line.strip()]
    assert examples
    for example in examples:
        assert example.startswith(name)
        words = shlex.split(example.partition(" > ")[0])[len(name.split()) :]
        command.make_context(name, words)


def test_every_option_has_a_help_text() -> None:
    """Nobody has to guess what an option is for."""
    waiting: list[Any] = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        assert command.help
        assert all(parameter.help for parameter in command.params if parameter.name != "help")
