"""What diagrams show, and how."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from flowforge_graph.model import STATUSES
from flowforge_graph.rendering import DiagramView, ImageLimits, WorkflowNote
from flowforge_graph.rendering.view import Direction, Grouping, Theme
from flowforge_graph.testing.strategies.names import names, workflow_ids
from flowforge_graph.testing.strategies.triggers import triggers
from flowforge_graph.testing.strategies.values import Fields, built, several

_CYCLES = st.lists(workflow_ids(), min_size=1, max_size=4, unique=True).map(lambda ids: (*ids, ids[0]))
_LINKS = st.sampled_from(("https://flows.example/a", "/workflows/a", "runs?status=failed#last"))


@st.composite
def diagram_views(draw: st.DrawFn) -> DiagramView:
    """Views of whole graphs and of neighbourhoods."""
    root: Fields = draw(st.sampled_from(({}, {"root": workflow_ids()})))
    depth: Fields = {"depth": st.integers(1, 9)} if root else {}
    optional = {
        "reduce": st.booleans(),
        "group_by": st.sampled_from(get_args(Grouping)),
        "refused": _CYCLES,
        "direction": st.sampled_from(get_args(Direction)),
        "theme": st.sampled_from(get_args(Theme)),
        "legend": st.booleans(),
        "title": names(),
    }
    return draw(built(DiagramView, root, {**depth, **optional}))


@st.composite
def workflow_notes(draw: st.DrawFn) -> WorkflowNote:
    """Notes on one workflow each, with triggers of its own."""
    workflow_id = draw(workflow_ids())
    own = triggers("manual", "scheduled", "event", workflow_ids=st.just(workflow_id))
    optional = {
        "name": names(),
        "triggers": several(own, by="id"),
        "lines": several(names()),
        "status": st.sampled_from(STATUSES),
        "tags": several(names()).map(sorted).map(tuple),
        "source": names(),
        "url": _LINKS,
    }
    return draw(built(WorkflowNote, {}, optional))


def image_limits() -> st.SearchStrategy[ImageLimits]:
    """Limits of at least one workflow and one second."""
    return st.builds(ImageLimits, workflows=st.integers(1, 10_000), seconds=st.integers(1, 600).map(float))
