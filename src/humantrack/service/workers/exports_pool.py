"""Files that are made when they are asked for: a few at once, in turns between owners, bounded.

Whoever asks gets a :class:`Making`, which says how far it is and can be waited for or cancelled.
Each runs in a helper process, so that memory and time can be bounded and a cancel is at once.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Event
from typing import Any

from humantrack.service.workers.subprocess_pool import HelperLostError, Helpers

QUEUED, RUNNING, READY, FAILED, CANCELLED = "queued", "running", "ready", "failed", "cancelled"

_MOST_ENDED = 1000
_IDLE_S = 120.0
"""A helper process without work for so long is ended; it holds memory."""


class PoolFullError(Exception):
    """The owner has too many waiting already."""


class Making:
    """One thing that is being made."""

    def __init__(
        self,
        key: Hashable,
        owner: str,
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        scratch: Path | None,
    ) -> None:
        self.key, self.owner = key, owner
        self.state = QUEUED
        self.error: BaseException | None = None
        """Why it failed."""

        self._call, self._arguments, self._scratch = call, arguments, scratch
        self._helpers: Helpers | None = None
        self._over = Event()

    @property
    def fraction(self) -> float | None:
        """How much is done (0..1); None where nobody knows."""
        if self.state == READY:
            return 1.0
        helpers = self._helpers
        return 0.0 if self.state == QUEUED else None if helpers is None else helpers.fraction

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whichever way."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait; True if it is over."""
        return self._over.wait(seconds)

    def _run(self, helpers: Helpers) -> BaseException | None:
        """Make it; gives what went wrong."""
        try:
            helpers.call(self.key, self._call, *self._arguments, wait_s=None)
        except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
            return error
        finally:
            self._clean_up()
        return None

    def _clean_up(self) -> None:
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


class Pool:
    """Makes things in helper processes, started when they are needed.

    Args:
        size: how many at once.
        share: how many of these one owner may have.
        most_waiting: of one owner.
        helpers: makes a helper with its bounds.
    """

    def __init__(
        self, *, size: int, share: int, most_waiting: int = 100, helpers: Callable[[], Helpers]
    ) -> None:
        self._share, self._most_waiting = share, most_waiting
        self._waiting: OrderedDict[str, deque[Making]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._known: OrderedDict[Hashable, Making] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._helpers = [helpers() for _ in range(size)]
        self._threads = [
            threading.Thread(target=self._work, args=(one,), name="pool", daemon=True)
            for one in self._helpers
        ]

    def ask(
        self,
        key: Hashable,
        owner: str,
        call: Callable[..., Any],
        *arguments: Any,
        scratch: Path | None = None,
    ) -> Making:
        """Have something made; what is being made under this key already is that.

        Args:
            key: of the thing.
            owner: whose turn it takes.
            call: a function of a module, run in a helper with ``arguments``.
            arguments: that can be sent to another process.
            scratch: a folder that is removed afterwards, however it ends.

        Raises:
            PoolFullError: if the owner has too many waiting.
            HelperLostError: if the pool is closed.
        """
        with self._changed:
            if self._closed:
                raise HelperLostError
            known = self._known.get(key)
            if known is not None and not known.is_over:
                return known
            line = self._waiting.setdefault(owner, deque())
            if len(line) >= self._most_waiting:
                raise PoolFullError
            making = Making(key, owner, call, arguments, scratch)
            line.append(making)
            self._remember(making)
            for thread in self._threads:
                if thread.ident is None:
                    thread.start()
            self._changed.notify_all()
            return making

    def find(self, key: Hashable) -> Making | None:
        """What is being made under a key, or was lately."""
        with self._changed:
            return self._known.get(key)

    def ahead(self, making: Making) -> int:
        """How many of its owner's are before it."""
        with self._changed:
            line = self._waiting.get(making.owner, deque())
            return line.index(making) if making in line else 0

    def forget(self, making: Making) -> None:
        """Say nothing more of something that is over, so that asking again makes it anew."""
        with self._changed:
            if making.is_over and self._known.get(making.key) is making:
                del self._known[making.key]

    def cancel(self, which: Callable[[Hashable], bool]) -> list[Making]:
        """Cancel what is waiting or being made under such keys; gives what was."""
        with self._changed:
            found = [m for m in self._known.values() if not m.is_over and which(m.key)]
            for making in found:
                helpers, was = making._helpers, making.state
                making.state = CANCELLED
                if was == QUEUED:
                    self._waiting[making.owner].remove(making)
                    making._over.set()
                elif helpers is not None:
                    helpers.end_process()
        for making in found:
            while not making.wait(0.2):  # its process may only be about to begin
                with self._changed:
                    if making._helpers is not None:
                        making._helpers.end_process()
        return found

    def close(self) -> None:
        """End everything; who waits for something hears that it failed."""
        with self._changed:
            self._closed = True
            for line in self._waiting.values():
                for making in line:
                    self._end(making, FAILED, HelperLostError())
                line.clear()
            self._changed.notify_all()
        for one in self._helpers:
            one.close()

    # -- the pool's threads -------------------------------------------------------------------

    def _work(self, helpers: Helpers) -> None:
        while (making := self._take(helpers)) is not None:
            error = making._run(helpers)
            with self._changed:
                making._helpers = None
                self._running[making.owner] -= 1
                self._running += Counter()  # forgets those with none
                state = making.state if making.state == CANCELLED else READY
                self._end(making, state if error is None or state == CANCELLED else FAILED, error)
                self._changed.notify_all()

    def _take(self, helpers: Helpers) -> Making | None:
        """The next thing to make, now this thread's; None when the pool is closed."""
        with self._changed:
            while not self._closed:
                making = self._next()
                if making is not None:
                    helpers.begin_telling()
                    making.state, making._helpers = RUNNING, helpers
                    self._running[making.owner] += 1
                    return making
                if not self._changed.wait(_IDLE_S):
                    helpers.end_process()
        return None

    def _next(self) -> Making | None:
        """Owners take turns; whoever has its share already is passed over."""
        for owner, line in list(self._waiting.items()):
            if not line:
                del self._waiting[owner]
            elif self._running[owner] < self._share:
                self._waiting.move_to_end(owner)
                return line.popleft()
        return None

    def _end(self, making: Making, state: str, error: BaseException | None) -> None:
        making.state, making.error = state, error if state == FAILED else None
        making._over.set()

    def _remember(self, making: Making) -> None:
        self._known.pop(making.key, None)
        self._known[making.key] = making
        for key in [k for k, m in self._known.items() if m.is_over][:-_MOST_ENDED]:
            del self._known[key]
