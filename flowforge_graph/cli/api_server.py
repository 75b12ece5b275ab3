"""The API of ``serve``: uvicorn in a thread of its own, on a socket that was bound before anything started."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from flowforge_graph.cli.exits import ExitCode, Refusal
from flowforge_graph.errors import ExtraMissing, needing

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

    from flowforge_graph.engine import TriggerEngine

_BACKLOG: Final = 2_048
_ORIGIN: Final = re.compile(r"https?://[^\s/?#*@]+", re.IGNORECASE)
# How long answers that were begun may take after a stop; streams of events are ended at once.
_GRACE_SECONDS: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiOptions:
    """Where the API listens and for whom."""

    host: str
    port: int
    cors_origins: tuple[str, ...] = ()


class ApiServer:
    """The API of one engine. A context manager: leaving it answers what was begun, and stops.

    Raises Refusal where the extra is missing, nobody could be let in, or the address cannot be had.
    """

    def __init__(self, engine: TriggerEngine, options: ApiOptions, hindrance: Callable[[], str | None]) -> None:
        app = _application(engine, options, hindrance)
        self._feed = app.state.feed
        self._socket = bound_socket(options)
        self._server = http_server(app)
        self._thread = threading.Thread(target=self._run, name="flowforge-graph-api", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens; the port is the real one, also where any would do."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def is_alive(self) -> bool:
        """Whether it still answers."""
        return self._thread.is_alive()

    def __enter__(self) -> ApiServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.close()
        self._server.should_exit = True
        self._thread.join(_GRACE_SECONDS + 1)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _application(engine: TriggerEngine, options: ApiOptions, hindrance: Callable[[], str | None]) -> FastAPI:
    try:
        with needing("api", "the API"):
            import uvicorn  # noqa: F401 - looked for with the rest, before anything starts

            from flowforge_graph.api import TokenGuard, create_app
            from flowforge_graph.api.guards import is_own_machine
    except ExtraMissing as error:
        raise Refusal(f"{error}, or serve without it by --no-api") from error
    for origin in options.cors_origins:
        if not _ORIGIN.fullmatch(origin):
            raise Refusal(
                f"--cors-origin must be as a browser says it, like https://app.example.com:8443, not {origin!r}"
            )
    is_open = not is_own_machine(options.host)
    if is_open and not engine.has_tokens():
        raise Refusal(
            f"without a token the API listens on this machine only, not on {options.host}:"
            " make one by 'flowforge-graph tokens create --scope read --scope run --scope write'"
        )
    guard = TokenGuard(engine, always=is_open, own_machine_only=True, origins=options.cors_origins)
    return create_app(engine, auth=guard, hindrance=hindrance, cors_origins=options.cors_origins)


def bound_socket(options: ApiOptions) -> socket.socket:
    """The socket to listen on. Raises Refusal where the address cannot be had."""
    try:
        found = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, *_, address = found[0]
        bound = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # Connections inherit it. asyncio sets it only on sockets that name their protocol, which this one does not;
        # without it each answer over a connection that is kept waits 40 ms for its second packet.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return bound
    except (OSError, UnicodeError) as error:
        raise Refusal(
            f"the API cannot listen on {options.host}:{options.port}: {_reason(error)};"
            " choose another --port (0: any that is free) or --host",
            ExitCode.FAILED,
        ) from error


def _reason(error: OSError | UnicodeError) -> str:
    """Why the address cannot be had, without naming it: the words of a failed bind do so again."""
    match error:
        case UnicodeError():
            return "that is no name of a host"
        case socket.gaierror(strerror=str(words)):
            return words
        case OSError(errno=int(number)):
            return os.strerror(number)
    return str(error)


def http_server(app: FastAPI) -> Server:
    """The server of an application, with the settings of ``serve``."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        # Nobody's word on where a request comes from is taken.
        proxy_headers=False,
    )
    return uvicorn.Server(config)
