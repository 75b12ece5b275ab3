"""Renews the leases of what runs here, and passes on what the renewals say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from flowforge_graph.engine.protocols import ExecutionHost
from flowforge_graph.errors import DatabaseError
from flowforge_graph.executors.local.held import Held
from flowforge_graph.facts import log
from flowforge_graph.facts.catalogue import LeasesNotRenewed


class LeaseKeeper:
    """One thread, alive only while something runs.

    One call renews all leases and brings the requests to cancel, so that it is made each second, or three times per
    lease where that is oftener. A renewal that fails is tried again at the next turn; a command whose lease could not
    be renewed for its whole length stops by itself, even while a renewal hangs here. An end that the database cannot
    take yet still needs its lease.
    """

    def __init__(
        self, host: ExecutionHost, held: Callable[[], Collection[Held]], *, monotonic: Callable[[], float]
    ) -> None:
        self._host = host
        self._held = held
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._is_awake = False

    def wake(self) -> None:
        """Something runs now. Raises RuntimeError if no thread can be made."""
        with self._lock:
            if self._is_awake:
                return
            threading.Thread(target=self._keep, name="flowforge-leases", daemon=True).start()
            self._is_awake = True

    def close(self) -> None:
        """Let the thread end."""
        self._closed.set()

    def _keep(self) -> None:
        while not self._closed.wait(min(1.0, self._host.lease_seconds / 3)):
            held = {one.id: one for one in self._held() if not one.is_lost}
            if held:
                self._renew(held)
            elif self._falls_asleep():
                return

    def _falls_asleep(self) -> bool:
        with self._lock:
            self._is_awake = bool(self._held())
            return not self._is_awake

    def _renew(self, held: dict[str, Held]) -> None:
        began = self._monotonic()
        try:
            renewal = self._host.renew(held.keys())
        except DatabaseError as error:
            log(LeasesNotRenewed(executions=len(held), error=str(error)))
            return
        except Exception as error:  # noqa: BLE001 - the thread that renews must live on
            log(LeasesNotRenewed(executions=len(held), error=repr(error)), error=error)
            return
        for one in held.values():
            one.renewed_at = began
        for lost in renewal.lost & held.keys():
            held[lost].lose()
        for cancelled in renewal.cancel_requested & held.keys():
            held[cancelled].stop("cancel_requested")
