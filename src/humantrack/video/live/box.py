"""Between the thread that reads a live source and who takes its frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 16
"""Things that wait if all are kept; then who puts waits."""

_LOOK_S = 0.1
"""How often who waits looks whether it is over, on every system."""


class Box(Generic[T]):
    """Holds the newest thing, or a few in order.

    Args:
        keeps_all: what is not taken is waited for; else it is replaced by the next, and counted.
    """

    def __init__(self, *, keeps_all: bool) -> None:
        self._keeps_all = keeps_all
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._is_closed = self._is_finished = False
        self.skipped = 0
        """Things that nobody took."""

    def put(self, item: T) -> bool:
        """Put one in; False if nobody takes any more."""
        with self._changed:
            while self._keeps_all and len(self._items) >= _MOST and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return False
            if not self._keeps_all and self._items:
                self._items.clear()
                self.skipped += 1
            self._items.append(item)
            self._changed.notify_all()
            return True

    def take(self, is_over: Callable[[], bool]) -> T | None:
        """Take the next; None when there will be none, or it is over while none is there."""
        with self._changed:
            while not self._items:
                if self._is_finished or self._is_closed or is_over():
                    return None
                self._changed.wait(_LOOK_S)
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def finish(self) -> None:
        """No more will be put in."""
        with self._changed:
            self._is_finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody will take any more."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()
