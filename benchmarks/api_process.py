"""A process that serves what a client of HTTP is measured against, until its standard input ends.

``python -m benchmarks.api_process ours URL`` serves the API of an engine as ``flowforge-graph serve`` does;
``python -m benchmarks.api_process empty`` a FastAPI with one sync endpoint that does nothing, on the same settings of
uvicorn. The first line on standard output is the URL.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fastapi import FastAPI

from flowforge_graph import TriggerEngine
from flowforge_graph.cli.api_server import ApiOptions, ApiServer, bound_socket, http_server

_ANYWHERE = ApiOptions(host="127.0.0.1", port=0)


def main(arguments: Sequence[str]) -> int:
    """Serve, and answer 0 when nobody needs it any more."""
    with _ours(arguments[1]) if arguments[0] == "ours" else _empty() as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


@contextmanager
def _ours(database: str) -> Iterator[str]:
    with TriggerEngine(database) as engine, ApiServer(engine, _ANYWHERE, lambda: None) as server:
        yield server.url


@contextmanager
def _empty() -> Iterator[str]:
    app = FastAPI()

    @app.get("/empty")
    def nothing() -> dict[str, str]:
        return {}

    server = http_server(app)
    with bound_socket(_ANYWHERE) as listening:
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
