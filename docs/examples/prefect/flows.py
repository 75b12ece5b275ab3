"""The flows of the example, each of which tells the engine of its end at once."""

from __future__ import annotations

from prefect import flow

from flowforge_graph.executors.prefect import report_completions


@flow(log_prints=True)
def ingest(execution_id: str = "by hand") -> None:
    """Take in what was delivered."""
    print(f"ingested by execution {execution_id}")


@flow(log_prints=True)
def clean(upstream_execution_id: str = "none") -> None:
    """Clean what an ingestion left."""
    print(f"cleaned what execution {upstream_execution_id} left")


@flow(log_prints=True)
def publish(root_execution_id: str = "none") -> None:
    """Publish what is clean."""
    print(f"published the delivery of cascade {root_execution_id}")


@flow(log_prints=True)
def alert(upstream_execution_id: str = "none") -> None:
    """Tell people of an ingestion that failed."""
    print(f"execution {upstream_execution_id} failed")


for each in (ingest, clean, publish, alert):
    report_completions(each)
