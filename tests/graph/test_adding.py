"""What does adding accept, refuse and leave behind?"""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from flowforge_graph.errors import DuplicateTrigger, InvalidTrigger, InvalidWorkflow, TriggerNotFound
from flowforge_graph.graph import TriggerGraph, unique_key
from flowforge_graph.model import AnyTrigger, EventTrigger, ManualTrigger
from tests.graph.helpers import assert_sound, content, depends, graph_of, scheduled


def test_workflows_appear_as_they_are_named() -> None:
    """Adding a trigger adds both workflows; the edge carries the trigger's fields."""
    graph = TriggerGraph()
    graph.add(depends("silver", "bronze", delay_minutes=5, trigger_name="Clean", enabled=False, id="t1"))
    (edge,) = graph.digraph.edges["bronze", "silver"]["triggers"]
    assert edge._asdict() == {
        "id": "t1",
        "workflow_id": "silver",
        "depends_on_workflow_id": "bronze",
        "dependency_condition": "on_success",
        "delay_minutes": 5,
        "enabled": False,
        "trigger_name": "Clean",
        "source": None,
        "created_at": None,
        "updated_at": None,
        "seq": 1,
    }
    assert edge.trigger_type == "dependency"


def test_the_collector_looks_at_no_edge_twice() -> None:
    """What edges carry are plain tuples that the garbage collector leaves alone after its first look, whatever size."""
    graph = TriggerGraph()
    for number in range(100):
        graph.add(depends(f"w{number + 1}", f"w{number}", created_at=datetime.now(UTC), source="file"))
    gc.collect()
    store = graph._store
    assert not any(gc.is_tracked(edge) for edge in store.entries.values())
    settled = [store.entries, *store.successors.values(), *store.predecessors.values()]
    graph.add(depends("w0", "new"))
    young = {id(found) for found in gc.get_objects(generation=0)}
    assert all(gc.is_tracked(one) and id(one) not in young for one in settled)


def test_several_triggers_share_one_edge() -> None:
    """Triggers of different conditions join the same two workflows on one edge, in creation order."""
    graph = graph_of("ab")
    graph.add(depends("b", "a", condition="on_failure", id="second"))
    graph.add(depends("b", "a", condition="on_completion", id="third"))
    assert graph.digraph.number_of_edges() == 1
    ids = ["b after a on_success", "second", "third"]
    assert [edge.id for edge in graph.digraph.edges["a", "b"]["triggers"]] == ids
    assert graph.digraph.pred["b"]["a"]["triggers"] == graph.digraph.succ["a"]["b"]["triggers"]
    graph.remove("second")
    assert [edge.id for edge in graph.edges_out_of("a")] == ["b after a on_success", "third"]
    assert_sound(graph)


REFUSED: list[tuple[str, AnyTrigger, str]] = [
    ("the same dependency", depends("b", "a", id="other"), "b after a on_success"),
    ("a dependency with a used id", depends("y", "x", id="nightly"), "nightly"),
    ("a schedule with a used id", scheduled("new", id="b after a on_success"), "b after a on_success"),
    ("the same schedule", scheduled("a", id="other", trigger_name="Nightly"), "nightly"),
    ("a manual trigger with a used id", ManualTrigger(id="nightly", workflow_id="new"), "nightly"),
]


