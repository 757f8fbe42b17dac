"""What waits for one client: final records in order, and the newest provisional one."""

from __future__ import annotations

import asyncio
from collections import deque

from humantrack.live.records import State

MOST_FINAL = 256
"""Final records that wait for a client; then the oldest goes."""


class Mailbox:
    """Filled and emptied in one event loop; who fills it never waits."""

    def __init__(self, most_final: int = MOST_FINAL) -> None:
        self._most_final = most_final
        self._waiting: deque[tuple[State, str]] = deque()
        self._changed = asyncio.Event()
        self._is_finished = self._is_closed = False
        self._lost: dict[State, int] = {"provisional": 0, "final": 0}

    def put(self, state: State, text: str) -> None:
        """Add a record; a provisional one takes the place of the one before, if that still waits.

        A final one takes the place of the oldest when too many wait.
        """
        most = 1 if state == "provisional" else self._most_final
        same = [item for item in self._waiting if item[0] == state]
        if len(same) >= most:
            self._waiting.remove(same[0])
            self._lost[state] += 1
        self._waiting.append((state, text))
        self._changed.set()

    async def take(self) -> tuple[str, dict[State, int]] | None:
        """The next record, and how many were lost since the last; None: there will be none."""
        while not self._waiting or self._is_closed:
            if self._is_finished or self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        _, text = self._waiting.popleft()
        lost, self._lost = self._lost, {"provisional": 0, "final": 0}
        return text, lost

    def finish(self) -> None:
        """No more will be put in."""
        self._is_finished = True
        self._changed.set()

    def close(self) -> None:
        """Nobody takes any more."""
        self._is_closed = True
        self._changed.set()
