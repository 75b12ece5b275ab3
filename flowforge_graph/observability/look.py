"""What every check of the doctor is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowforge_graph.engine.protocols import Clock
from flowforge_graph.storage.inspection import Inspection


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """From where on a check finds something.

    ``watch_seconds``: how long claims are watched for a sign of life; more than a third of the lease, which is how
    often holders renew. ``overdue_seconds``: how late what is due may be. ``little_space_mib``, ``no_space_mib``: free
    disk space that is a warning, and a problem. ``skew_warning_seconds``, ``skew_problem_seconds``: how far this
    machine's clock may be from the server's.
    """

    watch_seconds: float = 6.0
    overdue_seconds: int = 300
    little_space_mib: int = 1_024
    no_space_mib: int = 100
    skew_warning_seconds: float = 2.0
    skew_problem_seconds: float = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A database to ask, the time here, from where on something is found, and what lets some seconds pass."""

    ask: Inspection
    clock: Clock
    limits: Limits
    wait: Callable[[float], object]
