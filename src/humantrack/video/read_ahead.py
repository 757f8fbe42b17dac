"""Runs an iterator in a thread, a bounded number of items ahead of its consumer."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")

_WAKE_S = 0.5


class ReadAhead(Iterator[T]):
    """The items of ``items``, made up to ``depth`` ahead in a thread of their own.

    An exception of ``items`` is raised where the consumer stands when it gets there. The thread
    ends with the items, on ``close``, and when this object is garbage or the interpreter exits;
    ``items`` is closed by the thread that ran it.

    Args:
        items: an iterator; if it has ``close`` (a generator), that is called at the end.
        depth: items made ahead, at least 1.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        mailbox: _Mailbox[T] = _Mailbox(depth)
        # The thread must not know this object, or it could never become garbage.
        thread = threading.Thread(
            target=_fill, args=(items, mailbox), name="humantrack-read-ahead", daemon=True
        )
        self._mailbox = mailbox
        self._stop = weakref.finalize(self, _stop, mailbox, thread)
        thread.start()

    def __next__(self) -> T:
        return self._mailbox.take()

    def close(self) -> None:
        """Stop the thread and wait for it; a consumer that waits gets the end of the items."""
        self._stop()

    def __enter__(self) -> ReadAhead[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Mailbox(Generic[T]):
    """A bounded queue that knows its end, an error, and being closed from either side."""

    def __init__(self, depth: int) -> None:
        self._items: deque[T] = deque()
        self._depth = max(1, depth)
        self._error: BaseException | None = None
        self._finished = self._closed = False
        # A re-entrant lock, since the garbage collector may call close() inside put().
        self._changed = threading.Condition(threading.RLock())

    def put(self, item: T) -> bool:
        """Wait for room and add an item; False if nobody wants any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._depth)
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def finish(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._finished, self._error = True, error
            self._changed.notify_all()

    def take(self) -> T:
        """Wait for the next item; raises the producer's error, or StopIteration at the end."""
        with self._changed:
            while not self._changed.wait_for(self._has_news, timeout=_WAKE_S):
                pass  # wakes periodically, since Windows cannot interrupt an endless wait
            if self._closed:
                raise StopIteration
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
            if error is not None:
                raise error
            raise StopIteration

    def _has_news(self) -> bool:
        return self._closed or self._finished or bool(self._items)

    def close(self) -> None:
        """Drop what is inside and let both sides go."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._error = None
            self._changed.notify_all()


def _fill(items: Iterator[T], mailbox: _Mailbox[T]) -> None:
    error: BaseException | None = None
    try:
        try:
            for item in items:
                if not mailbox.put(item):
                    break
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
    except BaseException as caught:  # noqa: BLE001 - handed to the consumer, which raises it
        error = caught
    mailbox.finish(error)


def _stop(mailbox: _Mailbox[T], thread: threading.Thread) -> None:
    mailbox.close()
    if thread.is_alive() and thread is not threading.current_thread():
        thread.join()
