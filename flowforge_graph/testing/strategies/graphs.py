"""Graphs of workflows in the shapes that people draw, none with a cycle, and the edge that would close one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args

from hypothesis import strategies as st

from flowforge_graph.model import DependencyTrigger
from flowforge_graph.testing.chains import chains_from, refused_chain
from flowforge_graph.testing.graphs import ReadableGraph, graph_of
from flowforge_graph.testing.strategies.names import LETTERS
from flowforge_graph.testing.strategies.triggers import CONDITION, DELAY_MINUTES

Shape = Literal["chain", "diamond", "layers", "forest", "random"]
T = TypeVar("T")
SHAPES: Final[tuple[Shape, ...]] = get_args(Shape)

_MOST_UPSTREAMS: Final = 3


def trigger_graphs(
    min_workflows: int = 1,
    max_workflows: int = 8,
    *,
    shape: Shape | None = None,
    workflow_ids: st.SearchStrategy[str] | Sequence[str] | None = None,
    is_shuffled: bool = True,
) -> st.SearchStrategy[ReadableGraph]:
    """Acyclic graphs of dependency triggers.

    Args:
        min_workflows, max_workflows: how many, both included.
        shape: ``chain``; ``diamond``, one workflow that starts several, which start one; ``layers``, each workflow on
            some of the layer before; ``forest``, each on at most one; ``random``, each on some of those before it.
            None: any of them.
        workflow_ids: their ids, the first so many of a list or any of a strategy, of which there must be enough
            different ones; letters by default.
        is_shuffled: whether names and creation order are shuffled, so that neither follows the data. Without it,
            examples shrink faster.

    Conditions, delays, disabled triggers and
    several triggers of one pair occur. Shrinks to few workflows named ``'a'``, ``'b'``, … and to plain triggers.

    Raises:
        ValueError: the bounds are no range of whole numbers from 0, or there is no such shape.
    """
    if not 0 <= min_workflows <= max_workflows:
        raise ValueError(f"no number of workflows is between {min_workflows} and {max_workflows}, both from 0")
    if shape is not None and shape not in SHAPES:
        raise ValueError(f"there is no shape {shape!r}; known are {', '.join(SHAPES)}")
    names = _default_names(max_workflows) if workflow_ids is None else workflow_ids
    if not isinstance(names, st.SearchStrategy) and len(names) < max_workflows:
        raise ValueError(f"there are {len(names)} ids for up to {max_workflows} workflows")
    return _graphs(
        min_workflows, max_workflows, shapes=(shape,) if shape else SHAPES, names=names, is_shuffled=is_shuffled
    )


def _default_names(count: int) -> Sequence[str]:
    return LETTERS[:count] if count <= len(LETTERS) else [f"w{number}" for number in range(1, count + 1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    """What is drawn for one workflow, whatever the shape, so that examples shrink workflow by workflow.

    Few choices, because Hypothesis leaves out at most five at a time.

    Attributes:
        begins_layer: whether it is the first of a layer.
        picks: its upstream workflows, as numbers to be taken modulo how many there are.
        kinds: conditions and further fields of its triggers on the first of these; none: a plain one.
    """

    begins_layer: bool
    picks: list[int]
    kinds: list[tuple[Any, ...]]


_FIELDS = st.fixed_dictionaries({}, optional={"delay_minutes": DELAY_MINUTES, "enabled": st.just(False)})
_KINDS = st.lists(st.tuples(CONDITION, _FIELDS), min_size=1, max_size=3, unique_by=lambda kind: kind[0])
_PICK = st.integers(0, 255)
_SHUFFLE = st.integers(0, 2**64 - 1)
_DRAWN = st.builds(
    _Drawn,
    begins_layer=st.booleans(),
    picks=st.lists(_PICK, max_size=_MOST_UPSTREAMS),
    kinds=st.just([]) | _KINDS,
)


@st.composite
def _graphs(
    draw: st.DrawFn,
    fewest: int,
    most: int,
    *,
    shapes: Sequence[Shape],
    names: st.SearchStrategy[str] | Sequence[str],
    is_shuffled: bool,
) -> ReadableGraph:
    shape = draw(st.sampled_from(shapes))
    shuffle, creation = (draw(_SHUFFLE), draw(_SHUFFLE)) if is_shuffled else (0, 0)
    named = draw(_named(fewest, most, names))
    drawn = [each for each, _ in named]
    ids = _shuffled([name for _, name in named], shuffle)
    edges: list[tuple[Any, ...]] = []
    for number in _shuffled(range(len(drawn)), creation):
        for place, upstream in enumerate(_UPSTREAMS[shape](number, drawn)):
            kinds = drawn[number].kinds if place == 0 else []
            edges += [(ids[upstream], ids[number], *kind) for kind in kinds or [()]]
    joined = {end for edge in edges for end in edge[:2]}
    return graph_of(*edges, workflows=[name for name in ids if name not in joined])


def _named(
    fewest: int, most: int, names: st.SearchStrategy[str] | Sequence[str]
) -> st.SearchStrategy[list[tuple[_Drawn, str]]]:
    if isinstance(names, st.SearchStrategy):
        return st.lists(st.tuples(_DRAWN, names), min_size=fewest, max_size=most, unique_by=lambda each: each[1])
    return st.lists(_DRAWN, min_size=fewest, max_size=most).map(lambda drawn: list(zip(drawn, names, strict=False)))


def _shuffled(items: Sequence[T], number: int) -> list[T]:
    """The items in the order that a number stands for, 0 for their own.

    One choice for any size, unlike ``st.permutations``: what is drawn after it stays the same where a graph shrinks.
    """
    left, ordered = list(items), []
    while left:
        number, place = divmod(number, len(left))
        ordered.append(left.pop(place))
    return ordered


# Shapes: the upstream workflows of one, by number. They are lower ones, so that no cycle can come of it.


def _of_a_chain(number: int, _: Sequence[_Drawn]) -> Sequence[int]:
    return range(max(number - 1, 0), number)


def _of_a_diamond(number: int, drawn: Sequence[_Drawn]) -> Sequence[int]:
    is_last = number == len(drawn) - 1
    return range(1, number) if is_last and number > 1 else range(min(number, 1))


def _of_layers(number: int, drawn: Sequence[_Drawn]) -> Sequence[int]:
    begins = [other for other in range(number + 1) if other == 0 or drawn[other].begins_layer]
    if len(begins) == 1:
        return ()
    return _picked(range(begins[-2], begins[-1]), drawn[number].picks or [0])


def _of_a_forest(number: int, drawn: Sequence[_Drawn]) -> Sequence[int]:
    return _picked(range(number), drawn[number].picks[:1])


def _at_random(number: int, drawn: Sequence[_Drawn]) -> Sequence[int]:
    return _picked(range(number), drawn[number].picks)


def _picked(numbers: range, picks: Sequence[int]) -> list[int]:
    return list(dict.fromkeys(numbers[pick % len(numbers)] for pick in picks)) if numbers else []


_UPSTREAMS: Final[dict[Shape, Callable[[int, Sequence[_Drawn]], Sequence[int]]]] = {
    "chain": _of_a_chain,
    "diamond": _of_a_diamond,
    "layers": _of_layers,
    "forest": _of_a_forest,
    "random": _at_random,
}


# What must be refused


@dataclass(frozen=True, kw_only=True, slots=True)
class AlmostCycle:
    """A graph, and one more dependency that would close a cycle.

    Attributes:
        graph: without it.
        upstream, downstream: the dependency "downstream depends on upstream".
        chain: the chain with which it must be refused: the shortest, of those the first by workflow ids.
    """

    graph: ReadableGraph
    upstream: str
    downstream: str
    chain: tuple[str, ...]

    @property
    def trigger(self) -> DependencyTrigger:
        """The dependency as a trigger that no triggers of the graph have the id of."""
        return DependencyTrigger(id="closing", workflow_id=self.downstream, depends_on_workflow_id=self.upstream)


@st.composite
def almost_cycles(
    draw: st.DrawFn, min_workflows: int = 1, max_workflows: int = 8, *, shape: Shape | None = None
) -> AlmostCycle:
    """Graphs with one edge that closes a cycle, from a workflow's dependency on itself to the longest chain.

    Args:
        min_workflows, max_workflows, shape: as of :func:`trigger_graphs`; there is at least one workflow.

    Shrinks to ``a`` that depends on ``a``.
    """
    # Drawn before the graph, so that they stay what they are while the graph shrinks.
    one, other = draw(_PICK), draw(_PICK)
    graph = draw(trigger_graphs(max(min_workflows, 1), max_workflows, shape=shape))
    downstream = _picked_from(sorted(graph.workflow_ids), one)
    upstream = _picked_from(list(chains_from(graph.triggers, downstream)), other)
    chain = _chain_of(graph, upstream, downstream)
    return AlmostCycle(graph=graph, upstream=upstream, downstream=downstream, chain=chain)


def _picked_from(workflow_ids: Sequence[str], pick: int) -> str:
    return workflow_ids[pick % len(workflow_ids)]


def _chain_of(graph: ReadableGraph, upstream: str, downstream: str) -> tuple[str, ...]:
    chain = refused_chain(graph.triggers, upstream=upstream, downstream=downstream)
    assert chain is not None
    return chain
