"""Ends of runs of another engine."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from flowforge_graph.model import EndStatus, ExternalEnd, RecordedEnd
from flowforge_graph.testing.strategies.executions import ERRORS
from flowforge_graph.testing.strategies.names import numbered_ids, workflow_ids
from flowforge_graph.testing.strategies.values import Fields, built, instants, json_objects, whole_minutes

_RUN_COUNT = st.integers(0, 2**31 - 1)
_STATUS: st.SearchStrategy[EndStatus] = st.sampled_from(get_args(EndStatus))
_CAUSES: tuple[Fields, ...] = (
    {},
    {"execution_id": numbered_ids("e")},
    {"trigger_id": numbered_ids("t"), "fire_time": whole_minutes()},
)


@st.composite
def external_ends(draw: st.DrawFn) -> ExternalEnd:
    """Ends of runs that carry an execution, that a schedule of the other engine started, or neither."""
    cause = draw(st.sampled_from(_CAUSES))
    required: Fields = {"external_id": numbered_ids("r"), "status": _STATUS, **cause}
    optional: Fields = {
        "run_count": _RUN_COUNT,
        "workflow_id": workflow_ids(),
        "error": ERRORS,
        "duration_ms": st.integers(0, 86_400_000),
        "parameters": json_objects(),
    }
    return draw(built(ExternalEnd, required, optional))


@st.composite
def recorded_ends(draw: st.DrawFn) -> RecordedEnd:
    """Recorded ends, at times with another status that came later."""
    status, other = draw(_STATUS), draw(st.none() | _STATUS)
    return RecordedEnd(
        external_id=draw(numbered_ids("r")),
        run_count=draw(_RUN_COUNT),
        execution_id=draw(numbered_ids("e")),
        status=status,
        conflicting_status=None if other == status else other,
        recorded_at=draw(instants()),
    )
