"""Are the kit's strategies healthy, valid, and small where they shrink?"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from dataclasses import is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import find as find_in
from hypothesis import strategies as st

import flowforge_graph
from flowforge_graph import CycleError, TriggerGraph, model, validate_cron_expression
from flowforge_graph.model import TRIGGER_CLASSES
from flowforge_graph.model.tokens import public_id
from flowforge_graph.model.values import Value
from flowforge_graph.schedules import zone
from flowforge_graph.schedules.cron import FIELDS
from flowforge_graph.testing import (
    AlmostCycle,
    ReadableGraph,
    almost_cycles,
    completions,
    cron_expressions,
    executions,
    graph_of,
    timezones,
    trigger_graphs,
    triggers,
    workflow_ids,
    workflows,
)
from flowforge_graph.testing.hypothesis_plugin import STRATEGIES
from flowforge_graph.testing.strategies.graphs import SHAPES
from tests.schedules.oracle import BOUNDS
from tests.support.documents import ROOT


def is_value(kind: object) -> bool:
    """Whether it is a class of frozen values: of the model's kind, a dataclass, or a tuple with names."""
    return isinstance(kind, type) and (issubclass(kind, Value) or is_dataclass(kind) or hasattr(kind, "_fields"))


PUBLIC = {name: getattr(home, name) for home in (model, flowforge_graph) for name in home.__all__}
VALUES: dict[str, type[Any]] = {name: kind for name, kind in PUBLIC.items() if is_value(kind)}

# Those of Hypothesis itself, whatever the profile of these tests says.
DEFAULTS = settings(
    settings.get_profile("default"),
    max_examples=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
)
ALL: dict[str, st.SearchStrategy[Any]] = {
    "workflow_ids": workflow_ids(),
    "cron_expressions": cron_expressions(),
    "timezones": timezones(),
    "triggers": triggers(),
    **{f"triggers {kind}": triggers(kind) for kind in TRIGGER_CLASSES},
    "trigger_graphs": trigger_graphs(),
    "trigger_graphs of strange ids": trigger_graphs(workflow_ids=workflow_ids()),
    **{f"trigger_graphs {shape}": trigger_graphs(0, 12, shape=shape) for shape in SHAPES},
    "almost_cycles": almost_cycles(),
    "completions": completions(),
    "executions": executions(),
    "workflows": workflows(),
    **{f"from_type {name}": st.from_type(kind) for name, kind in VALUES.items()},
    "from_type Trigger": st.from_type(flowforge_graph.Trigger),
}


def draw_from(strategy: st.SearchStrategy[Any]) -> None:
    """Draw as Hypothesis does in a test of its users."""

    @DEFAULTS
    @given(strategy)
    def draw(_: object) -> None:
        return

    draw()


def smallest(strategy: st.SearchStrategy[Any], condition: Any, *, of: int = 300) -> Any:
    """The smallest example that meets a condition, the same in each run."""
    return find_in(strategy, condition, settings=settings(max_examples=of, database=None, derandomize=True))


@pytest.mark.parametrize("name", ALL)
def test_every_strategy_is_healthy(name: str) -> None:
    """No health check of Hypothesis fails with its own settings: nothing is slow, large, or mostly thrown away."""
    assert not DEFAULTS.suppress_health_check or set(DEFAULTS.suppress_health_check) < set(HealthCheck)
    draw_from(ALL[name])


def test_every_public_value_is_known_to_from_type() -> None:
    """Those of all rooms, and nothing else; what Hypothesis would make of their annotations is not whole."""
    assert {name for values in STRATEGIES.values() for name in values} == VALUES.keys()
    assert {"Workflow", "Health", "SchedulePreview", "DependencyEdge", "ImageLimits", "SkippedNotice"} <= VALUES.keys()


@pytest.mark.parametrize("kind", VALUES.values())
def test_drawn_values_are_what_was_asked_for(kind: type[Any]) -> None:
    """Of the very class, and its constructor takes what they are made of."""
    fields = kind.model_fields if issubclass(kind, Value) else inspect.signature(kind).parameters

    @DEFAULTS
    @given(st.from_type(kind))
    def check(value: Any) -> None:
        assert type(value) is kind
        assert kind(**{field: getattr(value, field) for field in fields}) == value

    check()


