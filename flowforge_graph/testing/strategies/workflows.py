"""Workflows and what they run."""

from __future__ import annotations

from hypothesis import strategies as st

from flowforge_graph.model import CommandRun, PrefectRun, PythonRun, Workflow
from flowforge_graph.testing.strategies.names import names, workflow_ids
from flowforge_graph.testing.strategies.texts import storable_texts
from flowforge_graph.testing.strategies.values import Fields, built

_PYTHON = st.sampled_from(("steps:load", "orders.steps:check", "steps:Loader.run"))
_PREFECT = st.sampled_from(("load/nightly", "check/default"))
_ARGUMENTS = storable_texts(max_size=20)


def command_runs() -> st.SearchStrategy[CommandRun]:
    """Commands: a program and its arguments, at times with a timeout."""
    command = st.lists(_ARGUMENTS, max_size=4).map(lambda arguments: ("true", *arguments))
    return built(CommandRun, {"command": command}, {"timeout_seconds": st.integers(1, 86_400)})


def python_runs() -> st.SearchStrategy[PythonRun]:
    """Callables by name; no such module need exist."""
    return built(PythonRun, {"python": _PYTHON}, {})


def prefect_runs() -> st.SearchStrategy[PrefectRun]:
    """Deployments by name."""
    return built(PrefectRun, {"prefect": _PREFECT}, {})


@st.composite
def workflows(draw: st.DrawFn, *, ids: st.SearchStrategy[str] | None = None) -> Workflow:
    """Workflows as a host creates them, with any ids by default; shrinks to ``Workflow(id='a', name='a')``."""
    workflow_id = draw(workflow_ids() if ids is None else ids)
    # Named in any case: Hypothesis takes a field without a default for one that it has to fill.
    required = {"id": st.just(workflow_id), "name": st.just(workflow_id) | names()}
    return draw(built(Workflow, required, _OPTIONAL))


_OPTIONAL: Fields = {
    "description": names(),
    "run": command_runs() | python_runs() | prefect_runs(),
    "tags": st.lists(names(), max_size=3, unique=True).map(sorted).map(tuple),
}
