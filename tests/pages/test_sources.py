"""Which objects of Python can a page show, and what is said of those that it cannot?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowforge_graph import DiagramView, InvalidDiagram
from flowforge_graph.pages.sources import diagram_of_object, is_object
from flowforge_graph.rendering import Diagram
from tests.support.sites import build_with_sphinx, write_files

GRAPHS = """\
import networkx as nx

from flowforge_graph import DependencyTrigger, TriggerEngine, TriggerGraph

TRIGGER = DependencyTrigger(workflow_id="bills", depends_on_workflow_id="orders")
graph = TriggerGraph()
graph.add(TRIGGER)
digraph = nx.DiGraph()
digraph.add_edge("orders", "bills", triggers=(TRIGGER,))
engine = TriggerEngine("sqlite://")
engine.create_workflow("orders", name="Orders of the day")
engine.create_workflow("bills")
engine.create_trigger(TRIGGER)
engine.complete(engine.start("orders").id, "failed")
number = 7


def made():
    return graph


def closes_a_cycle():
    graph.add(DependencyTrigger(workflow_id="orders", depends_on_workflow_id="bills"))
    return graph


def breaks():
    raise RuntimeError("no network")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A module ``page_graphs`` that can be imported while the test runs."""
    import sys

    write_files(tmp_path, {"page_graphs.py": GRAPHS, "page_graphs_broken.py": "import no_such_module_at_all\n"})
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("page_graphs").engine.close()


def edges(diagram: Diagram) -> list[tuple[str, str]]:
    """The lines of a diagram."""
    return [(line.upstream, line.downstream) for line in diagram.lines]


@pytest.mark.parametrize("attribute", ["graph", "digraph", "engine", "made"])
@pytest.mark.usefixtures("module")
def test_what_can_be_drawn(attribute: str) -> None:
    """A TriggerGraph, a DiGraph, an engine, and what a function answers."""
    diagram = diagram_of_object(f"page_graphs:{attribute}", DiagramView())
    assert edges(diagram) == [("orders", "bills")]


@pytest.mark.usefixtures("module")
def test_an_engine_tells_what_it_knows_of_its_workflows() -> None:
    """Names, and the status of each last execution."""
    diagram = diagram_of_object("page_graphs:engine", DiagramView(root="orders"))
    assert [(box.name, box.status) for box in diagram.boxes] == [("bills", None), ("Orders of the day", "failed")]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("page_graphs:gone", "the module has no 'gone'"),
        (
            "page_graphs:number",
            "it must be a TriggerGraph, DiGraph or TriggerEngine, or a function that answers one, not 7",
        ),
        ("page_graphs:breaks", "calling it raised RuntimeError: no network"),
        (
            "page_graphs:closes_a_cycle",
            "'orders' cannot depend on 'bills': orders → bills → orders would be a cycle",
        ),
        ("page_graphs_broken:graph", "the module cannot be imported: ModuleNotFoundError: No module named"),
    ],
)
@pytest.mark.usefixtures("module")
def test_what_cannot_be_drawn_is_said_in_one_sentence(source: str, sentence: str) -> None:
    """It begins with what the author wrote."""
    diagram_of_object("page_graphs:graph", DiagramView())
    with pytest.raises(InvalidDiagram, match=f"^{re.escape(f'{source}: {sentence}')}"):
        diagram_of_object(source, DiagramView())


@pytest.mark.usefixtures("module")
def test_a_root_that_is_no_workflow_is_refused() -> None:
    """As that of a file is."""
    with pytest.raises(InvalidDiagram, match=r"^page_graphs:graph: there is no workflow 'gone'$"):
        diagram_of_object("page_graphs:graph", DiagramView(root="gone"))


@pytest.mark.parametrize(
    "path", ["flowforge.yaml", "../a:b.yaml", "graphs/a:b", "C:\\graphs\\a.yaml", "a b:c", "a:b:c"]
)
def test_a_path_is_no_object(path: str) -> None:
    """Even with a colon in it."""
    assert not is_object(path)
    assert is_object("package.module:attribute")


def test_a_page_of_an_object_is_read_at_each_build(tmp_path: Path) -> None:
    """Whatever made the object may have changed."""
    conf = 'project = "Shop"\nextensions = ["flowforge_graph.pages.sphinx"]\nexclude_patterns = ["out"]\n'
    page = "Shop\n====\n\n.. flowforge-graph:: own_graphs:graph\n"
    write_files(tmp_path, {"conf.py": conf, "index.rst": page})
    for count, extra in ((1, ""), (2, 'graph.add(TRIGGER.evolve(id="second", workflow_id="alert"))\n')):
        write_files(tmp_path, {"own_graphs.py": GRAPHS.partition("digraph")[0] + extra})
        ran = build_with_sphinx(tmp_path, "-W")
        assert ran.returncode == 0, ran.stdout
        shown = (tmp_path / "out/html/index.html").read_text(encoding="utf-8")
        assert f"own_graphs:graph: {count + 1} workflows, {count} trigger" in shown
