"""Refusals: every error as one JSON shape with its status code."""

from __future__ import annotations

from typing import Any, Final, Self

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from flowforge_graph import errors
from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.wire.graph import Chain


class BadRequest(errors.InvalidExecution):
    """A request whose body, query or header cannot be accepted."""


class TooLarge(errors.InvalidExecution):
    """A request whose body has more bytes than are read."""


class Refused(FlowforgeGraphError):
    """A request that is answered with a status code of its own, whatever it asks for."""

    status_code = 400
    headers: dict[str, str] = {}  # noqa: RUF012 - a constant of the class, overridden by classes


class ErrorDocument(BaseModel):
    """What every error looks like: one sentence, and what it carries."""

    model_config = ConfigDict(
        title="Error",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"error": "there is no workflow 'gold'"},
                {
                    "error": "'bronze' cannot depend on 'gold': bronze → silver → gold → bronze would be a cycle",
                    "chain": ["bronze", "silver", "gold", "bronze"],
                },
            ]
        },
    )

    error: str = Field(description="one sentence: what is wrong, and where")
    chain: Chain | None = None
    details: str | None = Field(default=None, description="what Prefect answered, on a fault of Prefect")

    @classmethod
    def of(cls, error: FlowforgeGraphError) -> Self:
        """The document of an error."""
        chain = list(error.chain) if isinstance(error, errors.CycleError) else None
        details = error.details if isinstance(error, errors.DeploymentError) else None
        return cls(error=str(error), chain=chain, details=details)


# The first class that fits decides.
_STATUS_CODES: Final[tuple[tuple[type[FlowforgeGraphError], int], ...]] = (
    (TooLarge, 413),
    (errors.WorkflowNotFound, 404),
    (errors.TriggerNotFound, 404),
    (errors.ExecutionNotFound, 404),
    (errors.DeploymentNotFound, 404),
    (errors.DuplicateTrigger, 409),
    (errors.WorkflowConflict, 409),
    (errors.ExecutionConflict, 409),
    (errors.CompletionConflict, 409),
    (errors.LeaseLost, 409),
    (errors.CycleError, 400),
    (errors.InvalidTrigger, 400),
    (errors.InvalidWorkflow, 400),
    (errors.InvalidDiagram, 400),
    (errors.InvalidExecution, 400),
    (errors.InvalidSchedule, 400),
    (errors.InvalidTime, 400),
    (errors.DiagramTooLarge, 400),
    (errors.DeploymentError, 503),
    (errors.ImageError, 503),
    (errors.DatabaseError, 503),
)
RETRY_AFTER_SECONDS: Final = 1


def status_code_of(error: FlowforgeGraphError) -> int | None:
    """The status code of an error that a client may see; None for one that no request should meet."""
    if isinstance(error, Refused):
        return error.status_code
    return next((code for kind, code in _STATUS_CODES if isinstance(error, kind)), None)


def refusal(error: FlowforgeGraphError, status_code: int) -> JSONResponse:
    """The response to a request that met ``error``."""
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if status_code == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return JSONResponse(ErrorDocument.of(error).model_dump(exclude_none=True), status_code, headers)


def plain_refusal(sentence: str, status_code: int, headers: dict[str, str] | None = None) -> JSONResponse:
    """A response of the same shape, for what is no error of ours."""
    return JSONResponse({"error": sentence}, status_code, headers)


MEANINGS: Final[dict[int, str]] = {
    400: "Something in the request cannot be accepted.",
    401: "No token that is believed came with the request.",
    403: "The token does not have the scope that this takes, or the request comes from a foreign web page.",
    404: "There is no such thing.",
    409: "It contradicts what is stored.",
    413: "The body is larger than what is read.",
    500: "Prefect answered with a fault.",
    503: "The database cannot be reached, or cannot be written, for now.",
}


def documented(*status_codes: int) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI is told of these errors."""
    of_all = {*status_codes, 401, 403, 503}
    documents: dict[int | str, dict[str, Any]] = {
        code: {"model": ErrorDocument, "description": MEANINGS[code]} for code in sorted(of_all)
    }
    # Without this FastAPI documents a 422 of its own, which is never answered here.
    return documents | {"default": {"model": ErrorDocument, "description": "Any other error has this shape too."}}
