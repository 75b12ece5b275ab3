"""From the words of a command line to an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import typer

from flowforge_graph.cli.exits import ExitCode, discard, exit_code_of, say, sentence_of
from flowforge_graph.cli.logs import log_lines_on_stderr
from flowforge_graph.cli.output import print_json
from flowforge_graph.cli.text import shown

PROGRAM = "flowforge-graph"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after the program's name; default: those of this process.

    Returns:
        The exit code: 0 ok; 1 a run or check failed, a conflict, a database fault; 2 bad arguments, file or values;
        3 a cycle was refused; 4 not found; 130 Ctrl-C.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    _show_what_an_encoding_lacks_as_escapes()
    with log_lines_on_stderr():
        code = _run(words)
    _flush_stdout()
    return code


def _run(words: list[str]) -> int:
    try:
        from flowforge_graph.cli.app import app

        answer = typer.main.get_command(app).main(args=words, prog_name=PROGRAM, standalone_mode=False)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place that decides how an error is shown
        return _fail(error, as_json=_asks_for_json(words))
    return answer if isinstance(answer, int) else ExitCode.OK


def _fail(error: Exception, *, as_json: bool) -> int:
    code = exit_code_of(error)
    if code is None:
        for line in "".join(traceback.format_exception(error)).rstrip().split("\n"):
            say(shown(line))
        if as_json:
            print_json({"success": False, "error": f"a bug: {type(error).__name__}: {error}"})
        return ExitCode.FAILED
    if _is_help_for_no_arguments(error):
        say(getattr(error, "ctx").get_help())  # noqa: B009 - typer's own errors are not typed
        return code
    sentence = sentence_of(error)
    say(f"error: {sentence}")
    if as_json:
        print_json({"success": False, "error": sentence, **_chain_of(error)})
    return code


def _is_help_for_no_arguments(error: Exception) -> bool:
    return type(error).__name__ == "NoArgsIsHelpError"


def _chain_of(error: Exception) -> dict[str, list[str]]:
    chain = getattr(error, "chain", None)
    return {"chain": list(chain)} if chain else {}


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether ``--json`` was given; read from the words, because an error may come before they are parsed."""
    before_the_rest = words[: words.index("--")] if "--" in words else words
    return "--json" in before_the_rest


def _show_what_an_encoding_lacks_as_escapes() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flush_stdout() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)
