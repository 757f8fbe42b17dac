"""Processes that do what a web process should not: open untrusted files, compute for seconds.

A file that crashes the decoder costs a helper, not the service.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from humantrack.terminal import terminal_signals


class HelperLostError(Exception):
    """The helper crashed over this call, or was ended since it took too long."""


class HelperSlowError(Exception):
    """The call is not done yet."""


class Helpers:
    """One process, started when it is needed and started again when it is lost.

    It has one call at a time, so that a call which kills it harms no other.

    Args:
        nice: its priority, where there are any; never better than ours.
        cpu_s: processor time after which a call, and the process with it, is ended (POSIX).
        longest_s: the same in seconds that pass.
    """

    def __init__(
        self, *, nice: int, cpu_s: float | None = None, longest_s: float | None = None
    ) -> None:
        self._nice, self._cpu_s, self._longest_s = nice, cpu_s, longest_s
        self._turns = ThreadPoolExecutor(1, "helpers")
        self._pool: ProcessPoolExecutor | None = None
        self._calls: dict[Hashable, Future[Any]] = {}
        self._closed = False
        self._lock = threading.RLock()

    def call(
        self, key: Hashable, function: Callable[..., Any], *arguments: Any, wait_s: float
    ) -> Any:
        """The result of a function of a module, run in the process.

        Calls with equal keys at the same time are one.

        Raises:
            HelperLostError: if the process died.
            HelperSlowError: if there is none after ``wait_s``. It goes on, and asking again waits
                for the same one.
            Exception: whatever the function raised.
        """
        with self._lock:
            self._check_open()
            call = self._calls.get(key)
            if call is None:
                call = self._calls[key] = self._turns.submit(self._run, function, arguments)
                call.add_done_callback(lambda done: self._forget(key, done))
        if not wait([call], wait_s).done:
            raise HelperSlowError
        return call.result()

    def warm_up(self) -> None:
        """Start the process before it is needed."""
        with self._lock:
            self._check_open()
            self._turns.submit(self._run, _nothing, ())

    def close(self) -> None:
        """End the process and whatever it does; who waits for it gets a HelperLostError."""
        with self._lock:
            self._closed = True
            self._end()
            self._turns.shutdown(wait=False)

    def _check_open(self) -> None:
        if self._closed:
            raise HelperLostError

    def _run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        with self._lock:  # so that who closes finds the process that was started
            self._check_open()
            try:
                run = self._process().submit(_bounded, self._cpu_s, function, arguments)
            except BrokenProcessPool:  # it died between two calls
                self._end()
                run = self._process().submit(_bounded, self._cpu_s, function, arguments)
        try:
            if wait([run], self._longest_s).done:
                return run.result()
        except BrokenProcessPool as error:
            self._end()
            raise HelperLostError from error
        self._end()
        raise HelperLostError

    def _process(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                1, mp_context=context, initializer=_begin, initargs=(self._nice,)
            )
        return self._pool

    def _forget(self, key: Hashable, call: Future[Any]) -> None:
        with self._lock:
            if self._calls.get(key) is call:
                self._calls.pop(key)

    def _end(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)


def _nothing() -> None:
    """Imports what the real calls need."""
    import humantrack.service.workers.artifacts  # noqa: F401


def _bounded(cpu_s: float | None, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """A call that ends with this process if it uses too much of the processor."""
    if cpu_s is None or not hasattr(signal, "setitimer"):
        return function(*arguments)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _begin(nice: int) -> None:
    """Lower the priority, ignore the terminal's signals, and exit with the parent."""
    for number in terminal_signals():
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
