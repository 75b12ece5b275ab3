"""What flows hear of the completions that they told of."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from flowforge_graph.client import CompletionNotice, SkippedNotice, TriggeredNotice
from flowforge_graph.model import CompletionResult, ReasonCode, Verdict
from flowforge_graph.testing.strategies.executions import completion_results, verdicts


def triggered_notices() -> st.SearchStrategy[TriggeredNotice]:
    """Triggers that started an execution."""
    return verdicts(reasons=(None,)).map(_triggered)


def skipped_notices() -> st.SearchStrategy[SkippedNotice]:
    """Triggers that started nothing, for any of the reasons."""
    return verdicts(reasons=get_args(ReasonCode)).map(_skipped)


def completion_notices() -> st.SearchStrategy[CompletionNotice]:
    """Answers to completions, as the API gives them."""
    return completion_results().map(_noticed)


def _triggered(verdict: Verdict) -> TriggeredNotice:
    return TriggeredNotice(**{field: getattr(verdict, field) for field in TriggeredNotice.model_fields})


def _skipped(verdict: Verdict) -> SkippedNotice:
    return SkippedNotice(**{field: getattr(verdict, field) for field in SkippedNotice.model_fields})


def _noticed(result: CompletionResult) -> CompletionNotice:
    return CompletionNotice(
        execution_id=result.execution_id,
        workflow_id=result.workflow_id,
        status=result.status,
        message=f"{len(result.triggered)} triggered, {len(result.skipped)} skipped",
        triggered=tuple(map(_triggered, result.triggered)),
        skipped=tuple(map(_skipped, result.skipped)),
    )
