"""Real commands that dispatchers run, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

from flowforge_graph import TriggerEngine
from flowforge_graph.model import DependencyTrigger
from tests.faults.rows import rows

# Each attempt writes who it is, and whether an earlier attempt runs beside it; then it waits for a file of its own.
ATTEMPT = """
while read -r _ _ other; do
    grep -q '^State:.[RSD]' "/proc/$other/status" && echo "$other" >> overlaps
done < ledger
echo "$FLOWFORGE_EXECUTION_ID $FLOWFORGE_ATTEMPT $$" >> ledger
while [ ! -e "go-$FLOWFORGE_ATTEMPT" ]; do sleep 0.05; done
[ "$FLOWFORGE_ATTEMPT" = 2 ]
"""


def is_alive(process_id: str) -> bool:
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "State:\tZ" not in status


def make_workflow(url: str, folder: Path, script: str) -> None:
    (folder / "ledger").touch()
    with TriggerEngine(url) as engine:
        engine.create_workflow("w", run={"command": ["sh", "-c", script]}, run_folder=str(folder))
        engine.create_workflow("next")
        engine.create_trigger(DependencyTrigger(workflow_id="next", depends_on_workflow_id="w", delay_minutes=60))


def state_of(url: str, execution_id: str) -> tuple[str, int]:
    (row,) = rows(url, "SELECT status, attempt FROM executions WHERE id = :id", id=execution_id)
    return row.status, row.attempt
