"""The Prefect that commands talk to: named by an option or the environment, and loaded late."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer

from flowforge_graph.cli.exits import Refusal, say
from flowforge_graph.cli.text import shown
from flowforge_graph.errors import DeploymentError, ExtraMissing
from flowforge_graph.facts import Fact
from flowforge_graph.facts.catalogue import DeploymentNotFollowed

if TYPE_CHECKING:
    from flowforge_graph.engine.protocols import Deployments
    from flowforge_graph.executors.prefect.server import PrefectServer

PREFECT_VARIABLE: Final = "PREFECT_API_URL"

PrefectOption = Annotated[
    str | None,
    typer.Option(
        "--prefect-api",
        metavar="URL",
        help=f"Prefect's API. Default: ${PREFECT_VARIABLE}, else its profile.",
    ),
]


@contextmanager
def connected_prefect(api_url: str | None = None) -> Iterator[PrefectServer]:
    """A Prefect server, closed at the end. Raises Refusal where Prefect is not installed or no server is named."""
    from flowforge_graph.executors.prefect.server import PrefectFault, PrefectServer

    try:
        server = PrefectServer(api_url or os.environ.get(PREFECT_VARIABLE))
    except ExtraMissing as error:
        raise Refusal(str(error)) from error
    except PrefectFault as fault:
        raise Refusal(f"{fault}, or give --prefect-api") from fault
    with server:
        yield server


@contextmanager
def prefect_if_needed() -> Iterator[Deployments | None]:
    """The deployments of the Prefect that the environment names, None where it names none.

    Prefect takes seconds to import, and most commands have nothing to ask it: it is loaded with the first question.
    """
    api_url = os.environ.get(PREFECT_VARIABLE)
    if not api_url:
        yield None
        return
    late = _LateDeployments(api_url)
    try:
        yield cast("Deployments", late)
    finally:
        late.close()


def say_what_did_not_follow(fact: Fact) -> None:
    """Tell the person that a change is stored and Prefect does not know of it."""
    if isinstance(fact, DeploymentNotFollowed):
        named = "" if os.environ.get(PREFECT_VARIABLE) else f"set {PREFECT_VARIABLE}, then "
        say(
            f"warning: Prefect does not know of the change of trigger {shown(fact.trigger_id)}: {shown(fact.error)}; "
            f"{named}'deployments repair' mends it or says why it cannot"
        )


class _LateDeployments:
    """Connects when it is asked the first time, and answers as what it then is."""

    def __init__(self, api_url: str) -> None:
        self._api_url = api_url
        self._server: PrefectServer | None = None

    def __getattr__(self, name: str) -> Any:
        from flowforge_graph.executors.prefect.deployments import PrefectDeployments

        return getattr(PrefectDeployments(self._connected()), name)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def _connected(self) -> PrefectServer:
        if self._server is None:
            from flowforge_graph.executors.prefect.server import PrefectServer

            try:
                self._server = PrefectServer(self._api_url)
            except ExtraMissing as error:
                raise DeploymentError(str(error)) from error
        return self._server
