"""The graph against plain networkx, which keeps the same edges and searches them from scratch."""

from __future__ import annotations

import networkx as nx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flowforge_graph.errors import CycleError, DuplicateTrigger
from flowforge_graph.graph import TriggerGraph
from flowforge_graph.graph import topological_order as module
from flowforge_graph.model import CONDITIONS, DependencyTrigger
from tests.graph.helpers import assert_sound, comparable, depends, outcome, row

WORKFLOWS = st.sampled_from("abcdefghij")
CONDITION = st.sampled_from(CONDITIONS)


class GraphAgainstNetworkx(RuleBasedStateMachine):
    """``triggers`` is the whole reference: id → trigger in creation order."""

    @initialize(room=st.sampled_from([1, 2, 1 << 32]))
    def begin(self, room: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(module, "_ROOM", room)
        self.patch.setattr(module, "_PUSHED_ROOM", min(room, 1 << 16))
        self.graph = TriggerGraph()
        self.triggers: dict[str, DependencyTrigger] = {}
        self.workflows: set[str] = set()
        self.made = 0

    def teardown(self) -> None:
        self.patch.undo()

    def fresh(self, downstream: str, upstream: str, condition: str) -> DependencyTrigger:
        self.made += 1
        return depends(downstream, upstream, condition=condition, id=f"t{self.made}")

    def reference(self, without: str | None = None) -> nx.DiGraph:
        reference = nx.DiGraph()
        reference.add_nodes_from(self.workflows)
        reference.add_edges_from(
            (trigger.depends_on_workflow_id, trigger.workflow_id)
            for trigger in self.triggers.values()
            if trigger.id != without
        )
        return reference

    def expected(self, trigger: DependencyTrigger) -> object:
        """The chain, ``"duplicate"`` or None: found by searching everything."""
        others = [other for other in self.triggers.values() if other.id != trigger.id]
        if any(
            (other.workflow_id, other.depends_on_workflow_id, other.dependency_condition)
            == (trigger.workflow_id, trigger.depends_on_workflow_id, trigger.dependency_condition)
            for other in others
        ):
            return "duplicate"
        reference = self.reference(without=trigger.id)
        reference.add_nodes_from([trigger.workflow_id, trigger.depends_on_workflow_id])
        if not nx.has_path(reference, trigger.workflow_id, trigger.depends_on_workflow_id):
            return None
        paths = nx.all_shortest_paths(reference, trigger.workflow_id, trigger.depends_on_workflow_id)
        return (*min(map(tuple, paths)), trigger.workflow_id)

    def note(self, trigger: DependencyTrigger) -> None:
        self.triggers[trigger.id] = trigger
        self.workflows |= {trigger.workflow_id, trigger.depends_on_workflow_id}

    @rule(downstream=WORKFLOWS, upstream=WORKFLOWS, condition=CONDITION)
    def add(self, downstream: str, upstream: str, condition: str) -> None:
        trigger = self.fresh(downstream, upstream, condition)
        expected = self.expected(trigger)
        if expected != "duplicate":
            assert self.graph.chain_if_added(upstream=upstream, downstream=downstream) == expected
        try:
            self.graph.check_changes(put_triggers=[trigger])
            assert expected is None
            self.graph.add(trigger)
            self.note(trigger)
        except CycleError as error:
            assert error.chain == expected
        except DuplicateTrigger as error:
            assert expected == "duplicate"
            assert error.existing_id in self.triggers

    @rule(pairs=st.lists(st.tuples(WORKFLOWS, WORKFLOWS, CONDITION), max_size=6))
    def add_many(self, pairs: list[tuple[str, str, str]]) -> None:
        triggers = [self.fresh(*pair) for pair in pairs]
        expected = outcome(self.graph.snapshot(), list(triggers))
        try:
            self.graph.add_all(triggers)
            assert expected is None
            for trigger in triggers:
                self.note(trigger)
        except (CycleError, DuplicateTrigger) as error:
            assert comparable(error) == expected

    @precondition(lambda self: self.triggers)
    @rule(data=st.data(), downstream=WORKFLOWS, upstream=WORKFLOWS, condition=CONDITION)
    def replace(self, data: st.DataObject, downstream: str, upstream: str, condition: str) -> None:
        trigger_id = data.draw(st.sampled_from(sorted(self.triggers)))
        trigger = depends(downstream, upstream, condition=condition, id=trigger_id)
        expected = self.expected(trigger)
        if expected != "duplicate":
            chain = self.graph.chain_if_replaced(trigger_id, upstream=upstream, downstream=downstream)
            assert chain == expected
        try:
            self.graph.replace(trigger)
            assert expected is None
            self.note(trigger)
        except CycleError as error:
            assert error.chain == expected
        except DuplicateTrigger:
            assert expected == "duplicate"

    @precondition(lambda self: self.triggers)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        trigger_id = data.draw(st.sampled_from(sorted(self.triggers)))
        assert self.graph.remove(trigger_id) == self.triggers.pop(trigger_id)

    @rule(workflow=WORKFLOWS)
    def add_workflow(self, workflow: str) -> None:
        self.graph.add_workflow(workflow)
        self.workflows.add(workflow)

    @precondition(lambda self: self.workflows)
    @rule(data=st.data())
    def remove_workflow(self, data: st.DataObject) -> None:
        workflow = data.draw(st.sampled_from(sorted(self.workflows)))
        expected = [t for t in self.triggers.values() if workflow in (t.workflow_id, t.depends_on_workflow_id)]
        assert list(self.graph.remove_workflow(workflow)) == expected
        for trigger in expected:
            del self.triggers[trigger.id]
        self.workflows.remove(workflow)

    @rule()
    def load(self) -> None:
        edges = [
            row(t.workflow_id, t.depends_on_workflow_id, seq=seq, id=t.id, condition=t.dependency_condition)
            for seq, t in enumerate(self.triggers.values(), start=1)
        ]
        self.graph = TriggerGraph.load([(workflow, None) for workflow in sorted(self.workflows)], edges)

    @rule()
    def continue_with_a_snapshot(self) -> None:
        self.graph = self.graph.snapshot()

    @invariant()
    def the_digraph_equals_the_reference(self) -> None:
        reference = self.reference()
        assert set(self.graph.digraph.nodes) == set(reference.nodes)
        assert set(self.graph.digraph.edges) == set(reference.edges)
        assert {edge[1::-1] for edge in self.graph.digraph.in_edges} == {edge[::-1] for edge in reference.edges}
        assert_sound(self.graph)

    @invariant()
    def each_workflow_asks_its_triggers_in_creation_order(self) -> None:
        for workflow in self.workflows:
            expected = [t.id for t in self.triggers.values() if t.depends_on_workflow_id == workflow]
            assert [edge.id for edge in self.graph.edges_out_of(workflow)] == expected


TestGraphAgainstNetworkx = GraphAgainstNetworkx.TestCase
