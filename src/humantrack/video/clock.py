"""Timestamps of a container -> seconds that always increase."""

from __future__ import annotations

from fractions import Fraction

_JUMP_S = 1.0
_LONGEST_PAUSE_S = 86400


class Clock:
    """Seconds since the first frame.

    A missing timestamp comes one frame period after the frame before. One that does not increase
    is nudged past the frame before; after a jump back of more than a second (a broadcast that
    starts to count again), or ahead of more than a day (damage), the clock runs on from there.

    Args:
        time_base: seconds per tick.
        fps: average rate, for timestamps that are missing.
        origin: the tick of time 0; None takes the first timestamp.
    """

    def __init__(self, time_base: Fraction, fps: Fraction, origin: int | None = None) -> None:
        self._time_base, self._period = time_base, 1 / fps
        self._origin = None if origin is None else origin * time_base
        self._last: Fraction | None = None

    def time_s(self, stamp: int | None) -> float:
        """The time of the next frame, whose timestamp is ``stamp`` ticks."""
        following = Fraction(0) if self._last is None else self._last + self._period
        if stamp is None:
            time = following
        else:
            container_time = stamp * self._time_base
            if self._origin is None:
                self._origin = container_time - following
            time = container_time - self._origin
            if self._last is not None and self._jumps(time - self._last):
                self._origin += time - following
                time = following
            elif self._last is not None and time <= self._last:
                time = self._last + self._period / 8
        self._last = max(time, Fraction(0))
        return float(self._last)

    @staticmethod
    def _jumps(step: Fraction) -> bool:
        return step < -Fraction(_JUMP_S) or step > _LONGEST_PAUSE_S
