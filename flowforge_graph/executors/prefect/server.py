"""The connection to a Prefect server: one client for all threads, and every fault as one sentence."""

from __future__ import annotations

import contextvars
import os
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self, TypeVar
from uuid import UUID

from flowforge_graph.errors import FlowforgeGraphError, needing, shown

if TYPE_CHECKING:
    import httpx
    from prefect.client.orchestration import SyncPrefectClient

T = TypeVar("T")

# Statuses of a server that is there but cannot answer now.
_PASSING: Final = frozenset({408, 425, 429})
_BUSY: Final = 503
# Seconds, less than one in all: whoever asks holds leases meanwhile.
_BUSY_WAITS: Final = (0.03, 0.07, 0.15, 0.3, 0.4)
_LONGEST_DETAIL: Final = 500


class PrefectFault(FlowforgeGraphError, RuntimeError):
    """Prefect did not answer, or refused. ``status_code`` is None where there was no HTTP answer.

    ``may_pass``: the same request may succeed later.
    """

    def __init__(self, message: str, *, may_pass: bool, status_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.may_pass = may_pass
        self.status_code = status_code

    def sentence(self) -> str:
        return self.message


class PrefectServer:
    """A Prefect server, by the URL of its API.

    Args:
        api_url: as ``PREFECT_API_URL`` names it, which is the default (the environment's or the profile's).
        timeout_seconds: the longest that one request may take. It must be shorter than the engine's lease: while
            Prefect is asked to start one execution, the claims on others wait.

    Safe for any number of threads. It connects with the first request; ``close`` it in the end.

    Raises:
        PrefectFault: no URL is known. A server inside this process, as Prefect itself would start, would be lost
            with it.
        ExtraMissing: Prefect is not installed.
    """

    def __init__(self, api_url: str | None = None, *, timeout_seconds: float = 10.0) -> None:
        with needing("prefect", "PrefectServer"):
            from prefect.client.orchestration import SyncPrefectClient
            from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, get_current_settings, temporary_settings

        settings = get_current_settings()
        # Prefect reads the environment once, when it is imported.
        url = api_url or os.environ.get("PREFECT_API_URL") or settings.api.url
        if not url:
            raise PrefectFault(
                "no Prefect server is named: set PREFECT_API_URL to its API, such as http://127.0.0.1:4200/api",
                may_pass=False,
            )
        self.api_url = str(url).rstrip("/")
        if not self.api_url.startswith(("http://", "https://")):
            raise PrefectFault(
                f"Prefect's API must be named as http://127.0.0.1:4200/api is, not {shown(self.api_url)}",
                may_pass=False,
            )
        # The engine has its own backoff; the client's would hold up a dispatcher for minutes. The setting is read at
        # each request and costs 20 ms to set, so that one context with it is kept.
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            self._context = contextvars.copy_context()
        secret, key = settings.api.auth_string, settings.api.key
        self._client: SyncPrefectClient = self._context.copy().run(
            SyncPrefectClient,
            self.api_url,
            auth_string=secret.get_secret_value() if secret else None,
            api_key=key.get_secret_value() if key else None,
            httpx_settings={"timeout": timeout_seconds, "event_hooks": {"response": [_refuse_at_once]}},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PrefectServer at {self.api_url}>"

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._client.__exit__(None, None, None)

    def ask(self, question: Callable[[SyncPrefectClient], T]) -> T:
        """What ``question`` answers when it is called with the client. Raises PrefectFault for whatever goes wrong.

        A server that is busy is asked again a few times: one on SQLite says 503 when two write at once. So a question
        must be one that can be repeated.
        """
        for wait in _BUSY_WAITS:
            try:
                return self._ask_once(question)
            except PrefectFault as fault:
                if fault.status_code != _BUSY:
                    raise
                time.sleep(wait * random.uniform(0.5, 1.0))
        return self._ask_once(question)

    def _ask_once(self, question: Callable[[SyncPrefectClient], T]) -> T:
        try:
            return self._context.copy().run(question, self._client)
        except Exception as error:
            raise _fault_of(error, self.api_url) from error

    def is_prefect(self) -> bool:
        """Whether what answers is Prefect's API: a 404 of anything else says nothing of what Prefect has.

        Raises PrefectFault where nothing answers.
        """
        version = self.find(lambda client: client.request("GET", "/admin/version"))
        return version is not None and version.headers.get("content-type", "").startswith("application/json")

    def find(self, question: Callable[[SyncPrefectClient], T]) -> T | None:
        """As :meth:`ask`; None for what Prefect does not have."""
        try:
            return self.ask(question)
        except PrefectFault as fault:
            if fault.status_code == 404:
                return None
            raise


def as_uuid(text: str | None) -> UUID | None:
    """The UUID that a text says, None where it says none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _refuse_at_once(response: httpx.Response) -> None:
    """Raise what may pass. The client would sleep for two seconds after its last try, before it says so."""
    if _may_pass(response.status_code):
        response.read()
        response.raise_for_status()


def _may_pass(status: int) -> bool:
    return status in _PASSING or status >= 500


def _fault_of(error: Exception, url: str) -> PrefectFault:
    import httpx
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    if isinstance(error, ObjectNotFound | ObjectAlreadyExists) and isinstance(error.http_exc, httpx.HTTPStatusError):
        error = error.http_exc
    if isinstance(error, httpx.HTTPStatusError):
        return _refusal_of(error.response, url)
    if isinstance(error, httpx.TimeoutException):
        return PrefectFault(f"the Prefect server at {url} did not answer in time", may_pass=True)
    if isinstance(error, httpx.RequestError):
        words = str(error) or type(error).__name__
        return PrefectFault(f"the Prefect server at {url} could not be reached: {words}", may_pass=True)
    if isinstance(error, ValueError):
        # Not JSON, or JSON that is not what was asked for: a proxy's page, or another program.
        return PrefectFault(f"what answers at {url} does not speak as a Prefect server does", may_pass=True)
    raise error


def _refusal_of(response: httpx.Response, url: str) -> PrefectFault:
    status = response.status_code
    return PrefectFault(
        f"the Prefect server at {url} answered {status}{_detail_in(response.text)}",
        may_pass=_may_pass(status),
        status_code=status,
    )


def _detail_in(text: str) -> str:
    import json

    try:
        document = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    detail = document.get("detail") or document.get("exception_message") or document.get("exception_detail")
    words = detail if isinstance(detail, str) else json.dumps(detail) if detail else ""
    return f": {words[:_LONGEST_DETAIL]}" if words else ""
