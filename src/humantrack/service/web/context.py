"""Objects shared by the routes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple, cast

from flask import current_app, g, request

from humantrack.service.jobs.folders import DataFolder, JobFolder
from humantrack.service.jobs.job import Job
from humantrack.service.jobs.store import Store
from humantrack.service.settings import Settings
from humantrack.service.web.admission import Line, Waits
from humantrack.service.web.auth import Rates, Sessions, Tokens
from humantrack.service.web.events import Feed
from humantrack.service.web.gate import COOKIE, Gate
from humantrack.service.web.links import is_link
from humantrack.service.web.problems import not_found
from humantrack.service.workers.exports_pool import Pool
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


class Pools(NamedTuple):
    """What makes things on demand, each sort apart from the others."""

    previews: Pool
    """Of pictures."""

    scenes: Pool
    """Of what a page draws."""

    exports: Pool


@dataclass(kw_only=True)
class Service:
    """Everything that a request may need."""

    settings: Settings
    store: Store
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
    pools: Pools
    waits: Waits
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

    def readable(self, id: str) -> Job:
        """A job that the caller may read: one of their own, or one that a link of it names.

        Raises:
            ProblemError: 404 if there is none.
        """
        if not is_link(id):
            return self.job(id)
        found = self.store.by_link(id)
        if found is None:
            raise not_found("job")
        return found

    def gate(self) -> Gate:
        """Who may send a body."""
        return Gate(
            tokens=self.tokens,
            sessions=self.sessions,
            guesses=self.guesses,
            proxy=self.settings.proxy,
        )

    def caller(self) -> Callable[[], bool]:
        """Says whether who asks now may still ask later: asked all along by what is streamed.

        A session ends when somebody logs out, and with its token, which may be revoked.
        """
        tokens, sessions, owner = self.tokens, self.sessions, g.owner
        if tokens is None or sessions is None:
            return lambda: True
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return lambda: tokens.owner(token.strip()) == owner
        cookie = request.cookies.get(COOKIE, "")
        return lambda: sessions.owner(cookie) == owner

    def close(self) -> None:
        """End event streams, helpers and connections."""
        self.stopping.set()
        self.probes.close()
        for pool in self.pools:
            pool.close()
        self.store.close()

    def stop_making(self, id: str) -> None:
        """End whatever is being made of a job."""
        for pool in self.pools:
            pool.cancel(lambda key: isinstance(key, tuple) and key[0] == id)

    def folder(self, job: Job) -> JobFolder:
        """Its folder."""
        return self.data.job(job.id)


def service() -> Service:
    """That of the app that answers this request."""
    return cast("Service", current_app.extensions[_NAME])


def attach(app: Any, it: Service) -> None:
    """Make it known to the app's routes."""
    app.extensions[_NAME] = it