@pytest.mark.parametrize("kind", [object, Hashable, Iterable])
def test_nobody_else_draws_our_values(kind: type[Any]) -> None:
    """Where the package is installed, a suite about something else draws what it would draw without it."""

    @settings(DEFAULTS, max_examples=200, suppress_health_check=list(HealthCheck))
    @given(st.from_type(kind))
    def check(value: object) -> None:
        assert type(value) not in VALUES.values()

    check()


@given(
    st.from_type(model.EventPage),
    st.from_type(flowforge_graph.SchedulePreview),
    st.from_type(model.ScheduleDrop),
    st.from_type(model.NewToken),
)
def test_values_are_whole_in_themselves(
    page: model.EventPage, preview: flowforge_graph.SchedulePreview, drop: model.ScheduleDrop, new: model.NewToken
) -> None:
    """As the engine makes them: in order, in one piece with what they hold."""
    positions = [event.position for event in page.events]
    assert all(one < next_one for one, next_one in pairwise([0, *positions]))
    assert not positions or (page.position == positions[-1] and not page.pruned and not page.is_foreign)
    assert all(one < next_one for one, next_one in pairwise(preview.next_runs))
    assert (drop.first == drop.last) == (drop.count == 1)
    assert drop.first <= drop.last < drop.recorded_at
    assert public_id(new.text) == new.token.id
    assert new.token.state_at(new.token.created_at) == "active"


# A test of time would fail where the machine is busy, as the health check does. What takes the time leaves a file.
MAKES_TABLES = """
import os
from pathlib import Path
from hypothesis import strategies as st
from tests.kit.test_strategies import ALL, draw_from

tables = Path(os.environ["HYPOTHESIS_STORAGE_DIRECTORY"], "unicode_data")
for name, strategy in ALL.items():
    draw_from(strategy)
    assert not tables.exists(), name
draw_from(st.text())
assert tables.exists(), "Hypothesis keeps its tables elsewhere by now: this test sees nothing"
"""


def test_no_first_draw_makes_a_table_of_unicode(tmp_path: Path) -> None:
    """Where Hypothesis has kept none, as in a fresh checkout: making one can take longer than a health check allows."""
    environment = os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)}
    program = (sys.executable, "-c", MAKES_TABLES)
    ran = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    "kind",
    [
        str.isascii,
        lambda text: unicodedata.normalize("NFC", text) != text,
        lambda text: "/" in unicodedata.normalize("NFKC", text),
        lambda text: text.casefold() != text.lower(),
        lambda text: any(unicodedata.bidirectional(each) in {"R", "AL"} for each in text),
        lambda text: any(unicodedata.east_asian_width(each) == "W" for each in text),
        lambda text: any(unicodedata.combining(each) for each in text),
        lambda text: max(text) > "\uffff",
        lambda text: " " in text,
        lambda text: set("'\"<&;%$`") & set(text),
        lambda text: len(text) > 20,
    ],
)
def test_ids_are_of_every_kind_that_makes_trouble(kind: Callable[[str], object]) -> None:
    """Of each kind of text that programs get wrong there is an id."""
    assert kind(smallest(workflow_ids(), kind, of=3_000))


@given(cron_expressions(), timezones())
def test_schedules_are_accepted(expression: str, name: str) -> None:
    """Each expression and each zone is one that triggers take."""
    assert validate_cron_expression(expression) == (True, None)
    assert zone(name).key == name


def test_the_fields_of_expressions_are_those_of_the_oracle() -> None:
    """The bounds within which expressions are drawn are not only the parser's own."""
    assert {field.name: (field.lowest, field.highest) for field in FIELDS} == BOUNDS


@given(trigger_graphs(2, 9))
def test_graphs_are_acyclic_and_paste_back(graph: ReadableGraph) -> None:
    """As many workflows as asked for, no cycle, and what is printed makes the same graph again."""
    assert 2 <= len(graph.workflow_ids) <= 9
    assert nx.is_directed_acyclic_graph(graph.digraph)
    again = eval(repr(graph), {"graph_of": graph_of})
    assert (again.triggers, sorted(again.workflow_ids)) == (graph.triggers, sorted(graph.workflow_ids))


