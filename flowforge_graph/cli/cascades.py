"""The executions that one ``run`` started, read from the database piece by piece: other processes may run some."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flowforge_graph.engine import TriggerEngine
    from flowforge_graph.model import Execution

_PAGE: Final = 500
# Sequence numbers may become visible out of order, by as many places as there are writers at once.
_NEW_PAGE: Final = 32
# Up to so many unfinished executions, all of them are looked at each time; beyond it, mostly those that run here.
_FEW: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One execution as it was seen before (None: not yet) and as it is now."""

    before: Execution | None
    now: Execution


class Cascades:
    """What is known of the cascades below some root executions."""

    def __init__(self, engine: TriggerEngine, roots: Iterable[Execution]) -> None:
        self._engine = engine
        self.executions: dict[str, Execution] = {}
        self.root_ids = tuple(root.id for root in roots)
        self.have_ended = False
        self._unfinished: dict[str, Execution] = {}

    @property
    def unfinished(self) -> tuple[Execution, ...]:
        """The executions that have not ended, as far as is known, in the order of creation."""
        return tuple(sorted(self._unfinished.values(), key=lambda execution: execution.seq))

    def refresh(self, *, running_here: Collection[str], idle: bool) -> list[Change]:
        """Read what has changed, in the order of creation.

        Args:
            running_here: the executions that this process runs.
            idle: nothing happened here since the last look, so that there is time to look at everything.
        """
        thorough = idle or len(self._unfinished) <= _FEW
        # What has ended is read before what is new, so that nobody's downstream executions are overlooked.
        known = self._changed_anywhere() if thorough else self._changed_among(running_here)
        found = sorted((*known, *self._new()), key=lambda execution: execution.seq)
        changes = [change for execution in found if (change := self._noted(execution))]
        self.have_ended = not self._unfinished and not self._any("running") and not self._any("pending")
        return changes

    def read_all(self) -> list[Execution]:
        """Every execution of the cascades, in the order of creation."""
        return sorted(self._pages(), key=lambda execution: execution.seq)

    def _noted(self, execution: Execution) -> Change | None:
        before = self.executions.get(execution.id)
        if before == execution:
            return None
        self.executions[execution.id] = execution
        self._unfinished.pop(execution.id, None)
        if not execution.has_ended:
            self._unfinished[execution.id] = execution
        return Change(before=before, now=execution)

    def _changed_anywhere(self) -> list[Execution]:
        active = [*self._pages(status="running"), *self._pages(status="pending")]
        gone = self._unfinished.keys() - {execution.id for execution in active}
        return [*active, *map(self._engine.get_execution, gone)]

    def _changed_among(self, running_here: Collection[str]) -> list[Execution]:
        seen_running = {execution.id for execution in self._unfinished.values() if execution.status == "running"}
        return [self._engine.get_execution(each) for each in seen_running.union(running_here) & self.executions.keys()]

    def _new(self) -> list[Execution]:
        """Newest first, until a page brings nothing unknown."""
        new: list[Execution] = []
        before_seq: int | None = None
        while page := self._page(before_seq=before_seq, limit=_NEW_PAGE):
            unknown = [execution for execution in page if execution.id not in self.executions]
            new += unknown
            before_seq = page[-1].seq
            if not unknown or len(page) < _NEW_PAGE:
                break
        return new

    def _pages(self, status: str | None = None) -> Iterator[Execution]:
        before_seq: int | None = None
        while page := self._page(status=status, before_seq=before_seq):
            yield from page
            before_seq = page[-1].seq
            if len(page) < _PAGE:
                break

    def _any(self, status: str) -> bool:
        return bool(self._page(status=status, limit=1))

    def _page(self, *, status: str | None = None, before_seq: int | None = None, limit: int = _PAGE) -> list[Execution]:
        return self._engine.list_executions(roots=self.root_ids, status=status, limit=limit, before_seq=before_seq)
