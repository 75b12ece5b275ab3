"""Flows that tell of their ends by hooks; run as a program, each is run once by hand, in this process."""

from __future__ import annotations

from prefect import flow

from flowforge_graph.executors.prefect import report_completions


@flow
def good() -> None:
    """Completes."""


@flow
def bad() -> None:
    raise ValueError("bad data")


@flow
def crashing() -> None:
    raise KeyboardInterrupt


@flow
def nobodys() -> None:
    """Completes; no workflow is named for it."""


for each in (good, bad, crashing):
    report_completions(each, workflow_id=each.name)
    report_completions(each, workflow_id=each.name)
report_completions(nobodys)

if __name__ == "__main__":
    for each in (good, bad, crashing, nobodys):
        try:
            each()
        except (ValueError, KeyboardInterrupt) as ended:
            print(f"{each.name}: {ended!r}")
