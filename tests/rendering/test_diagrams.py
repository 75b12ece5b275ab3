"""What does a diagram show of a graph?"""

from __future__ import annotations

import networkx as nx
import pytest

from flowforge_graph import (
    DiagramView,
    EventTrigger,
    ImageError,
    ImageLimits,
    InvalidDiagram,
    ManualTrigger,
    ScheduledTrigger,
    WorkflowNote,
    WorkflowNotFound,
)
from flowforge_graph.model import Workflow
from flowforge_graph.rendering import diagram_of, notes_of
from tests.rendering.support import chain, drawn_graph, line_between, pairs_of, trigger


def test_every_workflow_is_a_box_and_every_trigger_a_line() -> None:
    """Sorted by id; several triggers of one edge are as many lines, by condition."""
    graph = drawn_graph(
        trigger("b", "c"),
        trigger("a", "b", "on_completion", delay_minutes=60, enabled=False),
        trigger("a", "b", "on_success"),
        trigger("a", "b", "on_failure", delay_minutes=5, trigger_name="Retry"),
    )
    graph.add_node("alone", name="All alone")
    diagram = diagram_of(graph)
    assert [(box.id, box.name) for box in diagram.boxes] == [
        ("a", "a"),
        ("alone", "All alone"),
        ("b", "b"),
        ("c", "c"),
    ]
    assert [(line.condition, line.delay_minutes, line.is_off, line.trigger_name) for line in diagram.lines[:3]] == [
        ("on_success", 0, False, None),
        ("on_failure", 5, False, "Retry"),
        ("on_completion", 60, True, None),
    ]
    assert pairs_of(diagram) == [("a", "b")] * 3 + [("b", "c")]


def test_an_edge_without_triggers_is_a_line_too() -> None:
    """Any DiGraph can be drawn: an edge that says nothing is drawn without a condition."""
    diagram = diagram_of(nx.DiGraph([("a", "b")]))
    assert line_between(diagram, "a", "b").condition == ""


def test_the_order_of_a_graph_does_not_matter() -> None:
    """Two graphs that were built the other way round are the same diagram."""
    triggers = [trigger("a", "b"), trigger("b", "c", "on_failure"), trigger("b", "c"), trigger("a", "c")]
    assert diagram_of(drawn_graph(*triggers)) == diagram_of(drawn_graph(*reversed(triggers)))


@pytest.mark.parametrize(
    ("depth", "shown"), [(1, "bcd"), (2, "abcde"), (None, "abcdef")], ids=["one hop", "two hops", "all the way"]
)
def test_the_neighbourhood_of_a_workflow(depth: int | None, shown: str) -> None:
    """``depth`` hops up and down; what hangs on another branch of the upstream is not part of it."""
    graph = chain(*"abcdef")
    graph.add_edge("b", "sibling", triggers=(trigger("b", "sibling"),))
    diagram = diagram_of(graph, DiagramView(root="c", depth=depth))
    assert [box.id for box in diagram.boxes] == list(shown)
    assert [box.id for box in diagram.boxes if box.is_root] == ["c"]
    boxes = {box.id: box for box in diagram.boxes}
    assert boxes["b"].hidden_downstream == 1
    assert (boxes["d"].hidden_downstream, boxes["b"].hidden_upstream) == ((1, 1) if depth == 1 else (0, 0))


def test_a_root_that_is_not_there() -> None:
    """It is named."""
    with pytest.raises(WorkflowNotFound, match="'z'"):
        diagram_of(chain("a", "b"), DiagramView(root="z"))


def test_the_reduction_leaves_out_what_a_longer_way_implies() -> None:
    """And counts it; every pair that was joined stays joined by a way."""
    graph = chain(*"abcd")
    for pair in ("ac", "ad", "bd"):
        graph.add_edge(*pair, triggers=(trigger(*pair),))
    diagram = diagram_of(graph, DiagramView(reduce=True))
    assert pairs_of(diagram) == [("a", "b"), ("b", "c"), ("c", "d")]
    assert diagram.reduced == 3
    assert diagram_of(graph).reduced == 0


