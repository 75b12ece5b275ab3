"""The medallion example as flows, each step the example's own script; run as a program, it serves them all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prefect import flow, serve

from flowforge_graph.executors.prefect import report_completions

# A copy of the example, whose lake is this cascade's.
FOLDER = Path(os.environ["MEDALLION"])


def step(root_execution_id: str, script: str, *arguments: str) -> None:
    """Run one script of the example, in the cascade's own folder of the lake."""
    environment = {**os.environ, "FLOWFORGE_ROOT_EXECUTION_ID": root_execution_id}
    subprocess.run([sys.executable, script, *arguments], cwd=FOLDER, env=environment, check=True)


@flow
def landing(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "landing.py", "data/penguins-raw.csv")


@flow
def bronze(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "bronze.py")


@flow
def quality_check(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "quality_check.py")


@flow
def silver(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "silver.py")


@flow
def gold_species(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "gold_species.py")


@flow
def gold_islands(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "gold_islands.py")


@flow
def gold_clutches(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "gold_clutches.py")


@flow
def quarantine(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "quarantine.py")


@flow
def audit(root_execution_id: str = "by-hand") -> None:
    step(root_execution_id, "audit.py")


FLOWS = [landing, bronze, quality_check, silver, gold_species, gold_islands, gold_clutches, quarantine, audit]
for each in FLOWS:
    report_completions(each)

if __name__ == "__main__":
    serve(*(each.to_deployment("main") for each in FLOWS), limit=3)
