"""Processes that do what a web process should not: open strangers' files, compute for seconds.

A file that crashes the decoder costs a helper, not the service.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from typing import Any

_NICE = 15


class HelperLostError(Exception):
    """The helper crashed over this call."""


class HelperSlowError(Exception):
    """The call is not done yet."""


class Helpers:
    """One process, started when it is needed and started again when it is lost.

    Args:
        ends_slow: whether a call that takes too long is ended; otherwise it goes on, and asking
            again waits for the same one.
    """

    def __init__(self, *, ends_slow: bool) -> None:
        self._ends_slow = ends_slow
        self._pool: ProcessPoolExecutor | None = None
        self._calls: dict[Hashable, Future[Any]] = {}
        self._lock = threading.Lock()

    def call(
        self, key: Hashable, function: Callable[..., Any], *arguments: Any, wait_s: float
    ) -> Any:
        """The result of a function of a module, run in the process.

        Calls with equal keys at the same time are one.

        Raises:
            HelperLostError: if the process died.
            HelperSlowError: if it takes longer than ``wait_s``.
            Exception: whatever the function raised.
        """
        with self._lock:
            call = self._calls.get(key)
            if call is None:
                call = self._submit(function, arguments)
                self._calls[key] = call
        try:
            result = call.result(wait_s)
        except FutureTimeoutError as error:
            if self._ends_slow:
                self._end(key, call)
            raise HelperSlowError from error
        except BrokenProcessPool as error:
            self._end(key, call)
            raise HelperLostError from error
        except BaseException:
            self._forget(key, call)
            raise
        self._forget(key, call)
        return result

    def warm_up(self) -> None:
        """Start the process before it is needed."""
        with self._lock:
            self._submit(_nothing, ())

    def close(self) -> None:
        """End the process."""
        self._end(None, None)

    def _submit(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[Any]:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin)
        try:
            return self._pool.submit(function, *arguments)
        except (BrokenProcessPool, RuntimeError):  # it died between two calls
            self._pool = None
            return self._submit(function, arguments)

    def _forget(self, key: Hashable, call: Future[Any] | None) -> None:
        with self._lock:
            if self._calls.get(key) is call:
                self._calls.pop(key, None)

    def _end(self, key: Hashable, call: Future[Any] | None) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
            self._calls.clear()
        if pool is not None:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.kill()
            pool.shutdown(wait=False, cancel_futures=True)


def _nothing() -> None:
    """Imports what the real calls need."""
    import humantrack.service.derived  # noqa: F401


def _begin() -> None:
    """Be modest, deaf to Ctrl-C, which is for who started us, and gone when that one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
