"""A worker process: waits for tickets, claims jobs, runs them, keeps their lease."""

from __future__ import annotations

import errno
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Any

from humantrack.errors import INTERNAL_ERROR, HumantrackError, InterruptedRunError, printable
from humantrack.service import logs
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.job import CANCELLED, FAILED, RUNNING, SUCCEEDED, Error, Job
from humantrack.service.jobs.queue import QueueLostError, Tickets
from humantrack.service.jobs.store import LostError, Store, retrying
from humantrack.service.settings import Settings
from humantrack.service.workers.runner import Progress, Runner
from humantrack.terminal import terminal_signals

_LOOK_S = 0.2
"""How often a job's record is looked at: cancelling takes at most so long to be noticed."""

_PAUSE_S = 1.0


class Lease:
    """A thread that renews a job's lease, reports its progress and notices its cancelling.

    Args:
        store: where the job is.
        job: claimed by ``worker``.
        worker: its name.
        lease_s: length of the lease.
        progress: to tell of.
        stop: set when the run has to end; ``reason`` then says why.
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
        stop: Event,
        is_draining: Callable[[], bool],
    ) -> None:
        self._store, self._job, self._worker = store, job, worker
        self._lease_s, self._progress = lease_s, progress
        self._stop, self._is_draining = stop, is_draining
        self._over = Event()
        self._told: dict[str, Any] = {}
        self._renewed_s = time.monotonic()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.reason: str | None = None
        """'cancel', 'lost' (somebody else's now) or 'drain'."""

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._over.wait(_LOOK_S):
            with suppress(LostError):  # the database is away for a moment
                self._look()
            if time.monotonic() - self._renewed_s > 0.8 * self._lease_s:
                self._end("lost")  # others will take it over any moment
            elif self._is_draining():
                self._end("drain")

    def _look(self) -> None:
        seen = self._progress.seen()
        before = time.monotonic()
        if seen != self._told or before - self._renewed_s > self._lease_s / 4:
            changed = seen if seen != self._told else {}
            asked = self._store.renew(self._job.id, self._worker, self._lease_s, changed)
            self._renewed_s, self._told = before, seen
        else:
            job = self._store.get(self._job.id)
            mine = job is not None and job.worker == self._worker and job.state == RUNNING
            asked = job.cancel if job is not None and mine else None
        if asked is None:
            self._end("lost")
        elif asked:
            self._end("cancel")

    def _end(self, reason: str) -> None:
        if self.reason != "lost":
            self.reason = reason
        self._stop.set()


class Worker:
    """One worker.

    Args:
        settings: of the service.
        name: of this worker.
        draining: set when it has to end.
    """

    def __init__(self, settings: Settings, name: str, draining: Event) -> None:
        self._settings, self._name, self._draining = settings, name, draining
        self._data = DataFolder(settings.data)
        self._store = Store(settings.store_url)
        self._tickets = Tickets(settings.queue, self._data.queue)
        self._runner = Runner()

    def work(self) -> None:
        """Run jobs until it has to end."""
        while not self.has_to_end():
            if self._data.free_bytes() < self._settings.least_free_bytes:
                self._pause("the disk is nearly full")
                continue
            try:
                job = self._next()
            except (LostError, QueueLostError) as error:
                self._pause("the database or the queue is away", error=_short(error))
                continue
            if job is not None:
                self._run(job)

    def has_to_end(self) -> bool:
        """True when it was told so, or when who started it is gone."""
        parent = multiprocessing.parent_process()
        return self._draining.is_set() or (parent is not None and not parent.is_alive())

    def _next(self) -> Job | None:
        if not self._tickets.take():
            return None
        try:
            return self._store.claim(self._name, self._settings.lease_s)
        except LostError:
            self._tickets.put()
            raise

    def _pause(self, why: str, **facts: Any) -> None:
        logs.error("paused", why=why, worker=self._name, **facts)
        self._draining.wait(_PAUSE_S)

    def _run(self, job: Job) -> None:
        logs.say("job begun", job=job.id, attempt=job.attempts, worker=self._name)
        progress, stop = Progress(job.frames_total), Event()
        lease = Lease(
            self._store,
            job,
            self._name,
            lease_s=self._settings.lease_s,
            progress=progress,
            stop=stop,
            is_draining=self.has_to_end,
        )
        with lease:
            error = self._try(job, progress, stop)
            state = self._settle(job, lease, progress, error)
        logs.say("job ended", job=job.id, state=state, error=error and _short(error))

    def _try(self, job: Job, progress: Progress, stop: Event) -> Exception | None:
        try:
            self._runner.run(job, self._data.job(job.id), progress, stop)
        except HumantrackError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a job must not take its worker along
            logs.error("internal error", job=job.id, trace=True)
            self._runner.drop()
            return error
        return None

    def _settle(self, job: Job, lease: Lease, progress: Progress, error: Exception | None) -> str:
        """Write down how a job ended, however long the database is away; gives what it is now."""
        stopped = isinstance(error, InterruptedRunError)
        full = error is not None and _is_disk_full(error)
        if full or (stopped and lease.reason == "drain"):
            self._keep_trying(lease, lambda: self._store.hand_back(job.id, self._name))
            self._keep_trying(lease, self._tickets.put)
            if full:
                self._pause("the disk is full", job=job.id)
            return "handed back"
        if stopped and lease.reason == "lost":
            return "lost"
        state = SUCCEEDED if error is None else CANCELLED if stopped else FAILED
        problem = None if error is None or stopped else self._problem(job, error)
        seen = progress.seen()
        ended = self._keep_trying(
            lease, lambda: self._store.end(job.id, self._name, state, error=problem, seen=seen)
        )
        return state if ended else "lost"

    def _keep_trying(self, lease: Lease, call: Callable[[], Any]) -> Any:
        try:
            return retrying(call, until=lambda: lease.reason == "lost" or self.has_to_end())
        except (LostError, QueueLostError) as error:
            logs.error("could not write down how a job ended", error=_short(error))
            return None

    def _problem(self, job: Job, error: Exception) -> Error:
        """The error in words that name no path of this machine."""
        folder = self._data.job(job.id)
        text = _short(error)
        for path, said in (
            *((job.source, job.name), (str(folder.path), "")),
            (str(self._data.path.resolve()), ""),
        ):
            text = text.replace(path, said)
        known = isinstance(error, HumantrackError)
        return Error(
            code=type(error).__name__ if known else "InternalError",
            exit_code=error.exit_code if isinstance(error, HumantrackError) else INTERNAL_ERROR,
            detail=printable(text)[:1000],
        )


def _short(error: Exception) -> str:
    if isinstance(error, HumantrackError):
        return str(error)
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _is_disk_full(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def work(settings: Settings, name: str) -> None:
    """Entry point of a worker process. SIGTERM makes it hand its job back and end."""
    logs.set_up()
    draining = Event()
    signal.signal(signal.SIGTERM, lambda number, frame: draining.set())
    for number in terminal_signals():  # they reach all; who started us decides
        signal.signal(number, signal.SIG_IGN)
    Worker(settings, name, draining).work()
