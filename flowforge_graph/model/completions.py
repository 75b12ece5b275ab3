"""Completions and what each trigger answered to them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from flowforge_graph.model.executions import Claim, EndStatus
from flowforge_graph.model.ids import checked_id, storable_text
from flowforge_graph.model.values import Instant, Value, checked

MAX_ERROR_CHARACTERS: Final = 10_000
MAX_OUTPUT_CHARACTERS: Final = 262_144

ReasonCode = Literal[
    "condition_not_met",
    "trigger_disabled",
    "upstream_cancelled",
    "workflow_missing",
    "evaluation_failed",
    "cascade_limit",
]
Outcome = Literal["triggered", "skipped"]


class Completion(Value):
    """The fact that an execution ended, as its reporter states it.

    ``workflow_id`` lets an execution never seen be recorded. ``claim`` fences: leave it out where the reporter is not
    the holder (a hook, REST). ``duration_ms`` and ``output`` are known to a local executor only.
    """

    execution_id: Annotated[str, checked(checked_id, "execution_id")]
    status: EndStatus
    workflow_id: Annotated[str, checked(checked_id, "workflow_id")] | None = None
    error: Annotated[str, AfterValidator(lambda text: storable_text(text, limit=MAX_ERROR_CHARACTERS))] | None = None
    reason: str | None = None
    output: Annotated[str, AfterValidator(lambda text: storable_text(text, limit=MAX_OUTPUT_CHARACTERS))] | None = None
    duration_ms: int | None = None
    claim: Claim | None = None


class Verdict(Value):
    """What one trigger answered to one completion, with its own copy of names, condition and delay.

    ``triggered``: ``execution_id`` is the downstream execution and ``run_after`` when it is due.
    ``skipped``: ``reason`` is one of the reason codes.
    """

    upstream_execution_id: str
    trigger_id: str
    trigger_name: str | None
    workflow_id: str
    workflow_name: str
    condition: str
    delay_minutes: int
    outcome: Outcome
    reason: ReasonCode | None = None
    execution_id: str | None = None
    run_after: Instant | None = None


class CompletionResult(Value):
    """The answer to a completion; the same completion again gives an equal answer."""

    execution_id: str
    workflow_id: str
    status: EndStatus
    verdicts: tuple[Verdict, ...] = ()

    @property
    def triggered(self) -> tuple[Verdict, ...]:
        """The verdicts that started an execution, in creation order of the triggers."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == "triggered")

    @property
    def skipped(self) -> tuple[Verdict, ...]:
        """The verdicts that did not, each with its reason."""
        return tuple(verdict for verdict in self.verdicts if verdict.outcome == "skipped")
