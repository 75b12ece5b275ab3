"""API tokens: made, shown once, compared, revoked; and when each was last used."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Collection
from datetime import datetime
from typing import Final, cast

from sqlalchemy import Connection

from flowforge_graph.engine.context import Context
from flowforge_graph.errors import DatabaseError, InvalidTime, InvalidToken, TokenNotFound
from flowforge_graph.facts.catalogue import TokenCreated, TokenRevoked, TokenUseNotRecorded
from flowforge_graph.model import NewToken, Scope, Token, as_instant
from flowforge_graph.model.tokens import ID_BYTES, SECRET_BYTES, TokenParts, parse_token_text, public_id, token_text
from flowforge_graph.storage import to_seconds

USES_APART_SECONDS: Final = 60
_PATIENCE_MS: Final = 50
_SECONDS_AFTER_A_HELD_LOCK: Final = 1.0


def hash_of(secret: str) -> str:
    """What is stored of a secret. It has 256 random bits, which nobody guesses however fast a hash is."""
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


# An unknown id is compared too, so that the time of an answer does not tell which ids there are.
_NOBODY: Final = hash_of(secrets.token_hex(SECRET_BYTES))


class Tokens:
    """Use cases of who gives access to the API, and of the API that asks for it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = context.store.tokens
        self._database = context.store.database
        self._uses = LastUses(context)

    def create(self, scopes: Collection[str], *, name: str | None, expires_at: datetime | None) -> NewToken:
        """Make a token, store its hash, and answer its text."""
        parts = TokenParts(id=secrets.token_hex(ID_BYTES), secret=secrets.token_hex(SECRET_BYTES))
        now = self._context.now()
        expiry = None if expires_at is None else _future(expires_at, now=now)
        wanted = cast(tuple[Scope, ...], scopes)
        token = Token(id=parts.id, name=name, scopes=wanted, created_at=now, expires_at=expiry)
        self._database.run(lambda connection: self._store(connection, token, secret_hash=hash_of(parts.secret)))
        self._context.facts.tell(TokenCreated(token_id=token.id, scopes=token.scopes))
        return NewToken(token=token, text=token_text(parts))

    def list(self) -> list[Token]:
        """All tokens, newest first."""
        with self._database.read() as connection:
            return self._rows.all(connection)

    def exist(self) -> bool:
        """Whether any token was ever made."""
        with self._database.read() as connection:
            return self._rows.exist(connection)

    def revoke(self, token_id: str) -> Token:
        """Revoke a token; again, it answers the same."""
        token_id = public_id(token_id)
        now = to_seconds(self._context.now())
        token = self._database.run(lambda connection: self._revoke(connection, token_id, now))
        if token is None:
            raise TokenNotFound(token_id)
        return token

    def authenticate(self, text: object) -> Token | None:
        """The token that this text is of, if it counts now."""
        parts = parse_token_text(text)
        if parts is None:
            return None
        with self._database.read() as connection:
            stored = self._rows.get(connection, parts.id)
        expected = _NOBODY if stored is None else stored.secret_hash
        is_right = hmac.compare_digest(hash_of(parts.secret).encode(), expected.encode())
        if stored is None or not is_right or stored.token.state_at(self._context.now()) != "active":
            return None
        self._uses.note(stored.token)
        return stored.token

    def record_uses(self) -> None:
        """Store the last uses that wait for it."""
        self._uses.record()

    def _store(self, connection: Connection, token: Token, *, secret_hash: str) -> None:
        # It is there where the connection was lost during the commit, and this is the second try.
        if self._rows.get(connection, token.id) is None:
            self._rows.insert(connection, token, secret_hash=secret_hash)

    def _revoke(self, connection: Connection, token_id: str, now: int) -> Token | None:
        if self._rows.revoke(connection, token_id, now=now):
            self._context.facts.tell(TokenRevoked(token_id=token_id))
        stored = self._rows.get(connection, token_id)
        return None if stored is None else stored.token


class LastUses:
    """When tokens were last used: written once a minute a token, and never at the cost of the call that used it.

    A lock that is not had within 50 ms is not waited for: the use waits in this process for a later call, or for the
    close of the engine. A database that takes no writes is asked again after a minute, and a fact tells so.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._writes = threading.Lock()
        self._noted: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._not_before = float("-inf")

    def note(self, token: Token) -> None:
        """This token was used now; store it, or keep it for later."""
        now = to_seconds(self._context.now())
        with self._lock:
            if self._is_news(token, now):
                self._noted[token.id] = self._waiting[token.id] = now
            may_write = bool(self._waiting) and self._context.clock.monotonic() >= self._not_before
        if may_write:
            self.record()

    def record(self) -> None:
        """Store what waits, unless another thread is at it, or the lock is held."""
        if not self._writes.acquire(blocking=False):
            return
        try:
            self._record()
        finally:
            self._writes.release()

    def _is_news(self, token: Token, now: int) -> bool:
        stored = None if token.last_used_at is None else to_seconds(token.last_used_at)
        # Both sides: after a clock was set back, what is stored lies in the future.
        return all(
            known is None or abs(now - known) >= USES_APART_SECONDS for known in (stored, self._noted.get(token.id))
        )

    def _record(self) -> None:
        with self._lock:
            uses = dict(self._waiting)
        if not uses:
            return
        try:
            is_done = self._context.store.database.run_if_free(
                lambda connection: self._context.store.tokens.record_uses(
                    connection, uses, apart_seconds=USES_APART_SECONDS
                ),
                patience_ms=_PATIENCE_MS,
            )
        except DatabaseError as error:
            self._wait(USES_APART_SECONDS)
            self._context.facts.tell(TokenUseNotRecorded(tokens=len(uses), error=str(error)))
            return
        if is_done:
            self._forget(uses)
        else:
            self._wait(_SECONDS_AFTER_A_HELD_LOCK)

    def _forget(self, uses: dict[str, int]) -> None:
        with self._lock:
            for token_id, used_at in uses.items():
                if self._waiting.get(token_id) == used_at:
                    del self._waiting[token_id]

    def _wait(self, seconds: float) -> None:
        with self._lock:
            self._not_before = self._context.clock.monotonic() + seconds


def _future(expires_at: datetime, *, now: datetime) -> datetime:
    try:
        instant = as_instant(expires_at, field="expires_at").replace(microsecond=0)
    except InvalidTime as error:
        raise InvalidToken(str(error)) from None
    if instant <= now:
        raise InvalidToken(f"expires_at must lie in the future, not at {instant.isoformat()}")
    return instant
