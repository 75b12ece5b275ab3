"""``assert_cascade``: who started whom, and how each ended, as one tree beside another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from flowforge_graph.model import STATUSES, Execution

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine

_PAGE: Final = 500

# What stands for an execution: its workflow, or its workflow and its status.
Key = str | tuple[str, str]
Expected = Mapping[Key, Any] | Sequence[Any] | Set[Key]


def assert_cascade(engine: TriggerEngine, expected: Expected, *, root: Execution | str | None = None) -> None:
    """Assert which executions there are, which of them started which, and how they ended.

    Args:
        engine: the engine that was told of it.
        expected: a mapping of each execution to those that it started, as deep as it goes. An execution is written as
            its workflow's id, or ``(workflow id, status)`` where the status matters. Executions that started nothing
            may be listed: ``{"bronze": ["silver", ("audit", "pending")]}`` says the same as
            ``{"bronze": {"silver": {}, ("audit", "pending"): {}}}``, and can name one workflow twice. A set says
            what a list does where each is named once.
        root: the root execution of the cascade, or its id; by default every cascade of the engine is expected.

    Executions beside each other may come in any order. What ``start(caused_by=...)`` started counts as started by it.

    Raises:
        AssertionError: both trees, with ``-`` before each line that was expected and is not there, ``+`` before each
            that is there and was not expected, ``!`` where only the status differs; and why what is missing was
            skipped.
        ValueError: ``expected`` is not of this form, or ``root`` was itself started by an execution.
        ExecutionNotFound: there is no such ``root``.
    """
    wanted = _expected_tree(expected)
    found = _stored_tree(engine, _root_id(engine, root))
    _match(wanted, found)
    if any(node.mark for node in (*_walk(wanted), *_walk(found))):
        raise AssertionError(_difference(wanted, found, engine))


@dataclass(kw_only=True, slots=True, eq=False)
class _Node:
    """An execution, expected or stored. ``mark`` says how it differs from its ``twin`` in the other tree."""

    workflow_id: str
    status: str | None
    execution: Execution | None = None
    started: list[_Node] = field(default_factory=list)
    twin: _Node | None = None
    mark: str = ""


# What is expected


def _expected_tree(expected: Any) -> list[_Node]:
    """The roots of what is expected. Nobody writes a tree so deep that recursion would end here."""
    if isinstance(expected, Mapping):
        return [_expected_node(key, below) for key, below in expected.items()]
    if isinstance(expected, Set):
        # A set has another order in every process: the difference is drawn in this one.
        return sorted(map(_expected_leaf, expected), key=lambda node: (node.workflow_id, node.status or ""))
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return [node for each in expected for node in _listed(each)]
    raise ValueError(f"a cascade is a mapping of executions to what they started, a list or a set, not {expected!r}")


def _listed(each: Any) -> list[_Node]:
    return _expected_tree(each) if isinstance(each, Mapping) else [_expected_leaf(each)]


def _expected_leaf(key: Any) -> _Node:
    return _expected_node(key, ())


def _expected_node(key: Any, below: Any) -> _Node:
    workflow_id, status = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
    if not isinstance(workflow_id, str) or status not in {None, *STATUSES}:
        raise ValueError(f"an execution is a workflow id or (workflow id, one of {', '.join(STATUSES)}), not {key!r}")
    return _Node(workflow_id=workflow_id, status=status, started=_expected_tree(below))


# What is stored


def _root_id(engine: TriggerEngine, root: Execution | str | None) -> str | None:
    if root is None:
        return None
    execution = engine.get_execution(root if isinstance(root, str) else root.id)
    if execution.root_execution_id != execution.id:
        raise ValueError(_no_root(execution, engine.get_execution(execution.root_execution_id)))
    return execution.id


def _no_root(execution: Execution, root: Execution) -> str:
    return (
        f"execution {execution.id!r} of '{execution.workflow_id}' is not the root of its cascade, which began with"
        f" '{root.workflow_id}': pass root={root.id!r}"
    )


def _stored_tree(engine: TriggerEngine, root_id: str | None) -> list[_Node]:
    executions = sorted(_all_executions(engine, root_id), key=lambda execution: execution.seq)
    nodes = {e.id: _Node(workflow_id=e.workflow_id, status=e.status, execution=e) for e in executions}
    roots: list[_Node] = []
    for node in nodes.values():
        upstream = nodes.get(_upstream_id(node.execution))
        (roots if upstream is None else upstream.started).append(node)
    return roots


def _upstream_id(execution: Execution | None) -> str:
    assert execution is not None
    return execution.upstream_execution_id or execution.caused_by_execution_id or ""


def _all_executions(engine: TriggerEngine, root_id: str | None) -> Iterator[Execution]:
    before_seq: int | None = None
    while page := engine.list_executions(root_execution_id=root_id, limit=_PAGE, before_seq=before_seq):
        yield from page
        before_seq = page[-1].seq


# The difference


def _match(wanted: list[_Node], found: list[_Node]) -> None:
    """Mark what has no twin in the other tree. Of several of one workflow the most alike are twins."""
    pairs = [(wanted, found)]
    for left, right in pairs:
        # What may have any status takes what those that name one leave.
        for node in sorted(left, key=lambda node: node.status is None):
            node.twin = min(_candidates(node, right), key=lambda other: _unlikeness(node, other), default=None)
            if node.twin is None:
                _mark_all(node, "-")
            else:
                node.twin.twin = node
                node.mark = node.twin.mark = "" if node.status in {None, node.twin.status} else "!"
                pairs.append((node.started, node.twin.started))
        for node in right:
            if node.twin is None:
                _mark_all(node, "+")


def _candidates(node: _Node, others: list[_Node]) -> list[_Node]:
    return [other for other in others if other.workflow_id == node.workflow_id and other.twin is None]


def _unlikeness(node: _Node, other: _Node) -> tuple[bool, int]:
    below = sorted(each.workflow_id for each in node.started)
    return (
        node.status not in {None, other.status},
        len(set(below) ^ {each.workflow_id for each in other.started}) + abs(len(below) - len(other.started)),
    )


def _mark_all(node: _Node, mark: str) -> None:
    for each in _walk([node]):
        each.mark = mark


def _walk(nodes: list[_Node]) -> list[_Node]:
    walked = list(nodes)
    for node in walked:
        walked += node.started
    return walked


def _difference(wanted: list[_Node], found: list[_Node], engine: TriggerEngine) -> str:
    lines = ["the cascade is not as expected (- missing, + not expected, ! another status)", "expected:"]
    lines += [_line(strokes, node, _why_missing(node, upstream, engine)) for strokes, node, upstream in _drawn(wanted)]
    lines += ["actual:"]
    lines += [_line(strokes, node, _why_so(node)) for strokes, node, _ in _drawn(found)]
    return "\n".join(lines)


def _line(strokes: str, node: _Node, why: str) -> str:
    said = " ".join(part for part in (node.workflow_id, node.status, why) if part)
    return f"{node.mark or ' '} {strokes}{said}"


def _drawn(roots: list[_Node]) -> Iterator[tuple[str, _Node, _Node | None]]:
    """Each execution with the strokes that lead to it and the one that started it, depth first."""
    if not roots:
        yield "", _Node(workflow_id="(nothing)", status=None), None
    stack: list[tuple[str, str, _Node, _Node | None]] = [("", "", root, None) for root in reversed(roots)]
    while stack:
        strokes, indent, node, upstream = stack.pop()
        yield strokes, node, upstream
        for place, below in enumerate(reversed(node.started)):
            corner, rest = ("└─ ", "   ") if place == 0 else ("├─ ", "│  ")
            stack.append((indent + corner, indent + rest, below, node))


def _why_missing(node: _Node, upstream: _Node | None, engine: TriggerEngine) -> str:
    """What the triggers of a missing execution answered to the one that should have started it."""
    if node.mark != "-" or upstream is None or upstream.twin is None or upstream.twin.execution is None:
        return ""
    execution = upstream.twin.execution
    if not execution.has_ended:
        return f"({execution.workflow_id} is {execution.status})"
    answers = [verdict for verdict in engine.get_verdicts(execution.id) if verdict.workflow_id == node.workflow_id]
    skips = [f"{verdict.condition} skipped: {verdict.reason}" for verdict in answers if verdict.reason]
    return f"({'; '.join(skips) or 'no trigger was asked'})"


def _why_so(node: _Node) -> str:
    execution = node.execution
    causes = (execution.reason, execution.error) if execution else ()
    said = "; ".join(cause for cause in causes if cause)
    return f"({said})" if said else ""
