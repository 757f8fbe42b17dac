"""Server-sent events: a job's record whenever it changes.

However many clients watch, one thread looks at the store, five times a second.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Event

from humantrack.service import logs
from humantrack.service.jobs.job import ENDED
from humantrack.service.jobs.store import LostError, Store

_LOOK_S = 0.2
_KEEP_ALIVE_S = 10.0


class Feed:
    """Wakes streams when their job has changed.

    Args:
        store: of the jobs.
        most: streams at once.
        stopping: set when all are to end.
    """

    def __init__(self, store: Store, most: int, stopping: Event) -> None:
        self._store, self._most, self._stopping = store, most, stopping
        self._watched: Counter[str] = Counter()
        self._versions: dict[str, int] = {}
        self._changed = Condition()
        self._thread: threading.Thread | None = None

    @property
    def is_full(self) -> bool:
        """True if no more streams may begin."""
        return self._watched.total() >= self._most

    @contextmanager
    def place(self, id: str) -> Iterator[None]:
        """A stream's place among those that may be at once."""
        self._enter(id)
        try:
            yield
        finally:
            self._leave(id)

    def stream(self, id: str, may_go_on: Callable[[], bool] = lambda: True) -> Iterator[bytes]:
        """The events of a job until it has ended, is gone, or the service stops.

        Args:
            id: of the job.
            may_go_on: asked five times a second; the stream ends when it says no.
        """
        with self.place(id):
            version = -1
            while not self._stopping.is_set() and may_go_on():
                try:
                    job = self._store.get(id)
                except LostError:
                    yield b": the database is away\n\n"
                    self._stopping.wait(1.0)
                    continue
                if job is None:
                    return
                if job.version != version:
                    version = job.version
                    yield b"event: job\ndata: " + json.dumps(job.public()).encode() + b"\n\n"
                if job.state in ENDED:
                    return
                if not self._wait(id, version, may_go_on):
                    yield b": still there\n\n"

    def _enter(self, id: str) -> None:
        with self._changed:
            self._watched[id] += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="events", daemon=True)
                self._thread.start()

    def _leave(self, id: str) -> None:
        with self._changed:
            self._watched[id] -= 1
            if self._watched[id] <= 0:
                del self._watched[id]
                self._versions.pop(id, None)

    def _wait(self, id: str, version: int, may_go_on: Callable[[], bool]) -> bool:
        """True when there is something to do; False when nothing has come for a while."""
        deadline = time.monotonic() + _KEEP_ALIVE_S
        with self._changed:
            while self._versions.get(id, version) == version and not self._stopping.is_set():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, _LOOK_S))
                if not may_go_on():
                    return True
        return True

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            with self._changed:
                ids = list(self._watched)
            if not ids:
                continue
            try:
                found = self._store.versions(ids)
            except LostError:
                continue
            except Exception:  # noqa: BLE001 - streams go on
                logs.error("internal error", trace=True)
                continue
            with self._changed:
                for id in ids:
                    if id in self._watched:
                        self._versions[id] = found.get(id, 0)
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()
