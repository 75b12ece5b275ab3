"""Clocks of worker processes that are not the system's: fast ones, and wrong ones."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, kw_only=True)
class HurriedClock:
    """A minute of wall time in each real ``seconds_a_minute``, from ``began``; equal in every process of a machine.

    ``origin``: the reading of ``time.monotonic()`` at ``began``. The monotonic clock is the real one.
    """

    began: datetime
    origin: float
    seconds_a_minute: float

    def now(self) -> datetime:
        """The wall time."""
        return self.began + timedelta(minutes=(time.monotonic() - self.origin) / self.seconds_a_minute)

    def monotonic(self) -> float:
        """The system's."""
        return time.monotonic()


@dataclass(frozen=True, kw_only=True)
class SkewedClock:
    """The system's clock of a machine that is so far ``ahead`` of the truth; behind, where it is negative."""

    ahead: timedelta

    def now(self) -> datetime:
        """The wall time as this machine shows it."""
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        """The system's: it knows no hour."""
        return time.monotonic()
