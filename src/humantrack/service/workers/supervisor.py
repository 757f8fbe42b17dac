"""Starts worker processes, starts them again when they die, and does the periodic maintenance."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
import uuid
from contextlib import suppress
from multiprocessing.process import BaseProcess
from threading import Event, Thread

from humantrack.service import logs
from humantrack.service.jobs.folders import DataFolder
from humantrack.service.jobs.store import LostError, Store
from humantrack.service.settings import Settings
from humantrack.service.workers.housekeeping import Housekeeper

_LOOK_S = 0.5
_DRAIN_S = 60.0
_SHORT_LIFE_S = 5.0
_LONGEST_WAIT_S = 30.0


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()[:50]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _work(settings: Settings, name: str) -> None:
    """What a worker process runs. Only there are the stages imported: a web process stays small."""
    from humantrack.service.workers.worker import work

    work(settings, name)


class Supervisor:
    """Keeps ``settings.workers`` processes alive. Start it once, close it once."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._keeper = Housekeeper(settings, store, DataFolder(settings.data))
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[str, tuple[BaseProcess, float]] = {}
        self._wait_s, self._not_before_s = 0.0, 0.0
        self._over, self._may_begin = Event(), Event()
        self._thread = Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the workers and whatever looks after them."""
        self.prepare()
        self._may_begin.set()

    def prepare(self) -> None:
        """Start the thread that will start workers: they get the priority that it has now."""
        if self._thread.ident is None:
            self._thread.start()

    def alive(self) -> int:
        """How many workers there are."""
        return sum(process.is_alive() for process, _ in self._workers.values())

    def close(self) -> None:
        """Let the workers hand their jobs back, and end them."""
        self._over.set()
        self._may_begin.set()
        if self._thread.ident is not None:  # it was started
            self._thread.join()
        for process, _ in self._workers.values():
            process.terminate()
        deadline = time.monotonic() + _DRAIN_S
        for name, (process, _) in self._workers.items():
            process.join(max(deadline - time.monotonic(), 0.1))
            if process.is_alive():
                logs.error("a worker did not end", worker=name)
                process.kill()
                process.join()

    def _watch(self) -> None:
        self._may_begin.wait()
        while not self._over.is_set():
            try:
                self._reap()
                while len(self._workers) < self._settings.workers and self._may_start():
                    self._start_one()
                self._keeper.look()
            except LostError as error:
                self._keeper.was_away()
                logs.error("the database is away", error=str(error)[:200])
            except Exception:  # noqa: BLE001 - what fails now may do next time
                logs.error("internal error", trace=True)
            self._over.wait(_LOOK_S)

    def _may_start(self) -> bool:
        return time.monotonic() >= self._not_before_s and not self._over.is_set()

    def _start_one(self) -> None:
        name = worker_name()
        process = self._context.Process(target=_work, args=(self._settings, name), name=name)
        process.start()
        self._workers[name] = (process, time.monotonic())
        logs.say("worker started", worker=name, pid=process.pid)

    def _reap(self) -> None:
        """Give up on the dead; wait longer and longer if they die young."""
        for name, (process, born_s) in list(self._workers.items()):
            if process.is_alive():
                continue
            logs.error("a worker died", worker=name, code=process.exitcode)
            del self._workers[name]
            process.close()
            young = time.monotonic() - born_s < _SHORT_LIFE_S
            self._wait_s = min(max(2 * self._wait_s, 0.5), _LONGEST_WAIT_S) if young else 0.0
            self._not_before_s = time.monotonic() + self._wait_s
            with suppress(LostError):  # else its lease runs out
                self._store.give_up_on(name)
