"""What test suites import: a clock that a test moves, and an executor that only takes notes."""

from __future__ import annotations

from flowforge_graph.testing.fakes import FixedClock, RecordingExecutor

__all__ = ["FixedClock", "RecordingExecutor"]
