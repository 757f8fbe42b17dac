"""Processes that do what a web process should not: open untrusted files, compute for seconds.

A file that crashes the decoder costs a helper, not the service.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from humantrack.terminal import terminal_signals


class HelperLostError(Exception):
    """The helper crashed over this call, or was ended."""


class HelperTimeError(HelperLostError):
    """The helper was ended since the call took too long."""


class HelperSlowError(Exception):
    """The call is not done yet."""


class Helpers:
    """One process, started when it is needed and started again when it is lost.

    It has one call at a time, so that a call which kills it harms no other.

    Args:
        nice: its priority, where there are any; never better than ours.
        cpu_s: processor time after which a call, and the process with it, is ended (POSIX).
        longest_s: the same in seconds that pass.
        memory_bytes: what a call may take beyond what the process has when it begins (Linux); more
            is a MemoryError to it.
    """

    def __init__(
        self,
        *,
        nice: int,
        cpu_s: float | None = None,
        longest_s: float | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self._nice, self._bounds, self._longest_s = nice, (cpu_s, memory_bytes), longest_s
        self._context = multiprocessing.get_context("spawn")
        self._told = self._context.Value("d", -1.0, lock=False)
        self._turns = ThreadPoolExecutor(1, "helpers")
        self._pool: ProcessPoolExecutor | None = None
        self._calls: dict[Hashable, Future[Any]] = {}
        self._closed = False
        self._lock = threading.RLock()

    @property
    def fraction(self) -> float | None:
        """How much of its work the current call has told to be done (0..1), if it has."""
        told = float(self._told.value)
        return told if told >= 0 else None

    def begin_telling(self) -> None:
        """Forget what the last call told."""
        self._told.value = -1.0

    def call(
        self, key: Hashable, function: Callable[..., Any], *arguments: Any, wait_s: float | None
    ) -> Any:
        """The result of a function of a module, run in the process.

        Calls with equal keys at the same time are one. ``wait_s`` may be None: however long it
        takes.

        Raises:
            HelperLostError: if the process died; HelperTimeError if that was for its slowness.
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

    def end_process(self) -> None:
        """End the process, and the call that it has; the next call starts another."""
        self._end()

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
            self.begin_telling()
            try:
                run = self._process().submit(_bounded, self._bounds, function, arguments)
            except BrokenProcessPool:  # it died between two calls
                self._end()
                run = self._process().submit(_bounded, self._bounds, function, arguments)
        try:
            if wait([run], self._longest_s).done:
                return run.result()
        except BrokenProcessPool as error:
            self._end()
            raise HelperLostError from error
        self._end()
        raise HelperTimeError

    def _process(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1,
                mp_context=self._context,
                initializer=_begin,
                initargs=(self._nice, self._told),
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


_told: Any = None
"""In a helper: where its calls say how far they are."""


def tell(fraction: float) -> None:
    """Say, in a helper, how much of the current call's work is done."""
    if _told is not None:
        _told.value = min(max(fraction, 0.0), 1.0)


def _bounded(
    bounds: tuple[float | None, int | None],
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> Any:
    """A call that ends with this process if it uses too much of the processor."""
    cpu_s, memory_bytes = bounds
    with _bounded_memory(memory_bytes):
        if cpu_s is None or not hasattr(signal, "setitimer"):
            return function(*arguments)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        try:
            return function(*arguments)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def _bounded_memory(most_bytes: int | None) -> Iterator[None]:
    """Let the system refuse what goes beyond; only Linux counts all that a process allocates."""
    if most_bytes is None or sys.platform != "linux":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _data_bytes() + most_bytes
    with suppress(ValueError, OSError):  # a lower limit is set on us already
        resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, before)


def _data_bytes() -> int:
    """What RLIMIT_DATA counts of this process, by ``proc(5)``."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return 1024 * int(line.split()[1])
    return 0


def _begin(nice: int, told: Any) -> None:
    """Lower the priority, ignore the terminal's signals, and exit with the parent."""
    global _told  # noqa: PLW0603 - one process has one
    _told = told
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
