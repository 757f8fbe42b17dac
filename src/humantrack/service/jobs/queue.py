"""Waiting for jobs. The records are the queue; here a worker waits until it is worth looking.

PostgreSQL tells all who LISTEN when a job is queued. SQLite has nothing like it, but looking costs
no more than reading one page of a file that the system keeps in memory.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event
from typing import Any

from humantrack.service import logs
from humantrack.service.jobs.database import CHANNEL, short
from humantrack.service.jobs.store import Store

_POLL_S = 0.1
_LONGEST_S = 1.0
"""Jobs that are no news, such as one that its owner may have only now, are found as late."""


class Bell:
    """Returns when there may be a job to claim. For one thread.

    Args:
        store: of the jobs.
        over: ends the waiting.
    """

    def __init__(self, store: Store, over: Event) -> None:
        self._store, self._over = store, over
        self._line: Any = None

    def wait(self) -> None:
        """Wait a little, or until a job is queued. What goes wrong with it only takes longer."""
        if not self._store.can_notify:
            self._over.wait(_POLL_S)
            return
        try:
            if self._line is None:
                self._line = self._store.listener(CHANNEL)
                return  # a job may have come before
            for _ in self._line.dbapi_connection.notifies(timeout=_LONGEST_S, stop_after=1):
                return
        except Exception as error:  # noqa: BLE001 - whatever the driver raises; looking goes on
            logs.error("not told of new jobs", error=short(error))
            self.close()
            self._over.wait(_LONGEST_S)

    def close(self) -> None:
        """Let go of its connection."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(Exception):
                line.close()