def test_a_refused_chain_is_marked() -> None:
    """Its workflows and steps; the step that is no edge of the graph is drawn and closes it."""
    diagram = diagram_of(chain(*"abcd"), DiagramView(refused=("b", "c", "d", "b")))
    assert [box.id for box in diagram.boxes if box.is_refused] == ["b", "c", "d"]
    assert pairs_of(diagram) == [("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]
    assert [line.is_refused for line in diagram.lines] == [False, True, True, True]
    assert line_between(diagram, "d", "b").closes


def test_a_graph_with_a_cycle_is_drawn_and_reduced() -> None:
    """A refused file is drawn as it stands; edges within its cycle are never taken for implied ones."""
    graph = chain(*"abca")
    for pair in ("cd", "de", "ce", "ff"):
        graph.add_edge(*pair, triggers=(trigger(*pair),))
    diagram = diagram_of(graph, DiagramView(refused=("a", "b", "c", "a"), reduce=True))
    assert set(pairs_of(diagram)) == {tuple(pair) for pair in ("ab", "bc", "ca", "cd", "de", "ce", "ff")}


def test_schedules_and_events_stand_under_the_name() -> None:
    """In words, those that are enabled first; what a person starts says nothing."""
    own = (
        ScheduledTrigger(workflow_id="a", cron_expression="0 9 * * 1", enabled=False),
        ManualTrigger(workflow_id="a", trigger_name="By hand"),
        EventTrigger(workflow_id="a", event_type="file.arrived"),
        ScheduledTrigger(workflow_id="a", cron_expression="0 2 * * *", timezone="America/New_York"),
    )
    (noted,) = diagram_of(nx.DiGraph({"a": {}}), None, {"a": WorkflowNote(triggers=own, lines=("3 orders",))}).boxes
    assert [(line.text, line.is_off) for line in noted.lines] == [
        ("Daily at 2:00 AM, America/New_York", False),
        ("on event 'file.arrived'", False),
        ("Every Monday at 9:00 AM, UTC (disabled)", True),
        ("3 orders", False),
    ]
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_node("a", triggers=own)
    (carried,) = diagram_of(graph).boxes
    assert carried.lines == noted.lines[:3]


def test_a_schedule_that_cannot_be_read_is_shown_as_it_stands() -> None:
    """A strange row of a database costs nobody the picture."""
    strange = ScheduledTrigger(workflow_id="a", cron_expression="@daily").model_copy(
        update={"cron_expression": "at noon"}
    )
    (box,) = diagram_of(nx.DiGraph({"a": {}}), None, {"a": WorkflowNote(triggers=(strange,))}).boxes
    assert [line.text for line in box.lines] == ["at noon, UTC"]


def test_what_is_beyond_the_limits_is_refused_before_it_costs_anything() -> None:
    """Not one box is made of a graph that no layout program would be given."""

    class Untouchable(dict[str, WorkflowNote]):
        def get(self, *_: object) -> WorkflowNote:  # type: ignore[override]
            raise AssertionError("a box was made")

    with pytest.raises(ImageError, match="a diagram of 3 workflows is not laid out"):
        diagram_of(chain(*"abc"), None, Untouchable(), limits=ImageLimits(workflows=2))
    assert len(diagram_of(chain(*"abc"), limits=ImageLimits(workflows=3)).boxes) == 3


def test_a_workflow_that_nothing_can_start_is_off() -> None:
    """Where it has triggers, into it or its own, and none of them is enabled; one without any is not."""
    graph = drawn_graph(trigger("a", "b", enabled=False), trigger("a", "c", enabled=False))
    off = ScheduledTrigger(workflow_id="a", cron_expression="@daily", enabled=False)
    on = ScheduledTrigger(workflow_id="c", cron_expression="@daily")
    graph.add_node("d")
    notes = {"a": WorkflowNote(triggers=(off,)), "c": WorkflowNote(triggers=(on,))}
    assert {box.id: box.is_off for box in diagram_of(graph, None, notes).boxes} == {
        "a": True,
        "b": True,
        "c": False,
        "d": False,
    }


def test_a_neighbourhood_knows_the_triggers_that_it_does_not_show() -> None:
    """A workflow that something outside of the picture starts is not off."""
    graph = drawn_graph(trigger("a", "b", enabled=False), trigger("x", "b"))
    diagram = diagram_of(graph, DiagramView(root="a"))
    assert [(box.id, box.is_off) for box in diagram.boxes] == [("a", False), ("b", False)]


@pytest.mark.parametrize(
    ("group_by", "groups"), [("tag", {None: "c", "raw": "a", "x": "b"}), ("source", {None: "bc", "shop": "a"})]
)
def test_groups(group_by: str, groups: dict[str | None, str]) -> None:
    """By the first tag by name, or by source; workflows without one come first and stand in no frame."""
    notes = notes_of(
        [
            Workflow(id="a", tags=("x", "raw"), source="shop"),
            Workflow(id="b", tags=("y", "x")),
            Workflow(id="c", name="Sea"),
        ]
    )
    diagram = diagram_of(chain(*"abc"), DiagramView(group_by=group_by), notes)  # type: ignore[arg-type]
    found = {group: "".join(box.id for box in boxes) for group, boxes in diagram.groups().items()}
    assert found == groups
    assert next(iter(found)) is None


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"depth": 1}, "name that workflow too"),
        ({"root": "a", "depth": 0}, "at least 1, or None, not 0"),
        ({"root": "a", "depth": True}, "not True"),
        ({"theme": "sepia"}, "theme must be one of 'light', 'dark' or 'auto'"),
        ({"direction": "up"}, "direction must be one of"),
        ({"group_by": "colour"}, "group_by must be one of"),
        ({"refused": ("a", "b")}, "first and last workflow alike"),
        ({"refused": ("a",)}, "first and last workflow alike"),
        ({"refused": "aba"}, "first and last workflow alike"),
        ({"themes": "dark"}, "did you mean 'theme'?"),
        ({"title": "\0"}, "title must not contain NUL"),
    ],
)
def test_a_view_that_says_nothing_sensible_is_refused(fields: dict[str, object], complaint: str) -> None:
    """In one sentence that names the field."""
    with pytest.raises(InvalidDiagram, match=complaint.replace("?", r"\?")):
        DiagramView(**fields)


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "java\tscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//elsewhere.example",
        "vbscript:x",
        "http:/\\elsewhere",
        "\\\\elsewhere",
        "https://x\u202e",
        "https://a b",
        "",
        "x" * 2_001,
        None.__class__,
    ],
)
def test_other_links_than_http_and_relative_ones_are_refused(link: object) -> None:
    """Graphviz would write any of them into the picture."""
    with pytest.raises(InvalidDiagram, match="url"):
        WorkflowNote(url=link)


@pytest.mark.parametrize(
    "link", ["https://x.example/w?id=a&b=1#c", "HTTP://x", "workflows/a", "/w/a:b", "../a", "?w=a:b", "#a"]
)
def test_http_and_relative_links_are_taken(link: str) -> None:
    """As they are."""
    assert WorkflowNote(url=link).url == link
