"""When frames of a stream were captured, from when they came."""

from __future__ import annotations

import math

_BUCKET_S = 30.0
"""The quickest frame of the last one to two of these counts, since clocks of cameras drift."""

_START_S = 60.0

_BLIND_S = 1.0
"""Without a stamp for so long, what the stream's own clock would say is anybody's guess."""


class Arrival:
    """Follows by how much a stream's times and the clock of this machine differ.

    A frame cannot come before it was captured, so the one that came quickest tells most: the first
    ones have waited until the stream was understood.
    """

    def __init__(self) -> None:
        self.start = math.inf
        """The difference by the first minute's frames: when time 0 was."""

        self._first_s = math.nan
        self.restart()

    def restart(self) -> None:
        """Of a new connection, earlier frames say nothing."""
        self._before = self._current = math.inf
        self._until_s = -math.inf

    @property
    def newest(self) -> float:
        """The difference by the frames of the last half to whole minute."""
        return min(self._before, self._current)

    def note(self, time_s: float, arrived_s: float) -> None:
        """A frame of this time came then."""
        offset = arrived_s - time_s
        if math.isnan(self._first_s):
            self._first_s = arrived_s
        if arrived_s < self._first_s + _START_S:
            self.start = min(self.start, offset)
        if arrived_s >= self._until_s:
            self._before, self._current = self._current, offset
            self._until_s = arrived_s + _BUCKET_S
        self._current = min(self._current, offset)


class Stamps:
    """Whether the stamps of a connection's frames tell their times.

    One frame may come without (an RTSP stream's first sometimes does), and its time follows from
    those beside it. Where there are none, or none for a second, times are those of arrival.

    Args:
        period_s: of a frame.
    """

    def __init__(self, period_s: float) -> None:
        self._most = max(1, round(_BLIND_S / period_s))
        self._missing, self._any = 0, False

    def tell(self, has_stamp: bool) -> bool:
        """Take note of the next frame; gives whether its time can be told without its arrival."""
        self._any |= has_stamp
        self._missing = 0 if has_stamp else self._missing + 1
        return self._missing <= (self._most if self._any else 1)