@given(st.data())
def test_shapes_are_what_they_are_called(data: st.DataObject) -> None:
    """A chain is one path; a diamond has one end each; in a forest each has one upstream at most."""
    chain = data.draw(trigger_graphs(shape="chain")).digraph
    assert max(nx.dag_longest_path_length(chain), 0) == len(chain) - 1
    diamond = data.draw(trigger_graphs(4, 9, shape="diamond")).digraph
    assert [sum(degree == 0 for _, degree in view) for view in (diamond.in_degree, diamond.out_degree)] == [1, 1]
    assert nx.dag_longest_path_length(diamond) == 2
    forest = data.draw(trigger_graphs(shape="forest")).digraph
    assert all(degree <= 1 for _, degree in forest.in_degree)
    layers = data.draw(trigger_graphs(shape="layers")).digraph
    depths = {node: depth for depth, nodes in enumerate(nx.topological_generations(layers)) for node in nodes}
    assert all(depths[upstream] + 1 == depths[downstream] for upstream, downstream in layers.edges)


@given(almost_cycles())
def test_almost_cycles_are_refused_with_their_chain(almost: AlmostCycle) -> None:
    """The graph takes everything but the closing edge, and refuses that with the very chain."""
    with pytest.raises(CycleError) as refusal:
        almost.graph.add(almost.trigger)
    assert refusal.value.chain == almost.chain


@pytest.mark.parametrize(
    ("strategy", "condition", "shown"),
    [
        (workflow_ids(), lambda _: True, "'a'"),
        (st.lists(workflow_ids(), unique=True), lambda ids: len(ids) >= 3, "['a', 'b', 'c']"),
        (cron_expressions(), lambda _: True, "'* * * * *'"),
        (timezones(), lambda _: True, "'UTC'"),
        (
            st.from_type(model.EventPage),
            lambda _: True,
            "EventPage(events=(), position=1, is_complete=False, pruned=False, is_foreign=False)",
        ),
        (trigger_graphs(), lambda _: True, "graph_of(workflows=('a',))"),
        (trigger_graphs(), lambda graph: len(graph.triggers) >= 2, "graph_of(('a', 'b'), ('b', 'c'))"),
        (
            trigger_graphs(),
            lambda graph: any(trigger.delay_minutes for trigger in graph.triggers),
            "graph_of(('a', 'b', 'on_success', {'delay_minutes': 1}))",
        ),
        (
            trigger_graphs(shape="diamond"),
            lambda graph: len(graph.workflow_ids) >= 4,
            "graph_of(('a', 'b'), ('a', 'c'), ('b', 'd'), ('c', 'd'))",
        ),
        (
            almost_cycles(),
            lambda almost: len(almost.chain) >= 4,
            "AlmostCycle(graph=graph_of(('a', 'b'), ('b', 'c')), upstream='c', downstream='a',"
            " chain=('a', 'b', 'c', 'a'))",
        ),
    ],
)
def test_examples_shrink_to_what_a_person_reads(strategy: Any, condition: Any, shown: str) -> None:
    """The smallest example of each kind, as it is printed."""
    assert repr(smallest(strategy, condition)) == shown


# In a process of its own: where Schemathesis is imported, Hypothesis shows no values at all.
FAILS = """
from hypothesis import given, settings
from flowforge_graph.testing import completions, triggers

@given(triggers("dependency"), completions())
@settings(database=None, derandomize=True)
def fails(trigger, completion):
    assert trigger is None

try:
    fails()
except AssertionError as failure:
    print("".join(failure.__notes__))
"""


def test_values_are_shown_as_the_call_that_makes_them() -> None:
    """A counterexample names only the fields that matter."""
    ran = subprocess.run((sys.executable, "-c", FAILS), cwd=ROOT, capture_output=True, text=True, check=True)
    shown = "".join(ran.stdout.split())
    assert "trigger=DependencyTrigger(id='t1',workflow_id='b',depends_on_workflow_id='a'" in shown
    assert "completion=Completion(execution_id='e1',status='completed'" in shown


@pytest.mark.parametrize(
    "ask",
    [
        lambda: triggers("cron"),
        lambda: trigger_graphs(3, 2),
        lambda: trigger_graphs(-1),
        lambda: trigger_graphs(shape="ring"),
        lambda: trigger_graphs(workflow_ids="ab"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(ask: Any) -> None:
    """With a sentence, when it is asked for and not when it is drawn."""
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        ask()


def test_a_readable_graph_is_a_trigger_graph() -> None:
    """It answers what any graph answers."""
    assert isinstance(graph_of("ab", "bc"), TriggerGraph)
    assert graph_of("ab", "bc").downstream("a") == ["b", "c"]
