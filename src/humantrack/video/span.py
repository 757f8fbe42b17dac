"""The part of a source that a run asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from humantrack.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Frames from a start (inclusive) to an end (exclusive), by number and by time together.

    Raises:
        ConfigError: for a negative bound.
    """

    start_frame: int = 0
    end_frame: int | None = None
    start_time_s: float = 0.0
    end_time_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("start_frame", "end_frame", "start_time_s", "end_time_s"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise ConfigError(
                    f"{name} must not be negative",
                    where=value,
                    hint="leave it out, or give -1, for the start or the end of the source",
                )

    @staticmethod
    def of(
        start_frame: int | None,
        end_frame: int | None,
        start_time_s: float | None,
        end_time_s: float | None,
    ) -> Span:
        """The span of bounds in which None and -1 mean "the start" or "the end"."""
        return Span(
            start_frame=0 if start_frame in (None, -1) else int(start_frame or 0),
            end_frame=None if end_frame is None or end_frame == -1 else int(end_frame),
            start_time_s=0.0 if start_time_s in (None, -1) else float(start_time_s or 0),
            end_time_s=None if end_time_s is None or end_time_s == -1 else float(end_time_s),
        )

    @property
    def is_from_start(self) -> bool:
        """True if no frame is left out before the first one wanted."""
        return self.start_frame == 0 and self.start_time_s == 0.0

    def is_before(self, source_index: int, time_s: float) -> bool:
        """True if this frame comes before the span."""
        return source_index < self.start_frame or time_s < self.start_time_s

    def is_past(self, source_index: int, time_s: float) -> bool:
        """True if this frame and all later ones come after the span."""
        return (self.end_frame is not None and source_index >= self.end_frame) or (
            self.end_time_s is not None and time_s >= self.end_time_s
        )

    def why_empty(self, frames: int | None, duration_s: float | None) -> str:
        """Which bound leaves no frame of a source of this length, by the names of the options."""
        start, end = f"video.start_time={self.start_time_s:g}", f"video.end_time={self.end_time_s}"
        first, last = f"video.start_frame={self.start_frame}", f"video.end_frame={self.end_frame}"
        if self.end_time_s is not None and self.end_time_s <= self.start_time_s:
            return f"{end} s is not later than {start} s, so there is no frame between"
        if self.end_frame is not None and self.end_frame <= self.start_frame:
            return f"{last} is not later than {first}, so there is no frame between"
        late = duration_s is not None and self.start_time_s >= duration_s
        far = frames is not None and self.start_frame >= frames
        has_end = self.end_time_s is not None or self.end_frame is not None
        if self.start_time_s and (late or not (far or has_end or self.start_frame)):
            return f"{start} s lies beyond the end of the video"
        if self.start_frame and (far or not (has_end or self.start_time_s)):
            return f"{first} lies beyond the end of the video"
        return "no frame between the start and the end asked for"

    def count(self, total: int | None, fps: Fraction) -> int | None:
        """Frames of a source of ``total`` frames at a constant rate that lie in the span."""
        first = max(self.start_frame, _frames_before(self.start_time_s, fps))
        ends = [total, self.end_frame]
        if self.end_time_s is not None:
            ends.append(_frames_before(self.end_time_s, fps))
        known = [end for end in ends if end is not None]
        return max(0, min(known) - first) if known else None


def _frames_before(time_s: float, fps: Fraction) -> int:
    return math.ceil(float(time_s * fps) - 1e-6)
