"""The benchmark beside Prefect's automations runs at its smallest size, where both sides must agree."""

from __future__ import annotations

from pathlib import Path

from benchmarks.areas.on_prefect import rows_on
from benchmarks.databases import Databases
from benchmarks.sizes import Sizes
from tests.support.prefect_servers import PrefectProcess


def test_both_sides_create_the_same_runs(prefect_process: PrefectProcess, tmp_path: Path) -> None:
    """Each side makes one run for each completion and downstream deployment, before a rate of it is told; how fast
    decides nothing. The loop that automations take is refused here."""
    sizes = Sizes(folder=tmp_path, flow_runs=2, rounds=1)
    with Databases(tmp_path) as databases:
        rows = list(rows_on(prefect_process, sizes, databases, loop_seconds=1))
    assert all(row.ours and row.floor for row in rows)
    assert rows[-1].ours == "refused: A → B → A"
