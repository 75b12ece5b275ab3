"""Whether a file would be accepted, asked without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowforge_graph.definitions import Definitions, check_definitions, parse_definitions
from flowforge_graph.errors import CycleError, InvalidDefinition
from flowforge_graph.graph import TriggerGraph


def file_of(edges: list[tuple[str, str]], *, nodes: str = "") -> str:
    """A file in which each (downstream, upstream) pair is a trigger on a line of its own: pair n on line n + 5."""
    lines = ["version: 1", "workflows:"]
    lines += [f"  {node}:" for node in sorted(set(nodes))]
    for downstream in dict.fromkeys(downstream for downstream, _ in edges):
        lines += [f"  {downstream}:", "    triggers:"]
        upstreams = [upstream for other, upstream in edges if other == downstream]
        lines += [f"      - {{type: dependency, depends_on: {upstream}}}" for upstream in upstreams]
    return "\n".join(lines)


def test_a_good_file_answers_its_graph() -> None:
    """Workflows without any edge are in it too."""
    graph = check_definitions(parse_definitions(file_of([("b", "a"), ("c", "b")], nodes="ax"), path="f.yaml"))
    assert graph.downstream("a") == ["b", "c"]
    assert graph.has_workflow("x")


def test_a_cycle_is_refused_at_its_line_with_the_shortest_chain() -> None:
    """The line is that of the first trigger, in the file's order, that closes a cycle."""
    text = file_of([("b", "a"), ("c", "b"), ("d", "c"), ("a", "d"), ("a", "b")])
    with pytest.raises(CycleError) as refusal:
        check_definitions(parse_definitions(text, path="f.yaml"))
    assert refusal.value.chain == ("a", "b", "c", "d", "a")
    assert refusal.value.source == "f.yaml:14"
    assert str(refusal.value) == "f.yaml:14: 'a' cannot depend on 'd': a → b → c → d → a would be a cycle"


def test_a_workflow_cannot_depend_on_itself() -> None:
    """The shortest chain of all."""
    with pytest.raises(CycleError) as refusal:
        check_definitions(parse_definitions(file_of([("a", "a")]), path="f.yaml"))
    assert (refusal.value.chain, refusal.value.source) == (("a", "a"), "f.yaml:5")


def test_disabled_triggers_close_cycles_too() -> None:
    """Enabled or not, every dependency trigger is an edge."""
    text = file_of([("b", "a"), ("a", "b")]).replace("depends_on: a", "depends_on: a, enabled: false")
    with pytest.raises(CycleError):
        check_definitions(parse_definitions(text, path="f.yaml"))


def test_an_upstream_outside_the_file_must_be_announced() -> None:
    """Whoever knows that it exists says so; everything else is a misspelling."""
    definitions = parse_definitions(file_of([("b", "other")]), path="f.yaml")
    with pytest.raises(InvalidDefinition, match="there is no workflow 'other' in this file"):
        check_definitions(definitions)
    assert check_definitions(definitions, outside=["other"]).upstream("b") == ["other"]


@given(pairs=st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), unique=True))
def test_a_file_answers_what_its_triggers_one_at_a_time_would(pairs: list[tuple[str, str]]) -> None:
    """Same refusal, same chain, and the line of the very trigger that closes it."""
    definitions = parse_definitions(file_of(pairs, nodes="abcdef".translate(_without(pairs))), path="f.yaml")
    assert answer(definitions) == first_refusal(definitions)


def first_refusal(definitions: Definitions) -> tuple[tuple[str, ...], str | None] | None:
    """What the graph alone answers to the triggers one by one."""
    graph = TriggerGraph()
    for trigger in definitions.triggers:
        try:
            graph.add(trigger)
        except CycleError as error:
            return (error.chain, definitions.trigger_places[trigger.id].source)
    return None


def _without(pairs: list[tuple[str, str]]) -> dict[int, None]:
    return {ord(downstream): None for downstream, _ in pairs}


def answer(definitions: Definitions) -> tuple[tuple[str, ...], str | None] | None:
    """Chain and place of the refusal, or None."""
    try:
        check_definitions(definitions)
    except CycleError as error:
        return (error.chain, error.source)
    return None
