"""Timestamps of a container -> seconds that always increase."""

from __future__ import annotations

from fractions import Fraction

_BACK_S = Fraction(1, 4)
_BACK_PERIODS = 5
"""A step back by more than both is a clock that starts again; by less, frames out of order."""

PAUSE_PERIODS = 100
"""A pause may always be this many frames long, so that a slow time-lapse keeps its times."""

_BROADCAST = frozenset({"mpegts", "mpeg", "mpegtsraw", "rtp", "rtsp", "sdp"})
"""FFmpeg's names of formats whose clocks may be set on the way (AVFMT_TS_DISCONT)."""

_BROADCAST_PAUSE_S = 10
"""As for ffmpeg's option ``dts_delta_threshold``."""

_LONGEST_PAUSE_S = 3600


def longest_pause_s(format_name: str) -> int:
    """Seconds after which a step ahead of this format's clock counts as a jump."""
    return _BROADCAST_PAUSE_S if format_name in _BROADCAST else _LONGEST_PAUSE_S


def jumps(step_s: Fraction, period_s: Fraction, pause_s: float) -> bool:
    """True if a clock was set between two frames, rather than time having passed.

    Args:
        step_s: from one timestamp to the next.
        period_s: of a frame.
        pause_s: from :func:`longest_pause_s`.
    """
    if step_s < 0:
        return -step_s > max(_BACK_S, _BACK_PERIODS * period_s)
    return step_s > max(Fraction(pause_s), PAUSE_PERIODS * period_s)


class Clock:
    """Seconds since the first frame.

    A missing timestamp comes one frame period after the frame before. One that does not increase
    is nudged past the frame before, and further ones behind it (a clock that stalls) follow one
    period after the other. Where a clock jumps (see :func:`jumps`) time runs on from there, and
    if the jump was one frame's alone it is forgotten.

    Args:
        time_base: seconds per tick.
        fps: average rate, for timestamps that are missing.
        origin: the tick of time 0; None takes the first timestamp.
        pause_s: from :func:`longest_pause_s`.
    """

    def __init__(
        self,
        time_base: Fraction,
        fps: Fraction,
        origin: int | None = None,
        *,
        pause_s: float = _LONGEST_PAUSE_S,
    ) -> None:
        self._time_base, self._period, self._pause_s = time_base, 1 / fps, pause_s
        self._origin = None if origin is None else origin * time_base
        self._origin_before: Fraction | None = None  # of the clock before a jump just made
        self._last: Fraction | None = None
        self._is_behind = False
        self.jumps = 0
        """How often the clock was set."""

    def time_s(self, stamp: int | None) -> float:
        """The time of the next frame, whose timestamp is ``stamp`` ticks."""
        self._last = max(self._next(stamp), Fraction(0))
        return float(self._last)

    def _next(self, stamp: int | None) -> Fraction:
        last = self._last
        following = Fraction(0) if last is None else last + self._period
        if stamp is None:
            return following
        container_time = stamp * self._time_base
        if self._origin is None:
            self._origin = container_time - following
        time = container_time - self._origin
        before, self._origin_before = self._origin_before, None
        if last is None:
            return time
        if before is not None and self._follows(container_time - before, last):
            self._origin = before  # one damaged stamp, and the clock goes on as it was
            self.jumps -= 1
            return container_time - before
        if jumps(time - last, self._period, self._pause_s):
            self._origin_before, self._origin = self._origin, container_time - following
            self.jumps += 1
            return following
        if time > last:
            self._is_behind = False
            return time
        was_behind, self._is_behind = self._is_behind, True
        return following if was_behind else last + self._period / 8

    def _follows(self, time: Fraction, last: Fraction) -> bool:
        return last < time <= last + 2 * self._period
