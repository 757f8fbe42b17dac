"""Who may wait: new jobs for their clips to be opened, requests for what is being made."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

_REST_S = 4.0
"""After a rest, so many seconds' worth may pass at once."""

_LONGEST_S = 30.0


class LineFullError(Exception):
    """There are no places left, or not for this owner."""


class Line:
    """A line with few places, since each holds a thread, that moves on at a steady pace.

    Args:
        places: how many may be in it.
        share: how many of them one owner may have.
        rate: a second; 0 = everybody at once.
        open_: whoever waits passes at once when this is set.
    """

    def __init__(self, *, places: int, share: int, rate: float, open_: Event) -> None:
        self._places, self._share, self._open = places, share, open_
        self._step_s = 1 / rate if rate else 0.0
        self._inside: Counter[str] = Counter()
        self._next_s = -math.inf
        self._lock = threading.Lock()

    @contextmanager
    def place(self, owner: str) -> Iterator[None]:
        """Have a place while inside; goes in when it is one's turn.

        Raises:
            LineFullError: if there is none, or the turn would come too late.
        """
        wait_s = self._enter(owner)
        try:
            if wait_s > 0:
                self._open.wait(wait_s)
            yield
        finally:
            with self._lock:
                self._inside[owner] -= 1
                self._inside += Counter()  # forgets those with none

    def _enter(self, owner: str) -> float:
        with self._lock:
            now = time.monotonic()
            turn_s = max(self._next_s, now - _REST_S)
            is_full = self._inside.total() >= self._places or self._inside[owner] >= self._share
            if is_full or turn_s - now > _LONGEST_S:
                raise LineFullError
            self._next_s = turn_s + self._step_s
            self._inside[owner] += 1
        return turn_s - now


class Waits:
    """How many requests wait for something to be made, as each holds a thread.

    Args:
        places: at most so many.
        share: of one owner; browsers have six connections.
    """

    def __init__(self, *, places: int, share: int = 3) -> None:
        self._places, self._share = places, share
        self._inside: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, owner: str) -> Iterator[bool]:
        """Have a place while inside; False if there is none."""
        with self._lock:
            has = self._inside.total() < self._places and self._inside[owner] < self._share
            self._inside[owner] += has
        try:
            yield has
        finally:
            with self._lock:
                self._inside[owner] -= has
                self._inside += Counter()  # forgets those with none
