"""procrastinate: upstream tasks defer five tasks each; a worker runs the upstream ones, then the others."""

from __future__ import annotations

import asyncio
import time

from procrastinate import App, PsycopgConnector
from sqlalchemy import make_url

from benchmarks.peers.answers import answer, arguments

_CONCURRENCY = 8


async def measure(url: str, completions: int) -> tuple[float, float, int]:
    """Seconds of the fan-out, seconds of the runs, and how many ran."""
    parts = make_url(url)
    connector = PsycopgConnector(
        kwargs={"host": parts.query["host"], "user": parts.username, "dbname": parts.database}, max_size=_CONCURRENCY
    )
    app = App(connector=connector)
    ran = 0

    @app.task(queue="down")
    async def downstream(number: int) -> None:
        nonlocal ran
        ran += 1

    @app.task(queue="up")
    async def upstream(number: int) -> None:
        await downstream.batch_defer_async(*({"number": number * 5 + n} for n in range(5)))

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await upstream.batch_defer_async(*({"number": number} for number in range(completions)))
        began = time.perf_counter()
        await app.run_worker_async(queues=["up"], wait=False, concurrency=_CONCURRENCY)
        fanned_out = time.perf_counter()
        await app.run_worker_async(queues=["down"], wait=False, concurrency=_CONCURRENCY)
        return fanned_out - began, time.perf_counter() - fanned_out, ran


def main() -> None:
    """Fan out, then run."""
    fan_out, run, ran = asyncio.run(measure(*arguments()))
    answer(fan_out=fan_out, run=run, ran=ran, durability="Each deferral and each end is a commit of PostgreSQL's")


if __name__ == "__main__":
    main()
