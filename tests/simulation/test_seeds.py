"""Many seeds, each a world of its own: every rule of the contract's section 2 holds after every transaction."""

from __future__ import annotations

import pytest

from flowforge_graph.testing import Simulation
from tests.conftest import PROFILE

BATCHES = 20
SEEDS = {"dev": 500, "ci": 2_000, "long": 20_000}[PROFILE]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_seed_breaks_a_rule(batch: int) -> None:
    """Crashes, lost replies, two nodes, moved clocks and false reports: nothing is lost and nothing comes twice."""
    assert Simulation.check(seeds=range(batch, SEEDS, BATCHES)) == SEEDS // BATCHES
