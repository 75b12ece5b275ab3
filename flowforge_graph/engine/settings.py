"""The engine's numbers, each with its default and its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from flowforge_graph.errors import InvalidExecution, shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a host may tune. All are positive.

    ``lease_seconds``: how long a claim is believed without a sign of life.
    ``max_attempts``: how often one execution may start, counting the first.
    ``max_dispatch_failures``: how often handing it to the executor may fail before it ends ``dispatch_failed``.
    ``backoff_seconds``, ``max_backoff_seconds``: the wait after a failed dispatch doubles from one to the other.
    ``max_cascade_executions``: how many executions may descend from one root, counting the root.
    ``missed_after_seconds``: how old a fire time is when it counts as missed.
    ``catch_up_starts_per_second``: the rate at which missed fire times start after downtime.
    ``feed_kept``: how many of the newest events of the feed are kept for readers that come late.
    """

    lease_seconds: float = 15.0
    max_attempts: int = 3
    max_dispatch_failures: int = 8
    backoff_seconds: float = 1.0
    max_backoff_seconds: float = 60.0
    max_cascade_executions: int = 100_000
    missed_after_seconds: int = 60
    catch_up_starts_per_second: float = 20.0
    feed_kept: int = 100_000

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Self:
        """The settings that a host names, the others by their defaults. Raises InvalidExecution."""
        for name in keywords:
            if name not in cls.__dataclass_fields__:
                raise InvalidExecution(f"there is no setting '{name}'")
        return cls(**keywords)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kinds, kind = (int, "whole number") if field.type == "int" else (int | float, "number")
            if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < math.inf:
                raise InvalidExecution(f"{field.name} must be a {kind} above 0, not {shown(value)}")
