"""Does a batch answer what its triggers one at a time would, all or nothing?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.errors import CycleError, DuplicateTrigger, FlowforgeGraphError, TriggerNotFound
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.graph import trigger_graph as module
from flowforge_graph.model import CONDITIONS, AnyTrigger, ManualTrigger
from tests.graph.helpers import assert_sound, comparable, content, depends, graph_of, outcome, scheduled

WORKFLOWS = st.sampled_from("abcdefgh")
DEPENDENCIES = st.builds(
    lambda downstream, upstream, condition, id: depends(downstream, upstream, condition=condition, id=id),
    WORKFLOWS,
    WORKFLOWS,
    st.sampled_from(CONDITIONS),
    st.integers(0, 40).map(lambda number: f"t{number}"),
)
SCHEDULES = st.builds(lambda workflow, id: scheduled(workflow, id=f"t{id}"), WORKFLOWS, st.integers(0, 40))
TRIGGERS = st.lists(DEPENDENCIES | DEPENDENCIES | DEPENDENCIES | SCHEDULES, max_size=12)
# Every batch in bulk, or none (but into an empty graph).
SHARES = st.sampled_from([0.0, 1e9])


def stored(triggers: list[AnyTrigger]) -> TriggerGraph:
    """A graph of those of the triggers that can be added."""
    graph = TriggerGraph()
    for trigger in triggers:
        outcome(graph, [trigger])
    return graph


@given(TRIGGERS, TRIGGERS, SHARES)
def test_add_all_is_all_or_nothing(before: list[AnyTrigger], batch: list[AnyTrigger], share: float) -> None:
    """In bulk or not: the same error with the same chain as one at a time, and then nothing has changed."""
    graph = stored(before)
    one_at_a_time = graph.snapshot()
    expected, untouched = outcome(one_at_a_time, batch), content(graph)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BULK_SHARE", share)
        try:
            graph.add_all(batch)
            assert expected is None
            assert content(graph) == content(one_at_a_time)
        except FlowforgeGraphError as error:
            assert comparable(error) == expected
            assert content(graph) == untouched
    assert_sound(graph)


def put_one_at_a_time(graph: TriggerGraph, removed: list[str], puts: list[AnyTrigger]) -> object:
    """What a batch of removals and puts answers, done for real."""
    try:
        for trigger_id in removed:
            graph.remove(trigger_id)
        for trigger in puts:
            (graph.replace if trigger.id in graph else graph.add)(trigger)
    except FlowforgeGraphError as error:
        return comparable(error)
    return None


@given(TRIGGERS, TRIGGERS, st.data(), SHARES)
def test_a_check_answers_what_the_changes_would(
    before: list[AnyTrigger], puts: list[AnyTrigger], data: st.DataObject, share: float
) -> None:
    """Removals first, then puts that add or replace: the same error as doing it, with the graph left as it was."""
    graph = stored(before)
    ids = sorted({trigger.id for trigger in before if trigger.id in graph} | {"unknown"})
    removed = data.draw(st.lists(st.sampled_from(ids), max_size=4))
    untouched, labels = content(graph), dict(graph._store.order.labels)
    expected = put_one_at_a_time(graph.snapshot(), removed, puts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BULK_SHARE", share)
        try:
            graph.check_changes(removed_ids=removed, put_triggers=puts)
            assert expected is None
        except FlowforgeGraphError as error:
            assert comparable(error) == expected
    assert content(graph) == untouched
    assert graph._store.order.labels == labels


def test_a_large_load_names_the_first_offender() -> None:
    """Of a load with two cycles and a duplicate, the one that comes first in the order given is named."""
    names = [f"w{i}" for i in range(2_000)]
    links = [depends(b, a) for a, b in pairwise(names)]
    back, again = depends("w10", "w20"), depends("w11", "w10", id="again")
    graph = TriggerGraph()
    with pytest.raises(CycleError) as refusal:
        graph.add_all([*links, back, again, depends("w0", "w1999")])
    assert refusal.value.chain == (*names[10:21], "w10")
    with pytest.raises(DuplicateTrigger) as repeated:
        graph.add_all([*links, again, back])
    assert repeated.value.existing_id == "w11 after w10 on_success"
    assert len(graph) == len(graph.digraph) == 0
    graph.add_all(links)
    assert graph.topological_order() == names


def test_a_batch_that_breaks_off_changes_nothing() -> None:
    """An iterable that raises leaves the graph as it was."""

    def broken() -> Iterator[AnyTrigger]:
        yield depends("c", "b")
        raise RuntimeError("the file ended")

    graph = graph_of("ab")
    before = content(graph)
    with pytest.raises(RuntimeError):
        graph.add_all(broken())
    assert content(graph) == before


def test_creation_order_continues_after_a_refused_batch() -> None:
    """A refused batch takes no places in creation order."""
    graph = graph_of("ab")
    with pytest.raises(CycleError):
        graph.add_all([depends("c", "a"), ManualTrigger(id="m", workflow_id="a"), depends("a", "c")])
    graph.add(depends("d", "a"))
    assert [edge.seq for edge in graph.edges_out_of("a")] == [1, 2]


def test_a_check_of_the_outcome_ignores_the_way_there() -> None:
    """Two triggers that turn around together pass when both are named among the removed."""
    graph = graph_of("ab")
    graph.add(depends("c", "b", id="bc"))
    turned = [depends("a", "b", id="b after a on_success"), depends("b", "c", id="bc")]
    graph.check_changes(removed_ids=["b after a on_success", "bc"], put_triggers=turned)
    crossed = [depends("b", "c", id="b after a on_success"), depends("d", "c", id="bc")]
    with pytest.raises(CycleError):
        graph.check_changes(put_triggers=crossed)
    graph.check_changes(removed_ids=["bc"], put_triggers=crossed)
    with pytest.raises(TriggerNotFound):
        graph.check_changes(removed_ids=["bc", "bc"])
