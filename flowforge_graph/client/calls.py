"""What is told, and to whom: everything that a caller or the environment says, checked before anything is sent."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

from flowforge_graph.errors import InvalidExecution, shown
from flowforge_graph.model import Completion, EndStatus, ExternalEnd

API_URL_VARIABLE: Final = "FLOWFORGE_API_URL"
API_TOKEN_VARIABLE: Final = "FLOWFORGE_API_TOKEN"

_VISIBLE: Final = re.compile(r"[!-~]+")
_TOKEN_TEXT: Final = re.compile(r"ffg_\w+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One completion and the API to be told of it. ``root`` is the API's address without ``/api``."""

    execution_id: str
    workflow_id: str
    status: EndStatus
    end: ExternalEnd | None
    root: str
    token: str | None = field(repr=False)
    timeout_seconds: float

    @property
    def url(self) -> str:
        """Where to post."""
        return f"{self.root}/api/executions/{quote(self.execution_id, safe='')}/complete"

    @property
    def body(self) -> bytes:
        """What to post."""
        run = {} if self.end is None else _run_of(self.end)
        return json.dumps({"status": self.status, "workflowId": self.workflow_id, **run}).encode("ascii")

    @property
    def headers(self) -> dict[str, str]:
        """What to show with it."""
        always = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "flowforge-graph",
        }
        return always if self.token is None else {**always, "Authorization": f"Bearer {self.token}"}

    def without_token(self, text: str) -> str:
        """``text`` of a server, which may repeat what it was sent."""
        hidden = text if self.token is None else text.replace(self.token, "***")
        return _TOKEN_TEXT.sub("***", hidden)


def checked_call(
    *,
    execution_id: object,
    workflow_id: object,
    status: object,
    end: ExternalEnd | None = None,
    base_url: object,
    token: object,
    timeout_seconds: object,
) -> Call:
    """The call that these arguments, or the environment in their place, ask for. Raises InvalidExecution."""
    if workflow_id is None:
        raise InvalidExecution("workflow_id is missing")
    fields: dict[str, Any] = {"execution_id": execution_id, "workflow_id": workflow_id, "status": status}
    completion = Completion(**fields)
    assert completion.workflow_id is not None
    return Call(
        execution_id=completion.execution_id,
        workflow_id=completion.workflow_id,
        status=completion.status,
        end=end,
        root=_root_of(os.environ.get(API_URL_VARIABLE) if base_url is None else base_url),
        token=_checked_token(os.environ.get(API_TOKEN_VARIABLE) if token is None else token),
        timeout_seconds=_checked_seconds(timeout_seconds),
    )


def _run_of(end: ExternalEnd) -> dict[str, Any]:
    """What is told of the run of another engine; what is not known is left out."""
    told = {
        "externalId": end.external_id,
        "runCount": end.run_count,
        "error": end.error,
        "durationMs": end.duration_ms,
        "parameters": end.parameters or None,
        "triggerId": end.trigger_id,
        "fireTime": None if end.fire_time is None else int(end.fire_time.timestamp()),
    }
    return {name: value for name, value in told.items() if value is not None}


def _root_of(base_url: object) -> str:
    """The address without ``/api`` and slashes at its end. Raises InvalidExecution."""
    if base_url is None or base_url == "":
        raise InvalidExecution(f"no API is named: give api_base_url, or set {API_URL_VARIABLE}")
    stripped = base_url.strip().rstrip("/") if isinstance(base_url, str) else ""
    if not _is_web_address(stripped):
        address = re.sub(r"//[^/]*@", "//***@", base_url) if isinstance(base_url, str) else base_url
        raise InvalidExecution(f"the address of the API must read like http://host:8000, not {shown(address)}")
    return stripped.removesuffix("/api").rstrip("/")


def _is_web_address(text: str) -> bool:
    if not _VISIBLE.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc or "?" in text or "#" in text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and has_port and is_plain


def _checked_token(token: object) -> str | None:
    """The token without space around it, as files bring it; None for none. Raises InvalidExecution, which hides it."""
    if token is None or token == "":
        return None
    stripped = token.strip() if isinstance(token, str) else ""
    if not _VISIBLE.fullmatch(stripped):
        raise InvalidExecution("the API token must be visible ASCII characters, and this one is not")
    return stripped


def _checked_seconds(seconds: object) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise InvalidExecution(f"timeout_seconds must be a number above 0, not {shown(seconds)}")
    # No thread waits longer than about this.
    return float(min(seconds, 86_400))
