"""What the API answers to a completion, as values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from flowforge_graph.errors import FlowforgeGraphError
from flowforge_graph.model import EndStatus
from flowforge_graph.model.values import Value


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("run_after must be whole Unix seconds")
    return datetime.fromtimestamp(value, UTC)


class TriggeredNotice(Value):
    """A trigger that started ``execution_id``, due at ``run_after``."""

    trigger_id: str
    workflow_id: str
    workflow_name: str
    execution_id: str
    condition: str
    delay_minutes: int
    run_after: Annotated[datetime, BeforeValidator(_instant)]


class SkippedNotice(Value):
    """A trigger that started nothing, and why."""

    trigger_id: str
    workflow_id: str
    workflow_name: str
    reason: str


class CompletionNotice(Value):
    """The API's answer to a completion: what it started, and what it did not."""

    execution_id: str
    workflow_id: str
    status: EndStatus
    message: str
    triggered: tuple[TriggeredNotice, ...]
    skipped: tuple[SkippedNotice, ...]

    @property
    def triggered_count(self) -> int:
        """How many executions were started."""
        return len(self.triggered)

    @property
    def skipped_count(self) -> int:
        """How many triggers started nothing."""
        return len(self.skipped)


_Row = TypeVar("_Row", TriggeredNotice, SkippedNotice)


def notice_of(document: Any, *, execution_id: str, workflow_id: str, status: EndStatus) -> CompletionNotice | None:
    """The value of an answer; None for a document that is none. What a newer API says beside it is left out."""
    try:
        return CompletionNotice(
            execution_id=execution_id,
            workflow_id=workflow_id,
            status=status,
            message=document["message"],
            triggered=tuple(_row(TriggeredNotice, row) for row in document["triggered"]),
            skipped=tuple(_row(SkippedNotice, row) for row in document["skipped"]),
        )
    except (FlowforgeGraphError, LookupError, TypeError, OverflowError, OSError):
        return None


def _row(kind: type[_Row], row: Mapping[str, Any]) -> _Row:
    return kind(**{field: row[_camel(field)] for field in kind.model_fields})


def _camel(field: str) -> str:
    first, *others = field.split("_")
    return first + "".join(word.capitalize() for word in others)
