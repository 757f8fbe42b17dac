"""Objects shared by the routes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Any, cast

from flask import current_app, g

from humantrack.service.jobs.folders import DataFolder, JobFolder
from humantrack.service.jobs.job import Job
from humantrack.service.jobs.queue import Tickets
from humantrack.service.jobs.store import Store
from humantrack.service.settings import Settings
from humantrack.service.web.admission import Line
from humantrack.service.web.auth import Rates, Sessions, Tokens
from humantrack.service.web.events import Feed
from humantrack.service.web.problems import not_found
from humantrack.service.workers.subprocess_pool import Helpers

_NAME = "humantrack"


@dataclass
class Counts:
    """Requests answered, for the metrics."""

    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """By method, route and status."""

    seconds: Counter[str] = field(default_factory=Counter)
    """By route, summed."""

    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one."""
        with self.lock:
            self.requests[method, route, status] += 1
            self.seconds[route] += seconds  # type: ignore[assignment]


@dataclass(kw_only=True)
class Service:
    """Everything that a request may need."""

    settings: Settings
    store: Store
    tickets: Tickets
    data: DataFolder
    tokens: Tokens | None
    """None where nobody needs one."""

    sessions: Sessions | None
    rates: Rates
    guesses: Rates
    """Of wrong tokens, by address."""

    line: Line
    """Of new jobs whose clips have to be opened."""

    probes: Helpers
    makers: Helpers
    feed: Feed
    stopping: Event
    """Set when the service ends; event streams end with it."""

    workers_alive: Callable[[], int | None] = lambda: None
    """Worker processes of this service; None if they are elsewhere."""

    counts: Counts = field(default_factory=Counts)

    def job(self, id: str) -> Job:
        """One of the caller's jobs.

        Raises:
            ProblemError: 404, also if it is somebody else's.
        """
        found = self.store.get(id)
        if found is None or found.owner != g.owner:
            raise not_found("job")
        return found

    def close(self) -> None:
        """End event streams, helpers and connections."""
        self.stopping.set()
        self.probes.close()
        self.makers.close()
        self.store.close()

    def folder(self, job: Job) -> JobFolder:
        """Its folder."""
        return self.data.job(job.id)


def service() -> Service:
    """That of the app that answers this request."""
    return cast("Service", current_app.extensions[_NAME])


def attach(app: Any, it: Service) -> None:
    """Make it known to the app's routes."""
    app.extensions[_NAME] = it
