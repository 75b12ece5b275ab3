"""Runs of another engine, such as Prefect: what it says of their ends, by whatever way that reaches us."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from flowforge_graph.model.completions import MAX_ERROR_CHARACTERS
from flowforge_graph.model.executions import EndStatus
from flowforge_graph.model.ids import checked_id, storable_text
from flowforge_graph.model.json_values import JsonObject, checked_json_object
from flowforge_graph.model.values import Instant, Value, checked, within

_MAX_RUN_COUNT = 2**31 - 1


class ExternalEnd(Value):
    """The fact that a run of another engine ended. A hook, a reconciler and a caller of the API name one run alike.

    ``external_id`` and ``run_count`` name the run: what that engine starts again under the same id is another run.
    ``execution_id`` is the execution that the run carries; None where we did not start it.
    ``workflow_id`` lets a run that we did not start be recorded, with ``parameters`` and, where a schedule of that
    engine started it, with the trigger and its fire time. ``duration_ms`` is by that engine's clock.
    """

    external_id: Annotated[str, checked(checked_id, "external_id")]
    run_count: Annotated[int, within(0, _MAX_RUN_COUNT, field="run_count")] = 0
    status: EndStatus
    execution_id: Annotated[str, checked(checked_id, "execution_id")] | None = None
    workflow_id: Annotated[str, checked(checked_id, "workflow_id")] | None = None
    error: Annotated[str, AfterValidator(lambda text: storable_text(text, limit=MAX_ERROR_CHARACTERS))] | None = None
    duration_ms: int | None = None
    parameters: Annotated[JsonObject, checked(checked_json_object, "parameters")] = Field(default_factory=dict)
    trigger_id: Annotated[str, checked(checked_id, "trigger_id")] | None = None
    fire_time: Instant | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What names the run."""
        return (self.external_id, self.run_count)

    def __hash__(self) -> int:
        return hash(self.key)


class RecordedEnd(Value):
    """The end of a run as it was recorded: the first status stands, and a later other one is noted beside it."""

    external_id: str
    run_count: int
    execution_id: str
    status: EndStatus
    conflicting_status: EndStatus | None = None
    recorded_at: Instant

    @property
    def key(self) -> tuple[str, int]:
        """What names the run."""
        return (self.external_id, self.run_count)
