"""Trigger values of all four kinds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from flowforge_graph.model import (
    CONDITIONS,
    MAX_DELAY_MINUTES,
    TRIGGER_CLASSES,
    AnyTrigger,
    DependencyEdge,
    DependencyTrigger,
)
from flowforge_graph.schedules import MISFIRE_POLICIES
from flowforge_graph.testing.strategies.names import names, numbered_ids, workflow_ids
from flowforge_graph.testing.strategies.schedules import cron_expressions, timezones
from flowforge_graph.testing.strategies.values import Fields, built, json_objects

CONDITION = st.sampled_from(CONDITIONS)
DELAY_MINUTES = st.integers(0, MAX_DELAY_MINUTES)


def triggers(*kinds: str, workflow_ids: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Any]:
    """Triggers as a host creates them, without the fields that the engine fills.

    Args:
        kinds: which of ``manual``, ``scheduled``, ``dependency`` and ``event``; none for all.
        workflow_ids: what they start and depend on; any ids by default. It must offer two different ones for
            dependencies, which are never on the workflow itself.

    Their ids are ``t1``, ``t2``, …: draw lists with ``unique_by=lambda trigger: trigger.id``.

    Raises:
        ValueError: there is no such kind.
    """
    unknown = [kind for kind in kinds if kind not in TRIGGER_CLASSES]
    if unknown:
        raise ValueError(f"there is no kind of trigger {unknown[0]!r}; known are {', '.join(TRIGGER_CLASSES)}")
    ids = _any_workflow_ids() if workflow_ids is None else workflow_ids
    return st.one_of([_triggers_of(kind, ids) for kind in kinds or TRIGGER_CLASSES])


# The argument above has the name that its callers know.
_any_workflow_ids = workflow_ids


def _triggers_of(kind: str, ids: st.SearchStrategy[str]) -> st.SearchStrategy[AnyTrigger]:
    if kind == "dependency":
        return _dependencies(ids)
    required, optional = _FIELDS[kind]
    return built(
        TRIGGER_CLASSES[kind], {"id": numbered_ids("t"), "workflow_id": ids, **required}, {**_COMMON, **optional}
    )


@st.composite
def _dependencies(draw: st.DrawFn, ids: st.SearchStrategy[str]) -> DependencyTrigger:
    upstream, downstream = draw(st.lists(ids, min_size=2, max_size=2, unique=True))
    ends = {"workflow_id": st.just(downstream), "depends_on_workflow_id": st.just(upstream)}
    optional = {"dependency_condition": CONDITION, "delay_minutes": DELAY_MINUTES}
    return draw(built(DependencyTrigger, {"id": numbered_ids("t"), **ends}, {**_COMMON, **optional}))


@st.composite
def dependency_edges(draw: st.DrawFn) -> DependencyEdge:
    """Dependency triggers as the edges of a graph carry them."""
    trigger, seq = draw(triggers("dependency")), draw(st.integers(1, 2**31))
    return DependencyEdge._make((*(getattr(trigger, field) for field in DependencyEdge._fields[:-1]), seq))


_COMMON: Fields = {"enabled": st.booleans(), "trigger_name": names()}
_FIELDS: dict[str, tuple[Fields, Fields]] = {
    "manual": ({}, {}),
    "scheduled": (
        {"cron_expression": cron_expressions()},
        {
            "timezone": timezones(),
            "misfire_policy": st.sampled_from(MISFIRE_POLICIES),
            "schedule_owner": st.sampled_from(("engine", "prefect")),
        },
    ),
    "event": (
        {"event_type": st.sampled_from(("arrived", "file.arrived", "left"))},
        {"event_config": json_objects()},
    ),
}
