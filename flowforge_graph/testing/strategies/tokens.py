"""API tokens."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import strategies as st

from flowforge_graph.model import SCOPES, NewToken, Token
from flowforge_graph.model.tokens import ID_BYTES, SECRET_BYTES, TokenParts, token_text
from flowforge_graph.testing.strategies.names import names
from flowforge_graph.testing.strategies.values import built, instants

_MINUTES_OF_A_YEAR = 525_600


@st.composite
def tokens(draw: st.DrawFn, *, is_new: bool = False) -> Token:
    """Tokens that were used, if at all, before they expire or are revoked; new ones are neither used nor revoked."""
    created_at = draw(instants())
    optional = {"name": names(), "expires_at": _within(created_at, 60, _MINUTES_OF_A_YEAR)}
    if not is_new:
        optional["last_used_at"] = _within(created_at, 0, 60)
        optional["revoked_at"] = _within(created_at, 60, _MINUTES_OF_A_YEAR)
    scopes = st.lists(st.sampled_from(SCOPES), min_size=1, unique=True).map(tuple)
    required = {"id": _hexadecimal(ID_BYTES), "scopes": scopes, "created_at": st.just(created_at)}
    return draw(built(Token, required, optional))


@st.composite
def new_tokens(draw: st.DrawFn) -> NewToken:
    """Tokens that were just made, with the text that has their id."""
    token, secret = draw(tokens(is_new=True)), draw(_hexadecimal(SECRET_BYTES))
    return NewToken(token=token, text=token_text(TokenParts(id=token.id, secret=secret)))


def _hexadecimal(size: int) -> st.SearchStrategy[str]:
    return st.integers(0, 256**size - 1).map(lambda number: f"{number:0{2 * size}x}")


def _within(instant: datetime, fewest: int, most: int) -> st.SearchStrategy[datetime]:
    return st.integers(fewest, most).map(lambda minutes: instant + timedelta(minutes=minutes))
