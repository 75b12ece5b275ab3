"""How much each area does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """The numbers of a run.

    ``edges`` of the guarded inserts; ``deep_edges`` of the graphs that single edges and refusals meet; ``triggers``
    stored in bulk; ``completions`` on the durable path a side and round; ``width`` of one wide fan-out; ``schedules``
    stored for a tick; ``boxes`` workflows of a diagram; ``fan_outs`` completions beside the peers; ``flow_runs``
    completed on Prefect; ``rounds`` of each comparison.
    ``folder`` holds the databases: its disk is the one that is measured.
    """

    folder: Path
    edges: int = 100_000
    deep_edges: int = 300_000
    triggers: int = 1_000_000
    completions: int = 300
    width: int = 10_000
    schedules: int = 100_000
    boxes: int = 300
    fan_outs: int = 1_000
    flow_runs: int = 60
    rounds: int = 5

    @property
    def few_rounds(self) -> int:
        """For work that takes many seconds a side."""
        return max(1, min(3, self.rounds))


QUICK = {
    "edges": 10_000,
    "deep_edges": 30_000,
    "triggers": 20_000,
    "completions": 40,
    "width": 1_000,
    "schedules": 5_000,
    "boxes": 60,
    "fan_outs": 20,
    "flow_runs": 6,
    "rounds": 2,
}
