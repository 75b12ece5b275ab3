"""Does ``tokens`` print what a script can take, once, and tell people the rest?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy

from flowforge_graph import TriggerEngine
from tests.cli.conftest import Answer, environment

Cli = Callable[..., Answer]
DATABASE = "sqlite:///flowforge.db"
TEXT = r"ffg_[0-9a-f]{16}_[0-9a-f]{64}"


def test_the_text_stands_alone_on_stdout(cli: Cli) -> None:
    """One line, which opens; what it is and that it is shown once is said on stderr, without it."""
    answer = cli("tokens", "create", "--scope", "run", "--scope", "read", "--name", "nightly")
    assert answer.code == 0
    assert re.fullmatch(rf"{TEXT}\n", answer.out)
    token_id = answer.out.split("_")[1]
    assert answer.err == f"API token {token_id} (read, run; never expires) is shown once: store it now\n"
    with TriggerEngine(DATABASE) as engine:
        token = engine.authenticate(answer.out.strip())
    assert token is not None
    assert (token.id, token.name, token.scopes) == (token_id, "nightly", ("read", "run"))


def test_a_shell_takes_the_text(folder: Path) -> None:
    """``TOKEN=$(flowforge-graph tokens create …)`` works, as a process of its own, on a database not made yet."""
    program = f'TOKEN=$("{sys.executable}" -m flowforge_graph tokens create --scope read) && printf "[%s]" "$TOKEN"'
    ran = subprocess.run(["sh", "-c", program], cwd=folder, env=environment(), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(rf"\[{TEXT}\]", ran.stdout)


def test_json_has_the_token_and_its_text(cli: Cli) -> None:
    """For programs; the token's shape is that of the list."""
    made = cli("--json", "tokens", "create", "--scope", "write").document
    assert re.fullmatch(TEXT, made["text"])
    assert made["token"]["scopes"] == ["write"]
    assert cli("tokens", "list", "--json").document == {"tokens": [made["token"]]}
    assert set(made["token"]) == {
        "id",
        "name",
        "scopes",
        "state",
        "createdAt",
        "expiresAt",
        "revokedAt",
        "lastUsedAt",
    }


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("4w", timedelta(weeks=4)),
    ],
)
def test_a_token_may_end(cli: Cli, words: str, span: timedelta) -> None:
    """So long from now on."""
    made = cli("tokens", "create", "--scope", "read", "--expires-in", words, "--json").document["token"]
    assert abs(made["expiresAt"] - made["createdAt"] - span.total_seconds()) <= 1
    assert made["state"] == "active"


def test_the_list_says_what_each_is_and_no_text(cli: Cli) -> None:
    """Newest first, with scopes, instants and state; neither text nor hash."""
    texts = [cli("tokens", "create", "--scope", "read", "--name", name).out.strip() for name in ("one", "two")]
    with TriggerEngine(DATABASE) as engine:
        assert engine.authenticate(texts[1])
    cli("tokens", "revoke", texts[0].split("_")[1])
    listed = cli("tokens", "list")
    head, two, one = listed.out.splitlines()
    assert re.split(r" {2,}", head) == ["TOKEN", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "STATE"]
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf"\w{{16}}  two   read    {instant}  -        {instant}  active", two)
    assert re.fullmatch(rf"\w{{16}}  one   read    {instant}  - +- +revoked", one)
    for text in texts:
        assert text.split("_")[2] not in listed.out + listed.err


def test_revoking_answers_the_same_again(cli: Cli) -> None:
    """By id or by text, which is not repeated; an unknown one is exit code 4."""
    text = cli("tokens", "create", "--scope", "read").out.strip()
    token_id, secret = text.split("_")[1:]
    assert cli("tokens", "revoke", token_id).out == f"revoked API token {token_id}\n"
    again = cli("tokens", "revoke", text)
    assert (again.code, again.out) == (0, f"revoked API token {token_id}\n")
    assert cli("tokens", "revoke", token_id, "--json").document["token"]["state"] == "revoked"
    unknown = cli("tokens", "revoke", f"ffg_{'0' * 16}_{secret}")
    assert (unknown.code, unknown.err) == (4, "error: there is no API token '0000000000000000'\n")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "missing option '--scope'"),
        (("--scope", "admin"), "invalid value for '--scope': 'admin' is not one of 'read', 'run', 'write'"),
        (("--scope", "read", "--expires-in", "3y"), "invalid value for '--expires-in': '3y' is not a span such as 30m"),
        (("--scope", "read", "--expires-in", "0d"), "invalid value for '--expires-in': '0d' is not a span such as 30m"),
        (("--scope", "read", "--expires-in", "99999w"), "invalid value for '--expires-in': '99999w' is not a span"),
        (("--scope", "read", "--name", ""), "invalid value for '--name': it must be text of 1 to 200 printable"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_token_makes_no_database(cli: Cli, folder: Path, words: tuple[str, ...], complaint: str) -> None:
    """Exit code 2, one sentence, nothing on stdout and nothing on the disk."""
    answer = cli("tokens", "create", *words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"error: {complaint}")
    assert list(folder.iterdir()) == []


def test_a_foreign_database_gets_no_tables_by_a_list(cli: Cli, postgres_url: str) -> None:
    """Only ``create`` makes ours in it."""
    listed = cli("tokens", "list", "--database", postgres_url)
    assert (listed.code, listed.out) == (0, "")
    assert "there are no API tokens" in listed.err
    engine = sqlalchemy.create_engine(postgres_url)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    assert cli("tokens", "create", "--scope", "read", "--database", postgres_url).code == 0
    assert "api_tokens" in sqlalchemy.inspect(engine).get_table_names()
    engine.dispose()


def test_an_unwritable_folder_is_a_database_fault(cli: Cli, folder: Path) -> None:
    """No token is printed that is stored nowhere."""
    url = f"sqlite:///{folder}{os.sep}nowhere{os.sep}x.db"
    answer = cli("tokens", "create", "--scope", "read", "--database", url)
    assert (answer.code, answer.out) == (1, "")