@pytest.mark.parametrize(("trigger", "existing"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_there_already_is_refused(trigger: AnyTrigger, existing: str) -> None:
    """The error names the stored trigger, and nothing has changed: no new node, no new trigger."""
    graph = graph_of("ab")
    graph.add(scheduled("a", id="nightly", trigger_name="Nightly"))
    before = content(graph)
    for attempt in (graph.add, lambda trigger: graph.add_all([trigger])):
        with pytest.raises(DuplicateTrigger) as refusal:
            attempt(trigger)
        assert refusal.value.existing_id == existing
        assert content(graph) == before


def test_schedules_need_another_name_or_another_time() -> None:
    """Scheduled triggers of one workflow repeat only if name, cron and zone are all the same."""
    nightly = scheduled("a", id="1", trigger_name="Nightly")
    assert unique_key(nightly) != unique_key(scheduled("a", id="2"))
    assert unique_key(nightly) != unique_key(scheduled("a", "0 3 * * *", id="2", trigger_name="Nightly"))
    assert unique_key(nightly) != unique_key(scheduled("a", id="2", trigger_name="Nightly", timezone="Europe/Berlin"))
    assert unique_key(nightly) != unique_key(scheduled("b", id="2", trigger_name="Nightly"))
    assert unique_key(nightly) == unique_key(scheduled("a", id="2", trigger_name="Nightly"))
    assert unique_key(scheduled("a", id="1")) == unique_key(scheduled("a", id="2"))
    assert unique_key(nightly) != unique_key(ManualTrigger(id="2", workflow_id="a"))


def test_dependencies_say_the_same_by_both_ends_and_condition() -> None:
    """Delay, name and enabled make no difference between dependency triggers."""
    assert unique_key(depends("b", "a", id="1")) == unique_key(
        depends("b", "a", id="2", delay_minutes=9, enabled=False)
    )
    assert unique_key(depends("b", "a")) != unique_key(depends("b", "a", condition="on_failure"))
    assert unique_key(depends("b", "a")) != unique_key(depends("b", "c"))


def test_other_triggers_stay_at_their_workflow() -> None:
    """Manual, scheduled and event triggers add the node only, and are kept there in creation order."""
    graph = TriggerGraph()
    mine: list[AnyTrigger] = [
        ManualTrigger(id="m", workflow_id="a"),
        scheduled("a", id="s"),
        EventTrigger(id="e", workflow_id="a", event_type="file"),
        EventTrigger(id="f", workflow_id="a", event_type="file"),
    ]
    for trigger in mine:
        graph.add(trigger)
    assert graph.digraph.nodes["a"]["triggers"] == tuple(mine)
    assert graph.digraph.number_of_edges() == 0
    assert graph.get("s") is mine[1]
    assert graph.remove("s") is mine[1]
    assert graph.digraph.nodes["a"]["triggers"] == (mine[0], *mine[2:])
    for trigger_id in "mef":
        graph.remove(trigger_id)
    assert dict(graph.digraph.nodes["a"]) == {"name": None}


@pytest.mark.parametrize("call", [TriggerGraph.add, TriggerGraph.replace, lambda g, t: g.add_all([t])])
@pytest.mark.parametrize("nonsense", [None, {"workflow_id": "a"}, "a"])
def test_only_trigger_values_are_taken(call: Callable[..., None], nonsense: object) -> None:
    """Anything that is not a trigger value is refused with one sentence."""
    graph = TriggerGraph()
    with pytest.raises(InvalidTrigger, match="a trigger value is wanted, not"):
        call(graph, nonsense)
    assert len(graph) == 0


def test_values_come_back_as_they_went_in() -> None:
    """``get`` and ``remove`` answer an equal value, source and times included."""
    graph = TriggerGraph()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    plain = depends("b", "a", delay_minutes=3, trigger_name="Later")
    full = depends("c", "a", source="medallion", created_at=now, updated_at=now)
    graph.add_all([plain, full])
    assert [graph.get(plain.id), graph.get(full.id)] == [plain, full]
    assert graph.get(plain.id).trigger_type == "dependency"
    assert [graph.remove(plain.id), graph.remove(full.id)] == [plain, full]
    graph.add(full.evolve(source=None, created_at=None, updated_at=None))
    assert graph.get(full.id).created_at is None


def test_triggers_are_counted_and_found_by_id() -> None:
    """``len`` counts triggers of every kind, ``in`` asks for an id, unknown ids are an error."""
    graph = graph_of("ab", "bc")
    graph.add(ManualTrigger(id="m", workflow_id="a"))
    assert len(graph) == 3
    assert "m" in graph
    assert "a" not in graph
    for call in (graph.get, graph.remove):
        with pytest.raises(TriggerNotFound):
            call("a")
    assert repr(graph) == "<TriggerGraph of 3 workflows and 3 triggers>"


def test_a_workflow_is_added_once_and_named_later() -> None:
    """Adding a workflow again changes nothing but its name; leaving the name out keeps it."""
    graph = graph_of("ab")
    graph.add(ManualTrigger(id="m", workflow_id="a"))
    graph.add_workflow("a", "Ingestion")
    graph.add_workflow("a")
    graph.add_workflow("alone", name="Alone")
    assert graph.digraph.nodes["a"]["name"] == "Ingestion"
    assert [trigger.id for trigger in graph.digraph.nodes["a"]["triggers"]] == ["m"]
    assert graph.digraph.nodes["alone"]["name"] == "Alone"
    assert graph.has_workflow("alone")
    assert_sound(graph)


@pytest.mark.parametrize(
    ("workflow_id", "name"), [("", None), ("a/b", None), ("x" * 201, None), ("available-upstream", None), ("a", "\n")]
)
def test_a_workflow_needs_a_proper_id_and_name(workflow_id: str, name: str | None) -> None:
    """A bad id or name is refused and nothing is added."""
    graph = TriggerGraph()
    with pytest.raises(InvalidWorkflow):
        graph.add_workflow(workflow_id, name)
    assert list(graph.digraph) == []
