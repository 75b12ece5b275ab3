"""``tokens create``, ``list`` and ``revoke``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from flowforge_graph.cli.exits import say
from flowforge_graph.cli.options import command, span
from flowforge_graph.cli.output import print_lines, print_table
from flowforge_graph.cli.session import Session
from flowforge_graph.cli.text import instant, shown

if TYPE_CHECKING:
    from flowforge_graph.model import NewToken, Token


class ScopeName(StrEnum):
    """What Typer needs to take a choice more than once."""

    READ = "read"
    RUN = "run"
    WRITE = "write"


def name_shown_to_people(text: str) -> str:
    """A parser of names, which are refused before a database is made."""
    from flowforge_graph.model.ids import checked_name

    try:
        return checked_name(text, field="it")
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    command(
        app,
        "create",
        examples=[
            "tokens create --scope read",
            "tokens create --scope read --scope run --name nightly-flows --expires-in 90d",
        ],
    )(create)
    command(app, "list", examples=["tokens list", "tokens list --json"])(list_tokens)
    command(app, "revoke", examples=["tokens revoke ID"])(revoke)


def create(
    session: Session,
    scope: Annotated[list[ScopeName], typer.Option("--scope", help="What it may do; may be given again.")],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", parser=name_shown_to_people, help="A name shown to people."),
    ] = None,
    expires_in: Annotated[
        timedelta | None,
        typer.Option("--expires-in", metavar="SPAN", parser=span, help="When it ends: 12h, 90d, 4w. Default: never."),
    ] = None,
) -> None:
    """Make an API token and print its text, once.

    The text alone goes to stdout. The database keeps only a hash of it: what is not stored now is lost. Makes the
    database where there is none yet, because an API that is reached from elsewhere needs its first token before it
    serves.
    """
    now = _now()
    with session.engine(may_create=True) as engine:
        new = engine.create_token(scope, name=name, expires_at=None if expires_in is None else now + expires_in)
    from flowforge_graph.wire import TokenDocument

    say(_explanation(new))
    session.answer(
        {"token": TokenDocument.of(new.token, now=now).as_json(), "text": new.text},
        lambda: print_lines([new.text]),
    )


def list_tokens(session: Session) -> None:
    """List all API tokens, newest first.

    Never their texts, which nobody knows.
    """
    from flowforge_graph.wire import TokenDocument

    with session.engine() as engine:
        tokens = engine.list_tokens()
    now = _now()
    session.answer(
        {"tokens": [TokenDocument.of(token, now=now).as_json() for token in tokens]},
        lambda: _print_table(tokens, now=now),
    )


def revoke(session: Session, token: Annotated[str, typer.Argument(metavar="ID", help="A token's id.")]) -> None:
    """Revoke an API token.

    Whoever holds it is refused from now on, for ever.
    """
    from flowforge_graph.wire import TokenDocument

    with session.engine() as engine:
        revoked = engine.revoke_token(token)
    session.answer(
        {"token": TokenDocument.of(revoked, now=_now()).as_json()},
        lambda: print_lines([f"revoked API token {revoked.id}"]),
    )


def _now() -> datetime:
    from flowforge_graph.engine.clock import SystemClock

    return SystemClock().now()


def _explanation(new: NewToken) -> str:
    until = "never expires" if new.token.expires_at is None else f"expires {instant(new.token.expires_at)}"
    return f"API token {new.token.id} ({', '.join(new.token.scopes)}; {until}) is shown once: store it now"


def _print_table(tokens: Sequence[Token], *, now: datetime) -> None:
    rows = [
        (
            token.id,
            shown(token.name or "-"),
            ",".join(token.scopes),
            instant(token.created_at),
            instant(token.expires_at),
            instant(token.last_used_at),
            token.state_at(now),
        )
        for token in tokens
    ]
    print_table(
        ("TOKEN", "NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED", "STATE"),
        rows,
        nothing="there are no API tokens",
    )
