"""API tokens, as documents."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import ConfigDict

from flowforge_graph.model import Token
from flowforge_graph.model.tokens import Scope, TokenState
from flowforge_graph.wire.documents import Document, UnixSeconds, made, unix_seconds


class TokenDocument(Document):
    """An API token, without its text."""

    model_config = ConfigDict(title="Token")

    id: str
    name: str | None
    scopes: list[Scope]
    state: TokenState
    created_at: UnixSeconds
    expires_at: UnixSeconds | None
    revoked_at: UnixSeconds | None
    last_used_at: UnixSeconds | None

    @classmethod
    def of(cls, token: Token, *, now: datetime) -> Self:
        """The document of a token; ``state`` is that of the instant ``now``."""
        return made(
            cls,
            id=token.id,
            name=token.name,
            scopes=list(token.scopes),
            state=token.state_at(now),
            created_at=unix_seconds(token.created_at),
            expires_at=unix_seconds(token.expires_at),
            revoked_at=unix_seconds(token.revoked_at),
            last_used_at=unix_seconds(token.last_used_at),
        )
