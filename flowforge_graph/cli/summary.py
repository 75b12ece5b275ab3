"""What ``run`` did, once its cascades have ended: what ran, why, how long, and what was skipped and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flowforge_graph.cli.text import count, duration, last_lines, shown
from flowforge_graph.cli.wording import why_ended, why_skipped, why_started
from flowforge_graph.model import Execution, Verdict
from flowforge_graph.model.executions import CANCEL_REQUESTED
from flowforge_graph.wire import VerdictDocument, WholeExecutionDocument

# Deeper cascades are listed in order instead of drawn as a tree, which would become wider than any terminal.
_DEEPEST_TREE: Final = 16
_OUTPUT_LINES: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The ended cascades. ``executions`` stand in the order of creation; ``verdicts`` are by execution id."""

    executions: Sequence[Execution]
    verdicts: Mapping[str, Sequence[Verdict]]
    interrupted: bool = False

    @property
    def unhandled(self) -> tuple[Execution, ...]:
        """The failed executions without an ``on_failure`` trigger whose execution completed."""
        completed = {execution.id for execution in self.executions if execution.status == "completed"}
        return tuple(e for e in self.executions if e.status == "failed" and not self._is_handled(e, completed))

    @property
    def status(self) -> str:
        """``completed``, ``failed``, or ``cancelled`` where somebody cancelled the run or one of its executions."""
        if self.interrupted or any(execution.reason == CANCEL_REQUESTED for execution in self.executions):
            return "cancelled"
        return "failed" if self.unhandled else "completed"

    def _is_handled(self, execution: Execution, completed: set[str]) -> bool:
        return any(
            verdict.condition == "on_failure" and verdict.execution_id in completed
            for verdict in self.verdicts.get(execution.id, ())
        )


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """The whole outcome as JSON."""
    return {
        "success": outcome.status == "completed",
        "status": outcome.status,
        "rootExecutionIds": [e.id for e in outcome.executions if e.id == e.root_execution_id],
        "executions": [WholeExecutionDocument.of(e).as_json() for e in outcome.executions],
        "verdicts": [
            VerdictDocument.of(verdict).as_json()
            for execution in outcome.executions
            for verdict in outcome.verdicts.get(execution.id, ())
        ],
    }


def summary_rows(outcome: Outcome) -> list[tuple[str, str, str, str]]:
    """Workflow, status, time and reason of every execution and every skip, drawn as the tree that they are."""
    by_id = {execution.id: execution for execution in outcome.executions}
    leaves = _tree(outcome, by_id) if _depth(outcome) <= _DEEPEST_TREE else _list(outcome)
    return [_row(prefix, leaf, by_id) for prefix, leaf in leaves]


def failure_lines(outcome: Outcome) -> list[str]:
    """Of each failed execution its error and the last lines of its output."""
    lines: list[str] = []
    for execution in outcome.executions:
        if execution.status == "failed":
            lines += ["", f"{execution.workflow_id} failed: {shown(_error(execution))}"]
            lines += [f"  | {line}" for line in last_lines(execution.output or "", _OUTPUT_LINES)]
    return lines


def closing_sentence(outcome: Outcome) -> str:
    """How it went, in one line."""
    ended = Counter(execution.status for execution in outcome.executions)
    skips = sum(verdict.outcome == "skipped" for verdicts in outcome.verdicts.values() for verdict in verdicts)
    counts = [f"{number} {status}" for status, number in ended.most_common()]
    skipped = f"; {count(skips, 'trigger')} skipped" if skips else ""
    return f"{count(len(outcome.executions), 'execution')}: {', '.join(counts)}{skipped}{_handling(outcome)}"


def _handling(outcome: Outcome) -> str:
    if unhandled := outcome.unhandled:
        names = ", ".join(dict.fromkeys(execution.workflow_id for execution in unhandled))
        return f"; no on_failure workflow completed for {names}"
    failed = any(execution.status == "failed" for execution in outcome.executions)
    return "; every failure was handled" if failed else ""


def _error(execution: Execution) -> str:
    causes = [cause for cause in (why_ended(execution), execution.error) if cause]
    return "; ".join(causes) or "it did not say why"


_Leaf = Execution | Verdict


def _depth(outcome: Outcome) -> int:
    return max((execution.hop for execution in outcome.executions), default=0)


def _list(outcome: Outcome) -> list[tuple[str, _Leaf]]:
    leaves: list[tuple[str, _Leaf]] = []
    for execution in outcome.executions:
        leaves.append(("", execution))
        leaves += [("", verdict) for verdict in outcome.verdicts.get(execution.id, ()) if verdict.outcome == "skipped"]
    return leaves


def _tree(outcome: Outcome, by_id: Mapping[str, Execution]) -> list[tuple[str, _Leaf]]:
    """Depth first, with a stack of its own: each node with the strokes that lead to it."""
    roots = [execution for execution in outcome.executions if execution.upstream_execution_id not in by_id]
    stack: list[tuple[str, str, _Leaf]] = [("", "", root) for root in reversed(roots)]
    drawn: list[tuple[str, _Leaf]] = []
    while stack:
        strokes, indent, leaf = stack.pop()
        drawn.append((strokes, leaf))
        below = _below(leaf, outcome, by_id) if isinstance(leaf, Execution) else []
        for position, each in enumerate(reversed(below)):
            corner, rest = ("└─ ", "   ") if position == 0 else ("├─ ", "│  ")
            stack.append((indent + corner, indent + rest, each))
    return drawn


def _below(execution: Execution, outcome: Outcome, by_id: Mapping[str, Execution]) -> list[_Leaf]:
    """In the order of its triggers, what an execution started and what it skipped."""
    verdicts = outcome.verdicts.get(execution.id, ())
    leaves: list[_Leaf | None] = [v if v.outcome == "skipped" else by_id.get(v.execution_id or "") for v in verdicts]
    return [leaf for leaf in leaves if leaf is not None]


def _row(prefix: str, leaf: _Leaf, by_id: Mapping[str, Execution]) -> tuple[str, str, str, str]:
    if isinstance(leaf, Execution):
        ended = why_ended(leaf)
        why = why_started(leaf) + (f"; {ended}" if ended else "")
        return f"{prefix}{leaf.workflow_id}", leaf.status, duration(leaf.duration_ms), why
    return f"{prefix}{leaf.workflow_id}", "skipped", "-", why_skipped(leaf, by_id[leaf.upstream_execution_id])
