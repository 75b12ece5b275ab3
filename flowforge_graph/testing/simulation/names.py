"""What scripts call executions and claims whose ids the engine makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from flowforge_graph.model import Claim
from flowforge_graph.testing.simulation.rows import ExecutionRow

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True, slots=True)
class Names:
    """Labels: ``e1`` was asked for, ``e1>t2`` came of it by trigger t2, ``t3@+300`` is a fire time in seconds after the
    beginning, ``t4!k1`` came of an event; ``e1#2`` is the second claim on ``e1``.

    Attributes:
        ids: the execution behind each label.
        labels: the label of each execution.
        claims: the claims that hosts were given, by label.
    """

    ids: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)

    def name(self, execution: ExecutionRow) -> None:
        """Give a new execution its label: the way in which it came about."""
        label = execution.id
        if execution.trigger_type == "dependency":
            upstream = str(execution.upstream_execution_id)
            label = f"{self.labels.get(upstream, upstream)}>{execution.trigger_id}"
        elif execution.trigger_type == "scheduled":
            label = f"{execution.trigger_id}@{int(execution.fire_time or 0) - int(BEGINNING.timestamp()):+d}"
        elif execution.trigger_type == "event":
            label = f"{execution.trigger_id}!{execution.event_key}"
        self.ids.setdefault(label, execution.id)
        self.labels.setdefault(execution.id, label)

    def in_words(self, text: str) -> str:
        """A text with each id that the engine made put as its label."""
        for execution_id, label in self.labels.items():
            text = text.replace(execution_id, label)
        return text

    def name_claim(self, claim: Claim) -> None:
        """Give a claim its label."""
        label = self.labels.get(claim.execution_id, claim.execution_id)
        number = 1 + sum(other.execution_id == claim.execution_id for other in self.claims.values())
        self.claims[f"{label}#{number}"] = claim
