"""Rows of API tokens. The hash of a secret leaves this room only to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from flowforge_graph.model import Token
from flowforge_graph.model.ids import is_storable_text
from flowforge_graph.storage.instants import to_instant, to_seconds
from flowforge_graph.storage.tables import AnyRow, Tables


class StoredToken(NamedTuple):
    """A token and what its secret is compared with."""

    token: Token
    secret_hash: str


class TokenRows:
    """Queries on ``api_tokens``."""

    def __init__(self, tables: Tables) -> None:
        self._table = tables.api_tokens
        columns = self._table.c
        self._by_id = select(self._table).where(columns.id == bindparam("token_id"))

    def get(self, connection: Connection, token_id: str) -> StoredToken | None:
        """The token of this id, by one look at an index."""
        if not is_storable_text(token_id):
            return None
        row = connection.execute(self._by_id, {"token_id": token_id}).first()
        return None if row is None else StoredToken(_token_of(row), row.secret_hash)

    def all(self, connection: Connection) -> list[Token]:
        """All tokens, newest first."""
        return [_token_of(row) for row in connection.execute(select(self._table).order_by(self._table.c.seq.desc()))]

    def exist(self, connection: Connection) -> bool:
        """Whether there is any."""
        return connection.execute(select(self._table.c.seq).limit(1)).first() is not None

    def insert(self, connection: Connection, token: Token, *, secret_hash: str) -> None:
        """Store a new token."""
        connection.execute(insert(self._table).values({**_row_of(token), "secret_hash": secret_hash}))

    def revoke(self, connection: Connection, token_id: str, *, now: int) -> bool:
        """Revoke a token that is not revoked; whether there was one."""
        if not is_storable_text(token_id):
            return False
        columns = self._table.c
        revoked = connection.execute(
            update(self._table).where(columns.id == token_id, columns.revoked_at.is_(None)).values(revoked_at=now)
        )
        return revoked.rowcount == 1

    def record_uses(self, connection: Connection, uses: Mapping[str, int], *, apart_seconds: int) -> None:
        """Store when each token was last used, unless a use as near as ``apart_seconds`` is stored already."""
        columns = self._table.c
        # By id, as every transaction locks its rows.
        for token_id, used_at in sorted(uses.items()):
            is_news = or_(columns.last_used_at.is_(None), func.abs(columns.last_used_at - used_at) >= apart_seconds)
            connection.execute(update(self._table).where(columns.id == token_id, is_news).values(last_used_at=used_at))


def _token_of(row: AnyRow) -> Token:
    return Token.trusted(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes),
        created_at=to_instant(row.created_at),
        expires_at=to_instant(row.expires_at),
        revoked_at=to_instant(row.revoked_at),
        last_used_at=to_instant(row.last_used_at),
    )


def _row_of(token: Token) -> Mapping[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "created_at": to_seconds(token.created_at),
        "expires_at": to_seconds(token.expires_at),
        "revoked_at": to_seconds(token.revoked_at),
        "last_used_at": to_seconds(token.last_used_at),
    }
