"""What the use cases of one engine share: its store, its live graph, its clock and settings, and the wake-up call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flowforge_graph.engine.freshness import LiveGraph
from flowforge_graph.engine.protocols import Clock
from flowforge_graph.engine.settings import Settings
from flowforge_graph.engine.wake import Wake
from flowforge_graph.facts import Facts
from flowforge_graph.model import as_instant
from flowforge_graph.storage import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Made once by the engine, read by every use case."""

    store: Store
    live: LiveGraph
    clock: Clock
    settings: Settings
    wake: Wake = field(default_factory=Wake)

    @property
    def facts(self) -> Facts:
        """Where what happens is told."""
        return self.store.facts

    def now(self, given: datetime | None = None) -> datetime:
        """The instant of a decision, in whole seconds: what is computed from it equals what is stored."""
        instant = self.clock.now() if given is None else as_instant(given, field="now")
        return instant.replace(microsecond=0)
