"""Periodic maintenance: lost leases, old results, the reserve."""

from __future__ import annotations

import time
from contextlib import suppress

from humantrack.service import logs
from humantrack.service.jobs.folders import ID, DataFolder
from humantrack.service.jobs.store import Store
from humantrack.service.settings import Settings

_OLD_S = 30.0
_STRAY_S = 3600.0
"""Files without a job are left alone for so long: somebody may be at them."""


class Housekeeper:
    """Several may be at it at once, in one process or many."""

    def __init__(self, settings: Settings, store: Store, data: DataFolder) -> None:
        self._settings, self._store, self._data = settings, store, data
        self._sizes: dict[str, int] = {}
        self._old_s = self._patient_until_s = float("-inf")

    def was_away(self) -> None:
        """The database was away: leases that ran out meanwhile may be renewed before they count."""
        self._patient_until_s = time.monotonic() + self._settings.lease_s

    def look(self) -> None:
        """Do what is due.

        Raises:
            LostError: if the database is away.
        """
        now = time.monotonic()
        if now > self._patient_until_s:
            for id in self._store.take_back():
                logs.say("job queued again: its worker is gone", job=id)
        if now - self._old_s > _OLD_S:
            self._old_s = now
            self._data.keep_reserve(self._settings.least_free_bytes)
            self._remove_discarded()
            self.expire()
            self._remove_strays()

    def expire(self) -> None:
        """Remove results that are too old, or too many; the newest stay."""
        keep_s, most = self._settings.keep_s, self._settings.max_disk_bytes
        if keep_s is None and most is None:
            return
        total, now = 0, time.time()
        jobs = self._store.ended()
        self._sizes = {job.id: self._sizes[job.id] for job in jobs if job.id in self._sizes}
        for place, job in enumerate(jobs):
            if job.id not in self._sizes:
                self._sizes[job.id] = self._data.job(job.id).size()
            total += self._sizes[job.id]
            old = keep_s is not None and now - (job.ended_s or now) > keep_s
            much = most is not None and total > most and place > 0
            if (old or much) and self._store.remove(job.id):
                total -= self._sizes.pop(job.id)
                self._data.job(job.id).remove()
                logs.say("job removed", job=job.id, why="age" if old else "disk")

    def _remove_discarded(self) -> None:
        """Live jobs that nobody wants to keep, whose worker could not remove them."""
        for id in self._store.discarded():
            if self._store.remove(id):
                self._data.job(id).remove()

    def _remove_strays(self) -> None:
        """Aborted uploads, and folders whose job is gone."""
        limit = time.time() - _STRAY_S
        with suppress(OSError):
            for path in self._data.incoming.iterdir():
                if path.lstat().st_mtime < limit:
                    path.unlink(missing_ok=True)
        with suppress(OSError):
            known = self._store.ids()
            for path in self._data.jobs.iterdir():
                stray = ID.fullmatch(path.name) and path.name not in known
                if stray and path.lstat().st_mtime < limit:
                    self._data.job(path.name).remove()
