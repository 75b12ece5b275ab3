"""API tokens: what one may do, until when, and how its text reads."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal, NamedTuple, get_args

from pydantic import BeforeValidator, Field

from flowforge_graph.errors import InvalidToken, shown
from flowforge_graph.model.ids import checked_name
from flowforge_graph.model.values import Instant, Value, checked

Scope = Literal["read", "run", "write"]
TokenState = Literal["active", "expired", "revoked"]

SCOPES: Final[tuple[str, ...]] = get_args(Scope)

# Hexadecimal digits hold no underscore, so that a text splits in one way; the first word lets secret scanners find it.
ID_BYTES: Final = 8
SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(rf"ffg_([0-9a-f]{{{2 * ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")


def _scopes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple | set | frozenset) or not value:
        raise ValueError(f"scopes must be a list of one or more of {', '.join(SCOPES)}, not {shown(value)}")
    for scope in value:
        if scope not in SCOPES:
            raise ValueError(f"a scope is one of {', '.join(SCOPES)}, not {shown(scope)}")
    return tuple(scope for scope in SCOPES if scope in value)


class Token(Value):
    """What is known of an API token; its secret is not.

    ``scopes`` are what it may do, in the order read, run, write; none includes another. ``expires_at``: from this
    instant on it counts no more, None: never. ``last_used_at`` is exact to about a minute.
    """

    refusal = InvalidToken

    id: str
    name: Annotated[str, checked(checked_name, "name")] | None = None
    scopes: Annotated[tuple[Scope, ...], BeforeValidator(_scopes)]
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None
    last_used_at: Instant | None = None

    def state_at(self, instant: datetime) -> TokenState:
        """Whether it counts at that instant: ``active``, or else ``revoked`` or ``expired``."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= instant else "active"


class NewToken(Value):
    """A token that was just made, with its text: the only place where it ever stands."""

    token: Token
    text: str = Field(repr=False)


class TokenParts(NamedTuple):
    """The two parts of a token's text: the public id, and the secret."""

    id: str
    secret: str


def token_text(parts: TokenParts) -> str:
    """The text of a token, as its holder sends it: ``ffg_<id>_<secret>``."""
    return f"ffg_{parts.id}_{parts.secret}"


def parse_token_text(text: object) -> TokenParts | None:
    """The parts of a token's text; None for anything that is not one."""
    match = _TEXT.fullmatch(text) if isinstance(text, str) else None
    return None if match is None else TokenParts(*match.groups())


def public_id(text: str) -> str:
    """The id in a token's text, also where that is cut short or spoilt; an id itself as it is.

    Who revokes a token often has its text at hand: what comes after the id must not reach an error or a log.
    """
    return text.removeprefix("ffg_").partition("_")[0]
