"""A worker process: waits for jobs, claims them, runs them, publishes what they made."""

from __future__ import annotations

import errno
import multiprocessing
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import Any

from humantrack.errors import INTERNAL_ERROR, HumantrackError, InterruptedRunError, printable
from humantrack.service import logs
from humantrack.service.jobs.attempts import Attempts
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.job import CANCELLED, DISCARD, FAILED, SUCCEEDED, Error, Job
from humantrack.service.jobs.queue import Bell
from humantrack.service.jobs.store import LostError, Store, retrying
from humantrack.service.live_sources import without_address
from humantrack.service.settings import Settings
from humantrack.service.workers.lease import Lease
from humantrack.service.workers.recorder import Recording
from humantrack.service.workers.runner import Progress, Runner
from humantrack.terminal import terminal_signals

_PAUSE_S = 1.0


class Worker:
    """One worker.

    Args:
        settings: of the service.
        name: of this worker.
        draining: set when it has to end.
        runner: runs the jobs.
    """

    def __init__(
        self, settings: Settings, name: str, draining: Event, runner: Runner | None = None
    ) -> None:
        self._settings, self._name, self._draining = settings, name, draining
        self._data = DataFolder(settings.data)
        self._store = Store(settings.store_url, reserve=self._data.reserve)
        self._bell = Bell(self._store, draining)
        self._runner = Runner() if runner is None else runner
        self._is_shaken = False

    def work(self) -> None:
        """Run jobs until it has to end."""
        while not self.has_to_end():
            trouble = self._trouble()
            if trouble is not None:
                self._pause(trouble)
                continue
            try:
                if self.step() is None:
                    self._bell.wait()
            except LostError as error:
                self._pause("the database is away", error=_short(error))
        self._bell.close()

    def step(self) -> str | None:
        """Run the next job, if there is one; gives what became of it.

        Raises:
            LostError: if the database is away.
        """
        settings = self._settings
        known = list(settings.live_sources)
        job = self._store.claim(self._name, settings.lease_s, settings.max_running, known)
        return None if job is None else self._run(job)

    def has_to_end(self) -> bool:
        """True when it was told so, or when who started it is gone."""
        parent = multiprocessing.parent_process()
        return self._draining.is_set() or (parent is not None and not parent.is_alive())

    def _run(self, job: Job) -> str:
        logs.say("job begun", job=job.id, attempt=job.attempts, worker=self._name)
        attempts = Attempts(self._data.job(job.id), job.overrides)
        progress = Progress(job.frames_total) if job.live is None else Recording(self._settings)
        lease = Lease(
            self._store,
            job,
            self._name,
            lease_s=self._settings.lease_s,
            progress=progress,
            is_draining=self.has_to_end,
        )
        with lease:
            error = None
            if job.published is None:
                error = self._try(job, attempts, progress, lease)
            if job.live is not None:
                error = self._ended_live(job, lease, progress, error)
            state = self._settle(job, attempts, lease, progress, error)
            if state == CANCELLED and job.live is not None:
                self._forget(job)
        logs.say("job ended", job=job.id, state=state, error=error and _short(error))
        return state

    def _is_kept(self, job: Job, lease: Lease) -> bool:
        """Whether a live job that has ended is to be kept, as far as can be known now."""
        if lease.reason != "cancel":
            return lease.reason != "lost"
        try:
            found = self._store.get(job.id)
        except LostError:
            return True  # asked again before it is published
        return found is not None and found.is_kept

    def _ended_live(
        self, job: Job, lease: Lease, progress: Progress, error: Exception | None
    ) -> Exception | None:
        """What a live job has ended with. Only one that has recorded nothing is handed back."""
        stopped = InterruptedRunError("stopped")
        if lease.reason == "drain":
            if error is not None and not progress.frames:
                return stopped
            if error is None:
                progress.warn((*progress.warnings, "ended early: the service was stopped"))
        if error is None and lease.reason == "cancel" and job.published is None:
            found = self._keep_trying(lease, lambda: self._store.get(job.id))
            return None if found is not None and found.is_kept else stopped
        return error

    def _forget(self, job: Job) -> None:
        """Remove what a live job has recorded that is not to be kept; all of it if it was said."""
        shutil.rmtree(self._data.job(job.id).attempts, ignore_errors=True)
        with suppress(LostError):  # else the housekeeper does it
            found = self._store.get(job.id)
            if found is not None and found.ending == DISCARD and self._store.remove(job.id):
                self._data.job(job.id).remove()

    def _trouble(self) -> str | None:
        """Why no job can be begun now."""
        try:
            if self._data.free_bytes() < self._settings.least_free_bytes:
                return "the disk is nearly full"
        except OSError:
            return "the data folder is away"
        if self._is_shaken and not self._data.answers():
            return "the data folder cannot be written to"
        self._is_shaken = False
        return None

    def _pause(self, why: str, **facts: Any) -> None:
        logs.error("paused", why=why, worker=self._name, **facts)
        self._draining.wait(_PAUSE_S)

    def _try(
        self, job: Job, attempts: Attempts, progress: Progress, lease: Lease
    ) -> Exception | None:
        try:
            output = attempts.begin(job.fence)
            if attempts.owes(output):
                self._store.forgive(job.id, job.fence)
            if isinstance(progress, Recording):
                progress.begin_at(output, lease.stop, lambda: self._is_kept(job, lease))
                self._runner.record(job, self._settings, output, progress, lease.stop)
            else:
                source = self._data.source(job, self._settings.folders)
                self._runner.run(job, source, output, progress, lease.stop)
        except HumantrackError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a job must not take its worker along
            logs.error("internal error", job=job.id, trace=True)
            self._runner.drop()
            return error
        return None

    def _settle(
        self,
        job: Job,
        attempts: Attempts,
        lease: Lease,
        progress: Progress,
        error: Exception | None,
    ) -> str:
        """Write down how a job ended, however long the database is away; gives what it is now."""
        if error is None:
            return self._publish(job, attempts, lease, progress)
        stopped = isinstance(error, InterruptedRunError)
        if stopped and lease.reason == "lost":
            attempts.close(job.fence)
            with suppress(LostError):  # it was only silent, which is not the job's fault
                self._store.forgive(job.id, job.fence)
            return "lost"
        # What is recorded cannot be gone on with: it has failed, and keeps what it has.
        is_outage = not stopped and job.live is None and self._is_outage(error)
        if is_outage or (stopped and lease.reason == "drain"):
            attempts.close(job.fence)
            self._hand_back(job, attempts, lease)
            if is_outage:
                self._is_shaken = True
                self._pause("the disk is full or away", job=job.id, error=_short(error))
            return "handed back"
        attempts.close(job.fence)
        state = CANCELLED if stopped else FAILED
        problem = None if stopped else self._problem(job, error)
        return state if self._end(job, lease, state, problem, progress.seen()) else "lost"

    def _publish(self, job: Job, attempts: Attempts, lease: Lease, progress: Progress) -> str:
        """Make an attempt's files the job's, if the job is still this worker's.

        Until the record names an attempt, nothing is put where it is looked for; from then on
        whoever has the job completes it, and only with that attempt's files.
        """
        winner, seen = job.published, {}
        if winner is None:
            winner, seen = job.fence, progress.seen()
            mine = job.id, self._name, job.fence
            if not self._keep_trying(lease, lambda: self._store.publish(*mine, seen)):
                attempts.close(job.fence)
                return "lost"
        try:
            attempts.publish(winner)
        except OSError as error:
            if self._is_outage(error):
                self._is_shaken = True
                self._hand_back(job, attempts, lease)
                self._pause("the disk is full or away", job=job.id, error=_short(error))
                return "handed back"
            logs.error("internal error", job=job.id, trace=True)
            problem = self._problem(job, error)
            return FAILED if self._end(job, lease, FAILED, problem, {}) else "lost"
        return SUCCEEDED if self._end(job, lease, SUCCEEDED, None, seen) else "lost"

    def _end(
        self, job: Job, lease: Lease, state: str, problem: Error | None, seen: dict[str, Any]
    ) -> bool:
        def end() -> bool:
            return self._store.end(
                job.id, self._name, state, error=problem, seen=seen, fence=job.fence
            )

        return bool(self._keep_trying(lease, end))

    def _hand_back(self, job: Job, attempts: Attempts, lease: Lease) -> None:
        back = self._keep_trying(
            lease, lambda: self._store.hand_back(job.id, self._name, fence=job.fence)
        )
        if back is None:
            attempts.owe(job.fence)

    def _keep_trying(self, lease: Lease, call: Callable[[], Any]) -> Any:
        """What the store says, as soon as it says something; None if it did not in time."""
        try:
            return retrying(call, until=lambda: lease.reason == "lost" or self.has_to_end())
        except LostError as error:
            logs.error("could not write down how a job ended", error=_short(error))
            return None

    def _is_outage(self, error: BaseException) -> bool:
        """Whether it is the disk's fault and not the job's."""
        return _is_disk_full(error) or not self._data.answers()

    def _problem(self, job: Job, error: Exception) -> Error:
        """The error in words that name no path of this machine."""
        folder = self._data.job(job.id)
        text = _short(error)
        if job.live is not None:
            text = without_address(text, self._settings.live_sources.get(job.live), job.live)
        for path, said in (
            *((str(self._data.source(job, self._settings.folders)), job.name),),
            *((str(folder.path.resolve()), ""), (str(folder.path), "")),
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
