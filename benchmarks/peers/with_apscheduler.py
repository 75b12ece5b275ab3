"""APScheduler 3 with its SQLAlchemy store: five jobs a completion are added, then the scheduler runs them."""

from __future__ import annotations

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks import work
from benchmarks.measure import seconds_of
from benchmarks.peers.answers import answer, arguments, wait_until

_THREADS = 8


def main() -> None:
    """Fan out while the scheduler rests, then run."""
    url, completions = arguments()
    everything = completions * 5
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=url)},
        executors={"default": ThreadPoolExecutor(_THREADS)},
        job_defaults={"misfire_grace_time": None},
        timezone="UTC",
    )
    scheduler.start(paused=True)

    def fan_out() -> None:
        for _ in range(everything):
            scheduler.add_job("benchmarks.work:count")

    def run() -> None:
        scheduler.resume()
        wait_until(lambda: work.ran >= everything)

    fanned_out = seconds_of(fan_out)
    ran_in = seconds_of(run)
    answer(
        fan_out=fanned_out,
        run=ran_in,
        ran=work.ran,
        durability="Each `add_job` is a commit with SQLite's defaults (rollback journal, synchronous=FULL)",
    )


if __name__ == "__main__":
    main()
