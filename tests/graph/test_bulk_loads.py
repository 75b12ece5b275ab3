"""What loading many triggers does to the process: nothing that stays."""

from __future__ import annotations

import gc

import pytest

from flowforge_graph import CycleError, DependencyTrigger, TriggerGraph


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was(enabled: bool) -> None:
    """Bulk loads let the garbage collector rest and wake it again, also after a refusal, unless it rested before."""
    triggers = [DependencyTrigger(workflow_id=f"w{n + 1}", depends_on_workflow_id=f"w{n}") for n in range(50)]
    closing = DependencyTrigger(workflow_id="w0", depends_on_workflow_id="w50")
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        TriggerGraph().add_all(triggers)
        assert gc.isenabled() is enabled
        with pytest.raises(CycleError):
            TriggerGraph().add_all([*triggers, closing])
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
