"""Guards: who may ask. Bearer tokens with scopes; and on a developer's own machine, without tokens, no foreign page."""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections.abc import Callable, Collection
from typing import Final

from starlette.requests import HTTPConnection

from flowforge_graph.api.refusals import Refused
from flowforge_graph.engine import TriggerEngine
from flowforge_graph.errors import shown
from flowforge_graph.facts import Fact
from flowforge_graph.facts.catalogue import TokenCreated
from flowforge_graph.model.tokens import Scope

# Asks who may do this; raises NotAuthenticated or NotPermitted. Called in a worker thread, so that it may block. One
# that can often tell without waiting has a method ``at_once``, called first and in the event loop: True where it is
# settled.
Guard = Callable[[HTTPConnection, Scope], None]

# How long it is believed that no token was made. (One that this process makes counts at once.)
_BELIEVED_SECONDS: Final = 1.0
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser sends, and nothing that two parsers read in two ways: no user, no path, no control character.
_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[0-9a-z.-]+))(?::[0-9]{1,5})?", re.IGNORECASE)


class NotAuthenticated(Refused):
    """the request needs a token that is believed: 'Authorization: Bearer <token>'"""

    status_code = 401

    def __init__(self) -> None:
        super().__init__()
        self.headers = {"WWW-Authenticate": 'Bearer realm="flowforge-graph"'}

    def sentence(self) -> str:
        return (
            "the request needs a valid token: send 'Authorization: Bearer TOKEN'"
            " with one made by 'flowforge-graph tokens create'"
        )


class NotPermitted(Refused):
    """The request is understood, and its sender may not do this."""

    status_code = 403

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def sentence(self) -> str:
        return self.message


class TokenGuard:
    """Asks for a bearer token with the scope of the route.

    Args:
        engine: whose tokens are believed.
        always: ask also while no token was ever made (then nobody is let in). Otherwise, as long as there is none,
            everybody may do everything, which is for a server that only its own machine can reach.
        own_machine_only: while no token was ever made, refuse hosts and web pages other than this machine's, so that
            no page that a developer visits can drive a server on his machine.
        origins: web origins that may write nonetheless, as for CORS.
        monotonic: the clock, in seconds, by which it is believed for a second that no token was made.
    """

    def __init__(
        self,
        engine: TriggerEngine,
        *,
        always: bool = False,
        own_machine_only: bool = False,
        origins: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._always = always
        self._own_machine_only = own_machine_only
        self._origins = frozenset(origins)
        self._monotonic = monotonic
        self._open_until = -math.inf
        engine.subscribe(self._hear)

    def __call__(self, request: HTTPConnection, scope: Scope) -> None:
        """Raises NotAuthenticated or NotPermitted, and DatabaseError where the tokens cannot be read."""
        if self._asks_for_tokens():
            self._ask_for_token(request, scope)
        else:
            self._refuse_strangers(request)

    def at_once(self, request: HTTPConnection, _: Scope) -> bool:
        """As a call, where the database need not be asked for it; False where it must be."""
        if self._always or self._monotonic() >= self._open_until:
            return False
        self._refuse_strangers(request)
        return True

    def _asks_for_tokens(self) -> bool:
        if self._always or self._engine.has_tokens():
            return True
        self._open_until = self._monotonic() + _BELIEVED_SECONDS
        return False

    def _hear(self, fact: Fact) -> None:
        if isinstance(fact, TokenCreated):
            self._open_until = -math.inf

    def _refuse_strangers(self, request: HTTPConnection) -> None:
        if self._own_machine_only:
            _refuse_foreign_host(request)
            self._refuse_foreign_page(request)

    def _ask_for_token(self, request: HTTPConnection, scope: Scope) -> None:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        token = self._engine.authenticate(text.lstrip(" ")) if kind.lower() == "bearer" else None
        if token is None:
            raise NotAuthenticated
        if scope not in token.scopes:
            raise NotPermitted(f"this takes a token with the scope '{scope}', and this one has {_listed(token.scopes)}")

    def _refuse_foreign_page(self, request: HTTPConnection) -> None:
        if request.scope["method"] in _SAFE_METHODS:
            return
        origin = request.headers.get("origin")
        own = f"{request.scope['scheme']}://{request.headers['host']}"
        if origin is not None and origin != own and origin not in self._origins:
            raise NotPermitted(f"a page of {shown(origin)} may not write here: name it by --cors-origin to allow it")
        if origin is None and request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
            raise NotPermitted("a page of another site may not write here")


def _refuse_foreign_host(request: HTTPConnection) -> None:
    """A page whose name is bound to 127.0.0.1 afterwards sends that name as its host."""
    host = ", ".join(request.headers.getlist("host"))
    if not is_own_machine(_name_of(host)):
        raise NotPermitted(
            f"the host {shown(host)} is not this machine: use localhost, or make a token:"
            " 'flowforge-graph tokens create --help'"
        )


def _name_of(host: str) -> str:
    match = _HOST.fullmatch(host)
    return "" if match is None else (match["ipv6"] or match["name"]).lower()


def is_own_machine(host: str) -> bool:
    """Whether a host name or address is one that only this machine can reach."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listed(scopes: Collection[str]) -> str:
    return ", ".join(f"'{scope}'" for scope in sorted(scopes))
