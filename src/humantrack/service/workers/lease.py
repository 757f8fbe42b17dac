"""Holding a job while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Any

from humantrack.pipeline.stopping import Stop
from humantrack.service.jobs.job import RUNNING, Job
from humantrack.service.jobs.store import LostError, Store
from humantrack.service.workers.runner import Progress

_LOOK_S = 0.2
"""How often a job's record is looked at: cancelling takes at most so long to be noticed."""


class Lease:
    """A thread that renews a job's lease, reports its progress and notices its cancelling.

    A database that is away ends no run: whatever a worker writes meanwhile goes to the folder of
    its own attempt, and counts only if the job is still its when the database is back.

    Args:
        store: where the job is.
        job: claimed by ``worker``.
        worker: its name.
        lease_s: length of the lease.
        progress: to tell of.
        is_draining: asked whether the worker has to end.
    """

    def __init__(
        self,
        store: Store,
        job: Job,
        worker: str,
        *,
        lease_s: float,
        progress: Progress,
        is_draining: Callable[[], bool],
    ) -> None:
        self._store, self._job, self._worker = store, job, worker
        self._lease_s, self._progress = lease_s, progress
        self._is_draining = is_draining
        self._over = Event()
        self._told: dict[str, Any] = {}
        self._renewed_s = self._looked_s = _now_s()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.stop: Stop = _LeaseStop(self)
        """Set when the run has to end; ``reason`` then says why."""

        self.reason: str | None = None
        """'cancel', 'lost' (somebody else's now) or 'drain'."""

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def was_suspended(self) -> bool:
        """True if nobody has looked for so long that the job may be another worker's."""
        return _now_s() - self._looked_s > self._lease_s / 2

    def is_ours(self) -> bool:
        """Renew the lease now; False if the job is another worker's. While nobody knows, True."""
        with suppress(LostError):  # the database is away for a moment
            self._renew({})
        self._looked_s = _now_s()
        return self.reason != "lost"

    def _keep(self) -> None:
        while not self._over.wait(_LOOK_S):
            with suppress(LostError):
                self._look()
            self._looked_s = _now_s()
            if self._is_draining():
                self._end("drain")

    def _look(self) -> None:
        seen = self._progress.seen()
        if seen != self._told or _now_s() - self._renewed_s > self._lease_s / 4:
            self._renew(seen if seen != self._told else {})
            self._told = seen
            return
        job = self._store.get(self._job.id)
        mine = job is not None and (job.fence, job.state) == (self._job.fence, RUNNING)
        self._take(job.cancel if job is not None and mine else None)

    def _renew(self, seen: dict[str, Any]) -> None:
        before = _now_s()
        job, mine = self._job, {"fence": self._job.fence}
        self._take(self._store.renew(job.id, self._worker, self._lease_s, seen, **mine))
        self._renewed_s = before

    def _take(self, asked: bool | None) -> None:
        if asked is None:
            self._end("lost")
        elif asked:
            self._end("cancel")

    def _end(self, reason: str) -> None:
        if self.reason != "lost":
            self.reason = reason
        self.stop.set()


class _LeaseStop(Stop):
    """Asks for the lease at once when the process wakes, and whenever it is told to."""

    def __init__(self, lease: Lease) -> None:
        super().__init__()
        self._lease = lease

    def is_set(self) -> bool:
        """Whether the run has to end; looks itself if nobody has for long."""
        if not super().is_set() and self._lease.was_suspended:
            self._lease.is_ours()
        return super().is_set()

    def is_ours(self) -> bool:
        """Whether the job is still this worker's."""
        return self._lease.is_ours()


def _now_s() -> float:
    """A clock that goes on while the machine sleeps, where there is one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
